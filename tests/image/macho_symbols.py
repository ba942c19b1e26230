#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds export tries against llvm-objdump-19 and against tries packed here, and source lines against llvm-symbolizer-19 on dSYMs
that clang-19 and dsymutil-19 made: macho_symbols.py POMONA WORK"""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys

import judge
from judge import run, same

pomona, work = sys.argv[1:]


def put(name, text):
    open(f"{work}/{name}", "w").write(text)


LINK = ["ld64.lld-19", "-arch", "arm64", "-undefined", "dynamic_lookup"]

# ---- export tries ----

put("offer.c", """
__attribute__((weak)) int weak(void) { return 1; }
_Thread_local int per_thread = 3;
int plain(void) { return 4; }
int plain_too, table[9] = {1};
""")
run("clang-19", "--target=arm64-apple-macos13", "-c", f"{work}/offer.c", "-o", f"{work}/offer.o")
for name, version, more in (("trie", "13.0", ["-fixup_chains"]), ("dyld_info", "10.15", ["-no_fixup_chains"])):
    run(*LINK, "-platform_version", "macos", version, version, *more, "-dylib", f"{work}/offer.o", "-install_name", f"/{name}.dylib",
        "-o", f"{work}/{name}.dylib")
    theirs = re.findall(r"^0x([0-9A-F]+)  (\S+)(?: \[(.*)\])?$",
                        run("llvm-objdump-19", "--macho", "--exports-trie", f"{work}/{name}.dylib"), re.M)
    assert len(theirs) == 5, theirs
    ours = [(int(e["value"], 16), e["name"], ", ".join(["per-thread"] * (e["kind"] == "per-thread") + ["weak_def"] * e["weak"]))
            for e in json.loads(run(pomona, "macho", "symbols", "--exports", "--json", f"{work}/{name}.dylib"))]
    same(f"exports of {name}", sorted(ours), sorted((int(a, 16), n, f) for a, n, f in theirs))
    # A stripped library still says where things are.
    run("llvm-strip-19", "-x", "-o", f"{work}/stripped", f"{work}/{name}.dylib")
    plain = [a for a, n, _ in ours if n == "_plain"][0]
    same("a stripped library", run(pomona, "macho", "symbols", "--addr", f"{plain + 4:#x}", f"{work}/stripped"), "_plain+0x4\n")
    assert "<_plain>:" in run(pomona, "macho", "disass", f"{work}/stripped")


def uleb(value):
    out = bytearray()
    while True:
        out.append(value & 0x7F | (0x80 if value > 0x7F else 0))
        value >>= 7
        if not value:
            return bytes(out)


def pack_trie(names):
    """NAMES: name -> terminal. Nodes are laid out over and over until no offset changes."""
    def node(prefix, keys):
        groups = {}
        for key in keys:
            if key != prefix:
                groups.setdefault(key[len(prefix)], []).append(key)
        children = []
        for group in groups.values():
            edge = os.path.commonprefix(group)[len(prefix):]
            children.append((edge, node(prefix + edge, group)))
        return {"terminal": names.get(prefix, b"") if prefix in keys else b"", "children": children, "at": 0}

    def flatten(n):
        return [n] + [x for _, c in n["children"] for x in flatten(c)]
    root = node("", sorted(names))
    nodes = flatten(root)
    while True:
        out = b""
        moved = False
        for n in nodes:
            moved |= n["at"] != len(out)
            n["at"] = len(out)
            out += uleb(len(n["terminal"])) + n["terminal"] + bytes([len(n["children"])])
            for edge, child in n["children"]:
                out += edge.encode() + b"\0" + uleb(child["at"])
        if not moved:
            return out


BASE = 0x100000000


def library(name, trie):
    def segment(name, address, size, offset):
        return struct.pack("<II16sQQQQIIII", 0x19, 72, name, address, size, offset, size, 3, 3, 0, 0)
    commands = segment(b"__TEXT", BASE, 0x4000, 0) + segment(b"__LINKEDIT", BASE + 0x4000, 0x10000, 0x4000) + \
        struct.pack("<IIII", 0x80000033, 16, 0x4000, len(trie))
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, 3, len(commands), 0, 0) + commands
    open(f"{work}/{name}", "wb").write(head.ljust(0x4000, b"\0") + trie.ljust(0x10000, b"\0"))


random.seed(5)
for _ in range(10):
    names, expected = {}, {}
    for _ in range(60):
        name = "_" + "".join(random.choice("abc") for _ in range(random.randrange(1, 9)))
        kind, value, other = random.randrange(5), random.randrange(1 << 40), random.randrange(1 << 20)
        if kind == 0:
            names[name] = uleb(8) + uleb(other) + b"_renamed\0"
            expected[name] = {"kind": "regular", "weak": False, "library": other, "import": "_renamed"}
        elif kind == 1:
            names[name] = uleb(0x10) + uleb(value) + uleb(other)
            expected[name] = {"kind": "regular", "weak": False, "value": value + BASE, "resolver": other + BASE}
        elif kind == 2:
            names[name] = uleb(2) + uleb(value)
            expected[name] = {"kind": "absolute", "weak": False, "value": value}
        else:
            weak = random.randrange(2)
            names[name] = uleb(weak * 4) + uleb(value)
            expected[name] = {"kind": "regular", "weak": bool(weak), "value": value + BASE}
    library("packed", pack_trie(names))
    ours = json.loads(run(pomona, "macho", "symbols", "--exports", "--json", f"{work}/packed"))
    same("order of a trie", [e["name"] for e in ours], sorted(names))
    for e in ours:
        for key in ("value", "resolver"):
            if key in e:
                e[key] = int(e[key], 16)
    same("a packed trie", {e.pop("name"): e for e in ours}, expected)
for trie, wanted in ((b"\0\1a\0\0", "one node twice"), (b"\0\1a\0\x7f\0\0", "child lies outside"[:5]), (b"\5\0", "is damaged"),
                     (b"\0\2a\0\10b\0\10\0\0", "one node twice"), (b"\0\1" + b"a" * 9, "damaged"), (b"\2\0\x80\0", "terminal ends early")):
    library("packed", trie)
    if wanted == "child":
        data = bytearray(open(f"{work}/packed", "rb").read())
        struct.pack_into("<I", data, 32 + 144 + 12, len(trie))
        open(f"{work}/packed", "wb").write(data)
    message = run(pomona, "macho", "symbols", "--exports", f"{work}/packed", status=65)
    same(f"{trie}", wanted in message and "offset 0x" in message, True)

# ---- lines ----

put("unit1.cc", r"""
#include "shared.h"
namespace outer { namespace inner {
template <typename T> struct box { T value; __attribute__((always_inline)) T get(int n) const { return value * n + mix(n, 3); } };
} }
int counter;
static int local(int x) { for (int i = 0; i < x; i++) counter += mix(i, x); return counter; }
int first(int x) {
    outer::inner::box<int> b{x};
    int sum = b.get(4)
        + local(x);
    auto lambda = [&](int y) { return y * sum + mix(y, sum); };
    return lambda(x) + lambda(sum);
}
""")
put("unit2.c", r"""
#include "shared.h"
extern int elsewhere(int);
static void report(int why) { if (why > 100) { counter2 += why; if (__builtin_expect(why == 7777, 0)) elsewhere(why); } }
int second(int x) {
    int total = 0;
    switch (x & 7) {
    case 0: total = mix(x, 1); break;
    case 1: report(x); break;
    case 2: total = x / 3; report(total); break;
    case 3: for (int i = 0; i < x; i++) { if (mix(i, total) > 50) report(i); total ^= i; } break;
    default: total = mix(mix(x, 2), 5);
    }
    return total;
}
int main(int argc, char **argv) { return second(argc) + elsewhere(argc); }
""")
put("shared.h", r"""
#ifdef __cplusplus
extern "C" {
#endif
static int counter2;
static inline int clamp(int v) { return v < 0 ? 0 : v > 1000 ? 1000 : v; }
static inline int mix(int a, int b)
{
    int c = clamp(a * 31 + b);
    if (c & 1)
        c = clamp(c + counter2);
    return c ^ b;
}
#ifdef __cplusplus
}
#endif
""")
addresses_seen = frames_seen = inlined_seen = 0
for version, level, folder in (("4", "-O0", "."), ("4", "-O2", "."), ("5", "-O1", "sub"), ("5", "-O3", "."), ("4", "-Os", "sub")):
    name = f"program{version}{level}"
    here = os.path.join(work, folder)
    os.makedirs(here, exist_ok=True)
    objects = []
    for unit in ("unit1.cc", "unit2.c"):
        obj = os.path.abspath(f"{work}/{name}.{unit}.o")
        source = os.path.relpath(f"{work}/{unit}", here)
        done = subprocess.run(["clang-19", "--target=arm64-apple-macos13", f"-gdwarf-{version}", level, "-fno-exceptions", "-c", source,
                               "-o", obj], cwd=here)
        assert not done.returncode
        objects.append(obj)
    program, dsym = f"{work}/{name}", f"{work}/{name}.dSYM"
    run(*LINK, "-platform_version", "macos", "13.0", "13.0", "-e", "_main", *objects, "-o", program)
    shutil.rmtree(dsym, ignore_errors=True)
    run("dsymutil-19", program, "-o", dsym)
    file = f"{dsym}/Contents/Resources/DWARF/{name}"
    code = re.findall(r"^ *([0-9a-f]+):\t", run(pomona, "macho", "disass", "-x", "__TEXT.__text", program), re.M)
    addresses = [f"0x{a}" for a in code]
    theirs = json.loads(run("llvm-symbolizer-19", f"--obj={file}", "--no-demangle", "--output-style=JSON", *addresses))
    theirs = [[(f["FunctionName"], f["FileName"], f["Line"], f["Column"]) for f in a["Symbol"]] for a in theirs]
    options = [x for a in addresses for x in ("--addr", a)]
    said = json.loads(run(pomona, "macho", "symbols", "--json", "--dsym", dsym, *options, program))
    ours = [[(f["function"], f["file"], f["line"], f["column"]) for f in a["frames"]] for a in said]
    for address, a, b in zip(addresses, ours, theirs):
        same(f"{name} at {address}", a, b)
    addresses_seen += len(ours)
    frames_seen += sum(len(a) for a in ours)
    inlined_seen += sum(len(a) > 1 for a in ours)
    functions = json.loads(run(pomona, "macho", "symbols", "--json", "--dsym", file, program))
    theirs = {int(a, 16): n for a, n in re.findall(r"^([0-9a-f]+) [tT] _(\S+)$", run("llvm-nm-19", program), re.M)
              if n != "_mh_execute_header"}
    same(f"functions of {name}", {int(f["value"], 16): f["name"] for f in functions}, theirs)
assert inlined_seen > 100 and addresses_seen > 500, (addresses_seen, inlined_seen)

# The other verbs; a program without symbols of its own; a collection's builder has moved it.
run("llvm-strip-19", "-o", f"{work}/stripped", program)
text = run(pomona, "macho", "disass", "--dsym", dsym, "-s", "_second", f"{work}/stripped")
assert "<_second>:" in text and re.search(r"^; mix \S*/shared.h:\d+ in second \S*/unit2.c:\d+$", text, re.M), text
start = [f for f in functions if f["name"] == "second"][0]["value"]
place = json.loads(run(pomona, "macho", "a2o", "--json", "--dsym", dsym, program, start))
same("a2o --dsym", (place["frames"][-1]["function"], place["frames"][-1]["file"].endswith("unit2.c")), ("second", True))
same("o2a --dsym", json.loads(run(pomona, "macho", "o2a", "--json", "--dsym", dsym, program, place["offset"])), place)
moved = bytearray(open(program, "rb").read())
at = moved.index(b"__TEXT\0") - 8
struct.pack_into("<Q", moved, at + 24, struct.unpack_from("<Q", moved, at + 24)[0] + 0x7000000)
open(f"{work}/moved", "wb").write(moved)
place2 = json.loads(run(pomona, "macho", "a2o", "--json", "--dsym", dsym, f"{work}/moved", f"{int(start, 16) + 0x7000000:#x}"))
same("moved segments", place2["frames"], place["frames"])

# ---- what does not fit together, and damage ----

message = run(pomona, "macho", "symbols", "--dsym", dsym, f"{work}/program4-O0", status=65)
uuids = [re.search(r"uuid (\S+)", run("llvm-otool-19", "-l", p))[1] for p in (f"{work}/program4-O0", file)]
same("UUIDs that differ", [u in message for u in uuids], [True, True])
same("no DWARF", "no DWARF" in run(pomona, "macho", "symbols", "--dsym", program, program, status=65), True)
run(pomona, "macho", "symbols", "--dsym", f"{work}/none.dSYM", program, status=66)
os.makedirs(f"{work}/empty.dSYM", exist_ok=True)
same("an empty bundle", "no file with symbols" in run(pomona, "macho", "symbols", "--dsym", f"{work}/empty.dSYM", program, status=66), True)
whole = open(file, "rb").read()
start = whole.index(b"__debug_") and min(struct.unpack_from("<I", whole, m.start() + 48)[0]
                                        for m in re.finditer(rb"__debug_\w+\0*__DWARF\0", whole))
for i in range(60):
    data = bytearray(whole)
    for _ in range(random.choice([1, 5, 50])):
        data[random.randrange(start, len(data))] = random.randrange(256)
    open(f"{work}/damaged", "wb").write(data[:random.randrange(start, len(data))] if i % 4 == 0 else data)
    done = subprocess.run([pomona, "macho", "symbols", "--dsym", f"{work}/damaged", program], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    judge.cases += 1
    if done.returncode not in (0, 65) or (done.returncode and b"damaged" not in done.stderr):
        sys.exit(f"damaged dSYM {i}: {done.returncode} {done.stderr}")
print(f"result: {judge.cases} comparisons; {addresses_seen} addresses, {frames_seen} frames, as llvm-symbolizer has them")
