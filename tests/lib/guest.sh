# Helpers for tests that boot guests; sourced. Guests come from Debian's packages, unpacked under the cache.

installer=$POMONA_CACHE/installer/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64

fetch_installer() {
    tools/fetch-debs bookworm arm64 "$POMONA_CACHE/installer" debian-installer-12-netboot-arm64
}

# Sets kernel to Debian's of kind $1 (arm64, arm64-16k, cloud-arm64, rt-arm64) in suite $2, trixie if not given.
fetch_kernel() {
    suite=${2:-trixie}
    tools/fetch-debs "$suite" arm64 "$POMONA_CACHE/$suite-$1" "dep:linux-image-$1"
    kernel=$(ls "$POMONA_CACHE/$suite-$1"/boot/vmlinuz-* | head -1)
}

# busybox as the only program: an initramfs whose /init is the script given on standard input. Further arguments are folders
# whose content goes into its root.
make_initramfs() {
    tools/fetch-debs trixie arm64 "$POMONA_CACHE/busybox" busybox-static
    root=$(mktemp -d) image=$1
    shift
    mkdir -p "$root/bin" "$root/proc" "$root/sys" "$root/dev" "$root/tmp"
    cp "$POMONA_CACHE/busybox/usr/bin/busybox" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    for folder; do
        cp -a "$folder/." "$root"
    done
    cat >"$root/init"
    chmod +x "$root/init"
    (cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$image"
    rm -rf "$root"
}

# Copies the given folders of the kernel's module tree (kernel/lib, ...) into the root $1, unpacked, with their index.
copy_modules() {
    to=$1
    shift
    tree=$(ls -d "$(dirname "$(dirname "$kernel")")"/usr/lib/modules/*)
    mkdir -p "$to/lib/modules/${tree##*/}"
    cp "$tree"/modules.* "$to/lib/modules/${tree##*/}"
    (cd "$tree" && find "$@" -name '*.ko.xz' | cpio -pdm --quiet "$to/lib/modules/${tree##*/}")
    find "$to/lib/modules" -name '*.ko.xz' -exec xz -d {} +
    /sbin/depmod -b "$to" "${tree##*/}"
}

# For docs/oracles.md: the encodings that a run with `--log encodings` met, taken from its standard error $2, as lines
# "SUITE ROW" for suite $1 in $POMONA_ROWS.
note_encodings() {
    [ -z "${POMONA_ROWS:-}" ] || sed -n "s/\r//; s/^pomona: encodings: /$1 /p" "$2" >>"$POMONA_ROWS"
}
