#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the macho verbs against LLVM's tools and against files packed here: macho.py POMONA FIXTURES PIP.ELF PIP.IM4P WORK"""
import json
import random
import re
import struct
import subprocess
import sys

sys.path.insert(0, "guests/pip")
import mkfileset  # noqa: E402

import judge  # noqa: E402
from judge import run, same  # noqa: E402

pomona, fixtures, pip_elf, pip, work = sys.argv[1:]


# ---- a library with pointers, imports and strings ----

SOURCE = r"""
extern int imported(const char *), data_import;
static const char *table[] = {"first", "second \"quoted\"", "third"};
int counter = 5;
void *pointers[] = {&counter, table, imported, &data_import, (char *)&counter + 2};
__attribute__((noinline)) int leaf(int x) { return x * 3 + counter; }
int call(int x) { return leaf(x) + imported(table[x & 1]) + data_import; }
"""
open(f"{work}/lib.c", "w").write(SOURCE)
for target, name in (("arm64-apple-macos13", "lib"), ("arm64e-apple-macos13", "lib64e")):
    run("clang-19", f"--target={target}", "-O1", "-c", f"{work}/lib.c", "-o", f"{work}/{name}.o")
run("ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-dylib", "-undefined", "dynamic_lookup",
    "-fixup_chains", f"{work}/lib.o", "-o", f"{work}/lib.dylib")

FILES = [f"{work}/lib.o", f"{work}/lib64e.o", f"{work}/lib.dylib"] + \
    [f"{fixtures}/{n}.macho" for n in ("object", "dylib", "arm64e")]



def otool_lines(text):
    """Without what is said beside an instruction; not the last word of what names an address: llvm-otool has ADR, ADRP and what lld
    made of ADRP and LDR as offsets, which nobody can use; what it does not know, as a word."""
    lines = [re.sub(r"\s*(;|<).*$", "", line) for line in text.splitlines()]
    return [re.sub(r"\t(adrp?|ldr)\t(\w+), (#?-?\w+)$", r"\t\1\t\2", line) for line in lines]


put_source = """
#include <arm_neon.h>
typedef unsigned long u64;
float f[1000], g[1000]; double d[1000]; int a[1000], b[1000]; unsigned char bytes[4096];
void loops(void) { for (int i = 0; i < 1000; i++) { f[i] = f[i] * g[i] + 2.5f; d[i] = d[i] / 3.0; a[i] = a[i] * b[i] + (a[i] >> 3); } }
u64 bits(u64 x, unsigned n) { u64 r = 0; for (unsigned i = 0; i < n; i++) { r ^= x << 5 | x >> 59; r += __builtin_popcountl(x) +
    __builtin_clzl(x | 1); x = x * 0x9e3779b97f4a7c15ul + r; if (r & 0x10000000000ul) x++; } return r; }
int cases(int x) { switch (x) { case 0: return 5; case 1: return 99; case 2: return -3; case 3: return 77; default: return x * x; } }
unsigned crc(const unsigned char *p, u64 n) { unsigned c = ~0u; while (n--) { c ^= *p++; for (int k = 0; k < 8; k++)
    c = c >> 1 ^ (0xedb88320 & -(c & 1)); } return ~c; }
short halves(short *p, int i) { return p[i] + p[-7]; }
uint8x16_t table(uint8x16_t a, uint8x16_t b) { return vaddq_u8(vqtbl1q_u8(a, b), vextq_u8(a, b, 3)); }
uint8x16_t narrow(uint8x8_t l, uint16x8_t a) { return vqshrn_high_n_u16(l, a, 3); }
float32x4_t widen(float16x4_t a) { return vcvt_f32_f16(a); }
float32x4_t lane(float32x4_t a, float32x4_t b) { return vfmaq_laneq_f32(a, a, b, 2); }
void lists(uint8_t *p) { uint8x16x4_t v = vld4q_u8(p); uint8x16x2_t x; x.val[0] = v.val[2]; x.val[1] = v.val[0]; vst2q_lane_u8(p, x, 5); }
int across(int32x4_t v) { return vaddvq_s32(v) + vgetq_lane_s32(v, 2); }
uint16x8_t constant(void) { return vdupq_n_u16(0x1200); }
uint32x4_t zeros(uint32x4_t a) { return vceqzq_u32(a); }
"""
open(f"{work}/otool.c", "w").write(put_source)
for level in ("-O0", "-O1", "-O3"):
    run("clang-19", "--target=arm64-apple-macos13", level, "-ffreestanding", "-c", f"{work}/otool.c", "-o", f"{work}/otool{level}.o")
for path in [f"{work}/otool-O0.o", f"{work}/otool-O1.o", f"{work}/otool-O3.o", *FILES[:3]]:
    theirs = otool_lines(run("llvm-otool-19", "-tv", path))
    ours = otool_lines(run(pomona, "macho", "disass", "--style", "otool", path))
    same(f"{path} in otool's style", ours[:len(theirs)], theirs)

for path in FILES:
    theirs = [line for line in run("llvm-nm-19", "-a", path).splitlines() if line.strip()]
    same(f"symbols of {path}", sorted(run(pomona, "macho", "symbols", "-a", path).splitlines()), sorted(theirs))
    theirs = run("llvm-objdump-19", "-d", "--no-leading-headers", path)
    theirs = re.findall(r"^ *([0-9a-f]+): ([0-9a-f]{8}) ", theirs, re.M)
    ours = re.findall(r"^ *([0-9a-f]+):\t([0-9a-f]{8}) ", run(pomona, "macho", "disass", path), re.M)
    same(f"words of {path}", ours, theirs)
    ours = re.findall(r"^([0-9a-f]{16})\t(\w[\w.]*)", run(pomona, "macho", "disass", "--style", "otool", path), re.M)
    same(f"addresses of {path}", [int(a, 16) for a, _ in ours], [int(a, 16) for a, _ in theirs])
    sections = run("llvm-otool-19", "-v", "-s", "__TEXT", "__cstring", path)
    theirs = [(int(a, 16), s.replace('\\"', '"')) for a, s in re.findall(r"^([0-9a-f]{16})  (.*)$", sections, re.M)]
    ours = [(int(a, 16), s) for a, s in re.findall(r"^([0-9a-f]{16})  (.*)$", run(pomona, "macho", "strings", path), re.M)]
    same(f"strings of {path}", ours, theirs)


def hexadecimal(text):
    return f"{int(text, 16):#x}"


for name in ("kernel", "fileset", "object", "dylib", "arm64e"):
    lines = []
    info = json.loads(run(pomona, "macho", "info", "--json", f"{fixtures}/{name}.macho"))
    for c in info["load_commands"]:
        if c["cmd"] == "LC_SEGMENT_64":
            numbers = [hexadecimal(c[k]) for k in ("vmaddr", "vmsize", "fileoff", "filesize")]
            lines.append(" ".join(["seg", c["name"], *numbers, str(len(c.get("sections", [])))]))
            segment = c["name"]
            for s in c.get("sections", []):
                lines.append(" ".join(["sect", s["name"], *[hexadecimal(s[k]) for k in ("addr", "size", "offset")]]))
        elif c["cmd"] == "LC_UUID":
            lines.append("uuid " + c["uuid"])
        elif c["cmd"] == "LC_UNIXTHREAD":
            lines.append("entry " + c["pc"])
        elif c["cmd"] == "LC_SOURCE_VERSION":
            lines.append("version " + re.sub(r"(\.0){1,2}$", "", c["version"]))
    theirs = [re.sub(r"^sect \S+ ", "sect ", line) for line in open(f"{fixtures}/{name}.macho.txt").read().splitlines()]
    same(f"info of {name}", lines, theirs)

# ---- chained fixups as LLVM reads them ----

dump = run("llvm-objdump-19", "--macho", "--dyld-info", f"{work}/lib.dylib")
theirs = []
for line in dump.splitlines():
    m = re.match(r"(\S+)\s+(\S+)\s+(0x[0-9A-F]+)\s+(0x[0-9A-F]+)\s+(rebase|bind)\s+(.*)$", line)
    if m:
        last = m[6].split()[-1]
        theirs.append((int(m[3], 16), m[5], int(last, 16) if m[5] == "rebase" else last))
ours = [(int(f["address"], 16), f["kind"], int(f["target"], 16) if f["kind"] == "rebase" else f["import"])
        for f in json.loads(run(pomona, "macho", "fixups", "--json", f"{work}/lib.dylib"))]
assert any(kind == "bind" for _, kind, _ in theirs), dump
same("fixups of lib.dylib", sorted(ours), sorted(theirs))

# ---- pip: the relocations that its ELF has ----

elf = mkfileset.Elf(pip_elf)
theirs = sorted((place, target, auth) for place, target, auth in elf.relocations())
ours = sorted((int(f["address"], 16), int(f["target"], 16), f.get("key") == "IA" and f["diversity"] == 0x7069)
              for f in json.loads(run(pomona, "macho", "fixups", "--json", pip)))
same("fixups of pip", ours, theirs)
entry = re.match(r"address 0x([0-9a-f]+) segment (\S+) offset 0x([0-9a-f]+)", run(pomona, "macho", "entry", pip))
same("entry of pip", [int(entry[1], 16), entry[2]], [elf.entry, "__TEXT_EXEC"])
base = elf.symbol("pip_collection")
same("a2o", run(pomona, "macho", "a2o", pip, f"0x{entry[1]}").split()[-1], f"{elf.entry - base:#x}")
same("o2a", run(pomona, "macho", "o2a", pip, f"0x{entry[3]}").split()[1], f"{elf.entry:#x}")
code = elf.data
first = run(pomona, "macho", "disass", "--entry", "-c", "16", pip)
same("disass --entry, --address and --offset", [run(pomona, "macho", "disass", "-a", f"0x{entry[1]}", "-c", "16", pip),
                                                run(pomona, "macho", "disass", "--offset", f"0x{entry[3]}", "-c", "16", pip),
                                                run(pomona, "macho", "disass", "-t", "com.apple.kernel", "--entry", "-c", "16", pip)],
     [first] * 3)

# ---- every pointer format of arm64, packed from the format sheet ----

BASE = 0xFFFFFE0007004000
random.seed(9)


def pack(fmt, next_stride):
    """One pointer's word, and what the verb should say of it."""
    auth, bind = random.random() < .5, fmt not in (8,) and random.random() < .4
    key, diversity, by_address = random.randrange(4), random.randrange(1 << 16), random.randrange(2)
    level, ordinal, addend = random.choice([0, 1, 3]), random.randrange(3), 0
    say = {"kind": "bind" if bind else "rebase"}
    signed = diversity << 32 | by_address << 48 | key << 49
    if fmt in (2, 6):
        auth = False
        target, high = random.randrange(1 << 30), random.randrange(256)
        if bind:
            addend = random.randrange(256)
            word = ordinal | addend << 24 | next_stride << 51 | 1 << 63
        else:
            word = target | high << 36 | next_stride << 51
            say["target"] = (target + (BASE if fmt == 6 else 0)) | high << 56
    elif fmt == 8:
        target = random.randrange(1 << 30)
        word = target | level << 30 | next_stride << 51 | (signed | 1 << 63 if auth else 0)
        say.update(target=BASE + target, level=level)
    else:
        offset, high = random.randrange(1 << 32 if auth else 1 << 34), random.choice([0, random.randrange(256)])
        if bind:
            addend = 0 if auth else random.randrange(-1 << 18, 1 << 18)
            word = ordinal | next_stride << 51 | 1 << 62 | (signed | 1 << 63 if auth else (addend & 0x7FFFF) << 32)
        elif auth:
            word = offset | signed | next_stride << 51 | 1 << 63
            say["target"] = BASE + offset
        else:
            word = offset | high << 43 | next_stride << 51
            say["target"] = (offset + (0 if fmt in (1, 10) else BASE)) | high << 56
    if bind:
        say.update({"import": ["_first", "_second", "_third"][ordinal], "addend": addend})
    if auth:
        say.update(key=["IA", "IB", "DA", "DB"][key], diversity=diversity, address_diversity=bool(by_address))
    return word, say


def build(fmt, stride, path):
    """A Mach-O of one data segment of two pages; returns what should be said."""
    data, expected, starts = bytearray(0x8000), [], []
    for page in range(2):
        places = sorted(random.sample(range(0, 0x4000 // stride - 2, max(1, 8 // stride)), 40))
        starts.append(places[0] * stride)
        for place, after in zip(places, places[1:] + [None]):
            limit = 4095 if fmt in (2, 6, 8) else 2047
            step = after - place if after is not None else 0
            assert step <= limit
            word, say = pack(fmt, step)
            at = page * 0x4000 + place * stride
            struct.pack_into("<Q", data, at, word)
            expected.append(dict(say, address=BASE + 0x4000 + at))
    names = b"\0_first\0_second\0_third\0"
    imports = b"".join(struct.pack("<I", lib | names.index(n) << 9) for lib, n in ((1, b"_first"), (0xFE, b"_second"), (2, b"_third")))
    segment = struct.pack("<IHHQIH", 26, 0x4000, fmt, 0x4000, 0, 2) + struct.pack("<2H", *starts)
    image = struct.pack("<IIII", 3, 0, 16, 0) + segment
    image += bytes(-len(image) % 4)
    fixups = struct.pack("<IIIIIIII", 0, 32, 32 + len(image), 32 + len(image) + len(imports), 3, 1, 0, 0) + image + imports + names

    def command(name, address, size, offset, filesize):
        return struct.pack("<II16sQQQQIIII", 0x19, 72, name, address, size, offset, filesize, 3, 3, 0, 0)
    commands = command(b"__TEXT", BASE, 0x4000, 0, 0x4000) + command(b"__DATA", BASE + 0x4000, 0x8000, 0x4000, 0x8000) + \
        command(b"__LINKEDIT", BASE + 0xC000, 0x4000, 0xC000, len(fixups)) + struct.pack("<IIII", 0x80000034, 16, 0xC000, len(fixups))
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0xC0000002, 2, 4, len(commands), 0, 0) + commands
    open(path, "wb").write(head.ljust(0x4000, b"\0") + bytes(data) + fixups)
    return expected


for fmt, stride in ((1, 8), (2, 4), (6, 4), (7, 4), (8, 4), (9, 8), (10, 4), (12, 8)):
    path = f"{work}/format{fmt}"
    theirs = build(fmt, stride, path)
    ours = []
    for f in json.loads(run(pomona, "macho", "fixups", "--json", path)):
        say = {k: v for k, v in f.items() if k not in ("offset", "library")}
        for k in ("address", "target"):
            if k in say:
                say[k] = int(say[k], 16)
        if fmt != 8:
            say.pop("level", None)
        ours.append(say)
    same(f"fixups of format {fmt}", ours, theirs)
    run(pomona, "kc", "ghidra", path, "-o", f"{path}.plain")
    plain, own = open(f"{path}.plain", "rb").read(), max(say.get("level", 0) for say in theirs)
    words = [struct.unpack_from("<Q", plain, say["address"] - BASE)[0] for say in theirs]
    same(f"plain pointers of format {fmt}", words, [say["target"] if say["kind"] == "rebase" and say.get("level", 0) == own else 0
                                                    for say in theirs])

# ---- the threads of kernels before chained fixups ----

def build_threads(path):
    """A static kernel at an iPhone's address: threads of both kinds of pointers that go over pages; what should be said of it."""
    base, data, expected = 0xFFFFFFF007004000, bytearray(0xC000), []
    starts = []
    for thread in range(3):
        at = thread * 0x4000 + 8 * random.randrange(100)
        starts.append(0x4000 + at)
        for left in range(30, -1, -1):
            step = random.randrange(1, 200) if left else 0
            auth, key, diversity, by_address = random.random() < .5, random.randrange(4), random.randrange(1 << 16), random.randrange(2)
            offset = random.randrange(0x10000)
            say = {"kind": "rebase", "address": base + 0x4000 + at, "target": base + offset}
            if auth:
                word = offset | diversity << 32 | by_address << 48 | key << 49 | 1 << 63
                say.update(key=["IA", "IB", "DA", "DB"][key], diversity=diversity, address_diversity=bool(by_address))
            else:
                word = base + offset & (1 << 43) - 1 | 0xFF << 43
            struct.pack_into("<Q", data, at, word | step << 51)
            expected.append(say)
            at += step * 4
    table = struct.pack("<I4I", 0, *starts, 0xFFFFFFFF)

    def command(name, address, size, offset, sections=b""):
        return struct.pack("<II16sQQQQIIII", 0x19, 72 + len(sections), name, address, size, offset, size, 3, 3, len(sections) // 80, 0) + \
            sections
    section = struct.pack("<16s16sQQIIIIIIII", b"__thread_starts", b"__TEXT", base + 0x2000, len(table), 0x2000, 2, 0, 0, 0, 0, 0, 0)
    body = command(b"__TEXT", base, 0x4000, 0, section) + command(b"__DATA", base + 0x4000, 0xC000, 0x4000)
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 2, 2, 2, len(body), 0, 0) + body
    open(path, "wb").write((head.ljust(0x2000, b"\0") + table).ljust(0x4000, b"\0") + data)
    return base, expected


base, theirs = build_threads(f"{work}/threads")
ours = []
for f in json.loads(run(pomona, "macho", "fixups", "--json", f"{work}/threads")):
    ours.append({k: int(v, 16) if k in ("address", "target") else v for k, v in f.items() if k not in ("offset", "level")})
same("threads", ours, theirs)
run(pomona, "kc", "ghidra", f"{work}/threads", "-o", f"{work}/threads.plain")
plain = open(f"{work}/threads.plain", "rb").read()
same("plain threads", [struct.unpack_from("<Q", plain, say["address"] - base)[0] for say in theirs], [say["target"] for say in theirs])
same("no threads left", json.loads(run(pomona, "macho", "fixups", "--json", f"{work}/threads.plain")), [])

# ---- what the text beside code says ----

CODE = """
    .section __TEXT,__text,regular,pure_instructions
    .globl _start
    .p2align 2
_start:
    pacibsp
    bl _callee
    adrp x8, _pointer@PAGE
    ldr x9, [x8, _pointer@PAGEOFF]
    braa x9, x16
    blraaz x9
    autda x1, x2
    autiza x3
    pacga x1, x2, x3
    retab
_callee:
    ret
    .section __DATA,__data
    .globl _pointer
    .p2align 3
_pointer: .quad _callee
"""
open(f"{work}/code.s", "w").write(CODE)
run("clang-19", "--target=arm64e-apple-macos13", "-c", f"{work}/code.s", "-o", f"{work}/code64e.o")
run("llvm-objcopy-19", "--dump-section", f"__TEXT,__text={work}/code.bin", f"{work}/code64e.o")
run("clang-19", "--target=arm64-apple-macos13", "-march=armv8.3-a", "-c", f"{work}/code.s", "-o", f"{work}/code.o")
run("ld64.lld-19", "-arch", "arm64", "-platform_version", "macos", "13.0", "13.0", "-dylib", "-fixup_chains", f"{work}/code.o", "-o",
    f"{work}/code.dylib")
text = run(pomona, "macho", "disass", "-s", "_start", f"{work}/code.dylib")
for wanted in (r"<_start>:", r"pacibsp.*signs x30, key IB, modifier sp", r"bl\t0x[0-9a-f]+ <_callee>",
               r"ldr\tx9.*<_pointer> -> 0x[0-9a-f]+ <_callee>", r"braa\tx9, x16.*authenticates x9, key IA, modifier x16",
               r"blraaz\tx9.*key IA, modifier 0", r"autda\tx1, x2.*authenticates x1, key DA, modifier x2",
               r"autiza\tx3.*authenticates x3, key IA, modifier 0", r"pacga.*key GA, modifier x3",
               r"retab.*authenticates x30, key IB, modifier sp"):
    judge.cases += 1
    if not re.search(wanted, text):
        sys.exit(f"{wanted} is not in\n{text}")
assert "_callee>:" not in text, "-s goes past the symbol's end"

for arguments, wanted in ((["entry", f"{work}/lib.dylib"], "no LC_UNIXTHREAD"), (["info", f"{work}/lib.c"], "not a Mach-O"),
                          (["a2o", pip, "0x1"], "is in no segment"), (["disass", "-s", "nothing", pip], "no symbol"),
                          (["disass", "-x", "__TEXT.__none", pip], "no section"), (["info", "-t", "com.apple.none", pip], "no member")):
    done = subprocess.run([pomona, "macho", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    judge.cases += 1
    if done.returncode != 65 or wanted not in done.stderr.decode():
        sys.exit(f"macho {arguments}: {done.returncode} {done.stderr}")
print(f"result: {judge.cases} comparisons")
