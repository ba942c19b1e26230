# fuzz_all SECONDS [in-all]: builds the fuzzers (with the unit tests) and runs each for SECONDS, or all together for as long, two at a time; sourced.
# The everyday test walks the same way each time, however far it gets: from tests/fuzz/corpus and the same seeds into empty corpora, by a
# fixed random number, and not by values that are compared, for addresses are among them. Others go on with the corpora that grow in the
# cache, by a random number that they print. All together write docs/fuzz.md.

# Makes $seeds, the files that all fuzzers start from: the same in every checkout that ran the same steps before.
fuzz_seeds() {
    seeds=$POMONA_BUILD/fuzz-seeds
    work=$seeds.work
    rm -rf "$seeds" "$work"
    mkdir -p "$seeds" "$work"
    cp "$POMONA_BUILD/guests/pip/pip.im4p" "$seeds/" 2>/dev/null || true
    python3 -c 'import sys; d = open(sys.argv[1], "rb").read(); open(sys.argv[2], "wb").write(d[d.index(b"bvx-") + 8:d.rindex(b"bvx$")])' \
        "$POMONA_BUILD/guests/pip/pip.im4p" "$seeds/pip.kc"
    sed 's/INITRD_END/0x48000000/' tests/guest/kvm/linux.dts | dtc -q -I dts -O dtb -o "$seeds/linux.dtb"
    for kind in 2 6; do { printf "\\00$kind"; cat "$POMONA_BUILD/guests/pip/pip.im4p"; } >"$seeds/boot-$kind"; done
    { printf '\001'; head -c 100000 "$POMONA_CACHE"/trixie-arm64/boot/vmlinuz-* 2>/dev/null || true; } >"$seeds/boot-linux"
    python3 -c 'import struct, sys
sys.stdout.buffer.write(b"\1" + struct.pack("<IIQQQ24x4sI", 0x91005A4D, 0x14000010, 0, 0x10000, 10, b"ARM\x64", 0))' >"$seeds/boot-image"
    { printf '\003'; head -c 4096 "$POMONA_BUILD/smp/smp.elf" 2>/dev/null || true; } >"$seeds/boot-elf"
    # For the devices: a driver's start and a block request of each type (tests/fuzz/fuzz_devices.c has the operations).
    for type in 0 1 4 8 11 13; do
        case $type in 0 | 8) flags=3 ;; *) flags=1 ;; esac
        python3 -c 'import sys; t, f = map(int, sys.argv[1:]); desc = lambda i, at, size, flags, next: bytes([1, i, at, size & 255, size >> 8, flags, next])
sys.stdout.buffer.write(bytes([6, 1, 0xf2, 0, t] + [0] * 15) + desc(0, 0, 16, 1, 1) + desc(1, 4, 16 if t > 8 else 20 if t == 8 else 512, f, 2)
    + desc(2, 2, 1, 2, 0) + bytes([0x47, 0, 5]))' $type $flags >"$seeds/devices-$type"
    done
    printf 'bvx-\004\000\000\000abcdbvx$' >"$seeds/raw.lzfse"
    cp "$POMONA_BUILD"/tests/unit/*.im4p "$POMONA_BUILD"/tests/unit/*.img4 "$POMONA_BUILD"/tests/unit/*.macho \
        "$POMONA_BUILD"/tests/unit/*.adt "$POMONA_BUILD"/tests/unit/*.tc "$POMONA_BUILD"/tests/unit/*.nvram \
        "$POMONA_BUILD"/tests/unit/text.* "$seeds/"
    # Threads of pointers, signatures and export tries, where their tests have run; a small table of what DWARF says.
    cp "$POMONA_BUILD"/macho/threads "$POMONA_BUILD"/macho-sign/signed "$POMONA_BUILD"/macho-symbols/trie.dylib "$POMONA_BUILD"/macho-symbols/dyld_info.dylib \
        "$seeds/" 2>/dev/null || true
    python3 -c 'import struct, sys
rows = [(0x100, 1, 5, 1, 0), (0x120, 1, 6, 2, 1), (0x140, 0xFFFFFFFF, 0, 0, 2)]
scopes = [(0xFFFFFFFF, 2, 5, 0, 0, 0), (0, 2, 7, 1, 9, 3)]
ranges = [(0x100, 0x140, 0, 0), (0x110, 0x130, 1, 0)]
strings = b"\0a.c\0f\0g\0"
sys.stdout.buffer.write(struct.pack("<4Q128x", 3, 2, 2, len(strings)) + b"".join(struct.pack("<Q4I", *x) for x in rows)
    + b"".join(struct.pack("<6I", *x) for x in scopes) + b"".join(struct.pack("<QQII", *x) for x in ranges) + strings)' >"$seeds/tables"
    # Kernel collections of both forms, small enough to be read whole.
    python3 -c 'import sys; sys.path.insert(0, "tests/image"); import mkkc
for kind in "fileset", "prelinked", "modules":
    some = [k for k in mkkc.kexts() if "SEP" not in k.bundle][:6 if kind == "fileset" else 5]
    open(f"{sys.argv[1]}/{kind}.kc", "wb").write(mkkc.build(kind, some, sys.argv[2]).data)' "$seeds" "$work"
    cat >"$seeds/panic.ips" <<'P'
{"bug_type":"210"}
{"panicString":"panic(cpu 2 caller 0xfffffe001833ef3c): Kernel data abort. at pc 0xfffffe001833ef3c, lr 0xc28e7e0020988808\nFileset Kernelcache UUID: 237F707F2C936284529E815DC95EF785\nKernelCache slide: 0x000000000fbf0000\nKernelCache base:  0xfffffe0016bf4000\nKernel text base:  0xfffffe0016bfc000\n\t\t  lr: 0xfffffe001833ef3c  fp: 0xfffffe1a29ffb8a0\n      Kernel Extensions in backtrace:\n         com.example.driver.A(1.0)[7041977D-27BD-3FD2-A437-16DD6B6A447F]@0xfffffe001ac4a120->0xfffffe001ac4bad3\n"}
P
    # An APFS container of four blocks: superblock, object map, its tree, a volume.
    python3 -c 'import struct, sys
head = lambda oid, kind, sub: struct.pack("<QQQII", 0, oid, 1, kind, sub)
top = bytearray((head(1, 0x80000001, 0) + b"NXSB" + struct.pack("<IQ", 4096, 4)).ljust(4096, b"\0"))
struct.pack_into("<Q", top, 0xA0, 1)
struct.pack_into("<Q", top, 0xB8, 1026)
tree = head(2, 0x40000002, 11) + struct.pack("<HHI8H", 7, 0, 1, 0, 64, 16, 0, 0xFFFF, 0, 0xFFFF, 0) + struct.pack("<HH", 0, 16).ljust(64, b"\0")
tree = (tree + struct.pack("<QQ", 1026, 1)).ljust(4096 - 56, b"\0") + struct.pack("<IIQ", 0, 4096, 3) + bytes(40)
sys.stdout.buffer.write(bytes(top) + (head(1, 0x4000000B, 0) + struct.pack("<QQ", 0, 2)).ljust(4096, b"\0") + tree
    + (head(1026, 13, 0) + b"APSB").ljust(4096, b"\0"))' >"$seeds/small.apfs"
    # A small volume and disk images of it; one that uses all kinds of compression.
    mkdir -p "$work/in/folder"
    echo 'a small file' >"$work/in/folder/file"
    TZ=UTC SOURCE_DATE_EPOCH=1767225600 xorriso -as mkisofs -hfsplus --set_all_file_dates 2026010100000000 -o "$seeds/hybrid.iso" "$work/in" >"$work/log" 2>&1
    truncate -s 180K "$seeds/hybrid.iso"
    python3 tests/image/containers.py udif xz "$seeds/hybrid.iso" "$seeds/xz.dmg"
    python3 tests/image/containers.py udif zlib "$seeds/hybrid.iso" "$seeds/zlib.dmg"
    python3 tests/image/containers.py pbzx "$seeds/xz.dmg" "$seeds/disk.pbzx"
    . tests/lib/lzfse.sh
    fetch_lzfse
    python3 tests/image/hfs.py --small "$seeds/packed.hfs" "$work/expected"
    python3 tests/image/containers.py udif adc "$seeds/packed.hfs" "$seeds/adc.dmg"
}

fuzz_all() {
    seconds=$1
    . tests/lib/sanitized.sh
    ninja -C "$dir" build.ninja >/dev/null
    ninja -C "$dir" $(cd "$dir" 2>/dev/null && ninja -t targets all | grep -o '^tests/fuzz/fuzz_[a-z0-9]*:' | tr -d :)
    fuzz_seeds
    for program in "$dir"/tests/fuzz/fuzz_*[a-z0-9]; do
        [ -f "$program" ] && [ -x "$program" ] && echo "$program"
    done >"$dir/programs"
    [ -z "${2:-}" ] || seconds=$((seconds * 2 / $(wc -l <"$dir/programs")))
    case $POMONA_TIER in
    test | one)
        corpora=$POMONA_BUILD/fuzz walk='-seed=1 -use_cmp=0'
        rm -rf "$corpora"
        ;;
    *) corpora=$POMONA_CACHE walk=-seed=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ') ;;
    esac
    echo "corpora in $corpora, $walk"
    failed=0
    # libarchive asks for as many bytes as a cpio header says that a name has, up to 4 GiB, before it finds that they are not there:
    # so much is not given, for it takes seconds to mark.
    # The seeds come as a list, for a folder's order is its file system's.
    xargs -P2 -I{} sh -c 'name=$(basename {}) corpus="$0/fuzz-$(basename {})"
        mkdir -p "$corpus"
        ls "$1"/* tests/fuzz/corpus/"${name#fuzz_}"/* 2>/dev/null | LC_ALL=C sort | paste -sd, >"$corpus.seeds"
        ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=2000 {} '"$walk"' -max_total_time='"$seconds"' -rss_limit_mb=3000 -timeout=10 \
            -max_len=200000 -reload=0 -artifact_prefix="$corpus/crash-" -print_final_stats=1 -seed_inputs=@"$corpus.seeds" "$corpus" \
            >"$corpus.log" 2>&1 || { tail -30 "$corpus.log"; exit 1; }' "$corpora" "$seeds" <"$dir/programs" || failed=1
    [ -z "${2:-}" ] || python3 tests/fuzz/report.py "$corpora" "$dir/programs" >docs/fuzz.md
    echo "result: $(wc -l <"$dir/programs") fuzzers, $seconds s each, $walk"
    return $failed
}
