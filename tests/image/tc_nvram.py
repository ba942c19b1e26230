#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The tc and nvram verbs against readers and writers of this file's own: tc_nvram.py POMONA FIXTURES WORK"""
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys

pomona, fixtures, work = sys.argv[1:]
sys.path.insert(0, "tests/unit/image")
cases = 0


def run(*arguments, status=0):
    done = subprocess.run([pomona, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != status:
        sys.exit(f"{' '.join(arguments)}: status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def check(what, condition):
    global cases
    cases += 1
    if not condition:
        sys.exit(f"FAIL: {what}")


def read(name):
    return open(f"{work}/{name}", "rb").read()


# ---- trust caches ----

def cdhash(path):
    """Of a thin signed Mach-O, by its load commands."""
    data = open(path, "rb").read()
    at, best = 32, None
    for _ in range(struct.unpack_from("<I", data, 16)[0]):
        cmd, size = struct.unpack_from("<II", data, at)
        if cmd == 0x1D:
            start, = struct.unpack_from("<I", data, at + 8)
            count, = struct.unpack_from(">I", data, start + 8)
            for i in range(count):
                offset, = struct.unpack_from(">I", data, start + 16 + 8 * i)
                magic, length = struct.unpack_from(">II", data, start + offset)
                if magic == 0xFADE0C02:
                    kind = data[start + offset + 37]
                    digest = {1: "sha1", 2: "sha256", 4: "sha384"}[kind]
                    found = kind, hashlib.new(digest, data[start + offset:start + offset + length]).digest()[:20]
                    best = max(best or found, found)
        at += size
    return best


programs = []
os.makedirs(f"{work}/root/usr/bin", exist_ok=True)
for i in range(5):
    open(f"{work}/p{i}.c", "w").write(f"int f{i}(int x) {{ return x + {i}; }}\n")
    subprocess.check_call(["clang-19", "--target=arm64-apple-macos13", "-c", f"{work}/p{i}.c", "-o", f"{work}/p{i}.o"])
    path = f"{work}/root/usr/bin/p{i}"
    subprocess.check_call(["ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-dylib", f"{work}/p{i}.o", "-o", path])
    programs.append(path)
hashes = sorted(cdhash(p)[1] for p in programs)
shutil.copy(f"{work}/p0.o", f"{work}/root/unsigned.o")
open(f"{work}/root/text", "w").write("no program " * 10)
# A fat file of another machine's slice and one of ours.
thin = open(programs[0], "rb").read()
fat = struct.pack(">IIIIIIIIIIII", 0xCAFEBABE, 2, 0x01000007, 3, 4096, 8, 0, 0x0100000C, 0, 16384, len(thin), 0)
open(f"{work}/root/fat", "wb").write(fat.ljust(4096, b"\0").ljust(16384, b"x") + thin)


def parse(data):
    version, uuid, count = struct.unpack_from("<I16sI", data)
    size = {1: 22, 2: 24}[version]
    check("size of the cache", len(data) == 24 + count * size)
    return version, [data[24 + i * size:24 + (i + 1) * size] for i in range(count)]


for version in (1, 2):
    run("tc", "create", "-v", str(version), "-o", f"{work}/made.tc", *programs)
    made, entries = parse(read("made.tc"))
    check("tc create PROGRAM", made == version and [e[:20] for e in entries] == hashes and all(e[20] == 2 for e in entries))
run("tc", "create", "-o", f"{work}/one.tc", *programs)
folder = run("tc", "create", f"{work}/root")
check("tc create FOLDER", folder == read("one.tc"))
subprocess.check_call(["xorriso", "-as", "mkisofs", "-hfsplus", "-V", "Ramdisk", "-o", f"{work}/ramdisk.iso", f"{work}/root"],
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
check("tc create RAMDISK", run("tc", "create", f"{work}/ramdisk.iso") == read("one.tc"))
info = json.loads(run("tc", "info", "--json", f"{work}/one.tc"))[0]
check("tc info", [bytes.fromhex(e["cdhash"]) for e in info["entries"]] == hashes and info["version"] == 1)
for path, (kind, value) in ((p, cdhash(p)) for p in programs):
    said = json.loads(run("macho", "info", "--sig", "--json", path))
    check("macho info --sig", said["cdhash"] == value.hex() and said["hash_type"] == kind)
run("tc", "remove", "-o", f"{work}/fewer.tc", f"{work}/one.tc", hashes[2].hex(), hashes[4].hex())
check("tc remove", [e[:20] for e in parse(read("fewer.tc"))[1]] == [hashes[i] for i in (0, 1, 3)])
run("tc", "append", "-o", f"{work}/more.tc", f"{work}/fewer.tc", *programs, "00" * 20)
check("tc append", [e[:20] for e in parse(read("more.tc"))[1]] == [bytes(20)] + hashes)
run("tc", "region", "-o", f"{work}/region", f"{work}/one.tc", f"{fixtures}/trust2.tc")
one, two = read("one.tc"), open(f"{fixtures}/trust2.tc", "rb").read()
check("tc region", read("region") == struct.pack("<III", 2, 12, 12 + len(one)) + one + two)
check("tc info of a region", len(json.loads(run("tc", "info", "--json", f"{work}/region"))) == 2)
run("img4", "create", "-t", "trst", "-c", "lzfse", "-i", f"{work}/one.tc", "-o", f"{work}/one.im4p")
check("tc info of an IM4P", run("tc", "info", f"{work}/one.im4p") == run("tc", "info", f"{work}/one.tc"))
run("tc", "create", f"{work}/p0.o", status=65)
run("tc", "create", f"{work}/p0.c", status=65)
run("tc", "remove", f"{work}/one.tc", "00" * 20, status=65)
run("tc", "info", f"{work}/p0.c", status=65)

# ---- NVRAM ----

def v3(data):
    """The records of an NVV3 store: (state, name, value)."""
    magic, size, generation, _, _, version = struct.unpack_from("<4sIIBBB", data)
    check("NVV3 header", magic == b"3VVN" and size == len(data) and version == 1)
    at, out = 24, []
    while at + 2 <= len(data) and data[at:at + 2] != b"\xff\xff":
        mark, state, _, _, name, length = struct.unpack_from("<HBBIII", data, at)
        check("NVV3 mark", mark == 0x55AA)
        out.append((state, data[at + 36:at + 36 + name - 1].decode(), data[at + 36 + name:at + 36 + name + length]))
        at += 36 + name + length
    return generation, out


for fixture in ("chrp", "v3"):
    source = f"{fixtures}/{fixture}.nvram"
    said = json.loads(run("nvram", "list", "--json", source))
    values = {v["name"]: v.get("value", v.get("hex")) for v in said}
    check("nvram list", values == {"boot-args": "-v serial=3", "blob": "01ffffff000002", "empty": ""})
    check("nvram get", run("nvram", "get", source, "boot-args") == b"-v serial=3\n")
    scope = ["--system"] if fixture == "v3" else []
    check("nvram get --raw", run("nvram", "get", *scope, "--raw", source, "blob") == b"\1\xff\xff\xff\0\0\2")
    run("nvram", "check", source)
    run("nvram", "get", source, "none", status=65)
    data = bytearray(open(source, "rb").read())
    data[0x78] ^= 1
    open(f"{work}/broken", "wb").write(data)
    run("nvram", "check", f"{work}/broken", status=65)

for form, size in (("chrp", 0x2000), ("v3", 0x1000)):
    bank = f"{work}/{form}.bank"
    run("nvram", "new", "--format", form, "--size", str(size), "-o", bank)
    check("size", os.path.getsize(bank) == size)
    run("nvram", "set", bank, "boot-args=-v debug=0x8", "auto-boot=true")
    run("nvram", "set", "--hex", bank, "bytes=00ff00ff2500ff")
    run("nvram", "set", "--system", bank, "boot-args=of the system")
    check("set", run("nvram", "get", bank, "boot-args") == b"-v debug=0x8\n" and
          run("nvram", "get", "--raw", bank, "bytes") == bytes.fromhex("00ff00ff2500ff") and
          run("nvram", "get", "--system", bank, "boot-args") == b"of the system\n")
    run("nvram", "set", "--delete", "auto-boot", bank)
    run("nvram", "get", bank, "auto-boot", status=65)
    run("nvram", "set", bank, "large=" + "x" * size, status=65)
    run("nvram", "check", bank)
# In place: the old records are marked, not moved.
before = read("v3.bank")
run("nvram", "set", f"{work}/v3.bank", "boot-args=changed")
after = read("v3.bank")
(generation, old), (again, new) = v3(before), v3(after)
check("NVV3 appends", len(new) == len(old) + 1 and new[-1] == (0x7F, "boot-args", b"changed") and generation == again)
check("NVV3 marks", [r[0] for r in old] != [r[0] for r in new[:-1]] and [r[1:] for r in old] == [r[1:] for r in new[:-1]])
check("NVV3 clears bits only", all(a & b == b or a == 0xFF for a, b in zip(before[24:], after[24:])))
for i in range(60):
    run("nvram", "set", f"{work}/v3.bank", "filler=" + "y" * 50)
generation, records = v3(read("v3.bank"))
check("NVV3 packs", generation > again and [r for r in records if r[0] == 0x7F and r[1] == "boot-args"] != [])
run("nvram", "new", "--size", "17", status=64)
run("nvram", "list", f"{work}/p0.c", status=65)
print(f"result: {cases} checks")
