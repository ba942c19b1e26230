#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kc ghidra and kc lldb as LLVM's tools and LLDB see what they write; kc diff with planted changes: kc_tools.py POMONA WORK"""
import json
import os
import plistlib
import re
import shutil
import struct
import subprocess
import sys
import uuid

import judge
import mkkc
from judge import run, same

pomona, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
shutil.rmtree(work, ignore_errors=True)
os.makedirs(work)
KERNEL = "com.apple.kernel"


def write(name, data):
    open(f"{work}/{name}", "wb").write(data if isinstance(data, (bytes, bytearray)) else data.encode())
    return f"{work}/{name}"


collection = mkkc.build("fileset", mkkc.kexts(), work)
kc = write("kc", collection.data)
kernel_alone = mkkc.build("kernel", [], work)
write("kernel", kernel_alone.data)
members = [m.bundle for m in collection.linked]
kexts = members[1:]


def start_of(bundle):
    return collection.address(bundle, "family_start" if bundle.endswith("Family") else "driver_start")


# ---- the copy: pointers, and nothing else but what has to be ----

def commands(data, header):
    at, out = header + 32, []
    for _ in range(struct.unpack_from("<I", data, header + 16)[0]):
        cmd, size = struct.unpack_from("<II", data, at)
        out.append((cmd, at, data[at:at + size]))
        at += size
    return out


def check_copy(what, made):
    original, name = made.data, f"{work}/{what}"
    said = json.loads(run(pomona, "kc", "ghidra", "--json", name, "-o", name + ".plain"))
    copy = open(name + ".plain", "rb").read()
    relocations = sorted(set(made.elf.relocations()))
    same(f"{what}: counts", [said["pointers"], said["signed"], said["binds"], said["elsewhere"]],
         [len(relocations), sum(r[2] for r in relocations), 0, 0])
    allowed = set()
    for place, target, _ in relocations:
        same(f"{what}: pointer at {place:#x}", struct.unpack_from("<Q", copy, place - mkkc.BASE)[0], target)
        allowed.update(range(place - mkkc.BASE, place - mkkc.BASE + 8))
    headers = [0] + [made.range(f"m{n}.TEXT")[0] - mkkc.BASE for n in range(len(made.linked)) if what == "kc"]
    for header in headers:
        before = [c for c in commands(original, header) if c[0] != 0x80000034]
        after = commands(copy, header)
        same(f"{what}: commands at {header:#x}", [(c[0], c[2]) for c in after if c[0] != 0x32], [(c[0], c[2]) for c in before if c[0] != 0x32])
        for _, _, version in (c for c in after if c[0] == 0x32):
            platform, minos, sdk, tools = struct.unpack_from("<4I", version, 8)
            same(f"{what}: LC_BUILD_VERSION", [platform, minos, sdk, tools], [1, 14 << 16, 14 << 16, (len(version) - 24) // 8])
        allowed.update(range(header, header + 32 + struct.unpack_from("<I", original, header + 20)[0]))
    doctype = re.search(rb"<!DOCTYPE[^>]*>", original)
    if doctype:
        same(f"{what}: document type", copy[doctype.start():doctype.end()], b" " * len(doctype[0]))
        allowed.update(range(*doctype.span()))
    changed = [i for i in range(len(original)) if original[i] != copy[i] and i not in allowed]
    same(f"{what}: other bytes", [len(copy), changed], [len(original), []])
    run(pomona, "kc", "ghidra", name + ".plain", "-o", name + ".again")
    same(f"{what}: the copy of the copy", open(name + ".again", "rb").read(), copy)
    same(f"{what}: on standard output",
         subprocess.run([pomona, "kc", "ghidra", "-"], stdin=open(name, "rb"), stdout=subprocess.PIPE).stdout, copy)
    return copy


copy = check_copy("kc", collection)
check_copy("kernel", kernel_alone)
plain = kc + ".plain"
same("fixups of the copy", json.loads(run(pomona, "macho", "fixups", "--json", plain)), [])
same("inspect", run(pomona, "kc", "inspect", "--json", plain), run(pomona, "kc", "inspect", "--json", kc))
low, high = collection.range("PRELINK_INFO")
info = copy[low - mkkc.BASE:high - mkkc.BASE].rstrip(b"\0")
same("the property list", len(plistlib.loads(info.replace(b' size="64"', b""))["_PrelinkInfoDictionary"]), len(collection.members))

# ---- as other tools read it ----

for tool in (["llvm-otool-19", "-l"], ["llvm-objdump-19", "--macho", "--private-headers"]):
    original, text = run(*tool, kc), run(*tool, plain)
    same(f"{tool[0]}: chained fixups", [original.count("LC_DYLD_CHAINED_FIXUPS"), text.count("LC_DYLD_CHAINED_FIXUPS")], [1, 0])
    same(f"{tool[0]}: filesets", text.count("0x80000035"), len(members))
    same(f"{tool[0]}: minos", re.findall(r"minos (\S+)", text), ["14.0"])
same("llvm-nm", run("llvm-nm-19", plain).splitlines(), run("llvm-nm-19", kc).splitlines())

# LLDB reads one member of a collection by its UUID, and keeps one module a path: a link for each.
script = ["target create " + plain]
for bundle in kexts:
    os.symlink(plain, f"{work}/link.{bundle}")
    identity = json.loads(run(pomona, "macho", "info", "--json", "-t", bundle, plain))
    number = next(c["uuid"] for c in identity["load_commands"] if c["cmd"] == "LC_UUID")
    script.append(f"target modules add -u {number} {work}/link.{bundle}")
script.append("image list")
script += [f"image lookup -a {start_of(b):#x}" for b in kexts]
text = run("lldb-19", "--batch", *sum((["-o", line] for line in script), []))
listed = re.findall(r"^\[ *\d+\] (\S+) +0x([0-9a-f]+) .* \((\S+)\)", text, re.M)
same("image list", [(int(a, 16), name) for _, a, name in listed],
     [(collection.range(f"m{n}.TEXT")[0], name) for n, name in enumerate(members)])
same("image lookup", re.findall(r"Summary: link\.(\S+)`(\w+)$", text, re.M),
     [(b, "family_start" if b.endswith("Family") else "driver_start") for b in kexts])

# ---- target.lldb: everything at its place, symbols from elsewhere ----

stripped = bytearray(collection.data)
symtab = next(at for cmd, at, _ in commands(stripped, collection.range("m0.TEXT")[0] - mkkc.BASE) if cmd == 2)
struct.pack_into("<I", stripped, symtab + 12, 0)
write("stripped", stripped)
os.makedirs(f"{work}/kdk/System/Library/Kernels")
shutil.move(f"{work}/kernel", f"{work}/kdk/System/Library/Kernels/kernel")
open(f"{work}/kdk/README", "w").write("no Mach-O")
run(pomona, "kc", "extract", kc, kexts[1], "-o", f"{work}/kdk/dwarf")
with open(f"{work}/kdk/dwarf", "r+b") as dwarf:
    dwarf.seek(12)
    dwarf.write(struct.pack("<I", 10))  # MH_DSYM
SLIDE = 0x1234000
modules = json.loads(run(pomona, "kc", "lldb", "--json", "--slide", hex(SLIDE), "--symbols", f"{work}/kdk", "-o", f"{work}/lldb",
                         f"{work}/stripped"))
same("modules", [(m["id"], int(m["address"], 16)) for m in modules],
     [(name, collection.range(f"m{n}.TEXT")[0] + SLIDE) for n, name in enumerate(members)])
same("found by UUID", [m["id"] for m in modules if m["file"].endswith("kdk/System/Library/Kernels/kernel")], [KERNEL])
same("dSYM found", [m["id"] for m in modules if m.get("symbols", "").endswith("kdk/dwarf")], [kexts[1]])
wanted = [start_of(b) + SLIDE for b in kexts] + [collection.address(KERNEL, "panic") + SLIDE]
text = run("lldb-19", "--batch", "-o", f"command source -e false {work}/lldb/target.lldb", "-o", "image list",
           *sum((["-o", f"image lookup -a {a + 4:#x}"] for a in wanted), []))
same("modules in LLDB", [(int(a, 16), name) for a, name in re.findall(r"^\[ *\d+\] \S+ +0x([0-9a-f]+) .*/(\S+)", text, re.M)],
     [(int(m["address"], 16), m["file"].split("/")[-1]) for m in modules])
same("dSYM in LLDB", f"dwarf' has been added to '{work}/lldb/{kexts[1]}'" in text, True)
same("symbols in LLDB", re.findall(r"Summary: (\S+)`(\w+) \+ 4$", text, re.M),
     [(b, "family_start" if b.endswith("Family") else "driver_start") for b in kexts] + [("kernel", "panic")])

# ---- kc diff: what was planted, and nothing else ----

COMMON = f'#include "{mkkc.HERE}/kc/kernel.h"\n' + '''
volatile int counter;
__attribute__((noinline)) static void same(void) { counter++; }
int driver_start(struct kmod_info *info, void *data) { same(); return 0; }
KMOD(NAME, "1.0", driver_start, 0);
'''
write("old.c", COMMON + "void gone(void) { counter = 1; }\nvoid grown(void) { counter = 2; }\n")
write("new.c", COMMON + "void grown(void) { counter = 2; counter = 3; counter = 4; }\nvoid made(void) { counter = 1; }\n")
EDITED = "com.example.driver.Edited"


def edited(source, version, **personalities):
    table = {"IOClass": "A", "IOProviderClass": "B", "IONameMatch": ["c", "d"]}
    return mkkc.Kext(EDITED, f"{work}/{source}", version, personalities={k: {**table, **v} for k, v in personalities.items()})


os.makedirs(f"{work}/a")
os.makedirs(f"{work}/b")
others = mkkc.kexts()
before = mkkc.build("fileset", others + [edited("old.c", "1.0", Stays={}, Goes={}, Changes={"IOProbeScore": 5})], f"{work}/a")
after = mkkc.build("fileset", others[:-2] + [edited("new.c", "1.1", Stays={}, Comes={}, Changes={"IOProbeScore": 5, "IOMatchCategory": "x"}),
                                             mkkc.Kext("com.example.driver.Zero", None, "7")], f"{work}/b")
changed = bytearray(after.data)
changed[changed.index(uuid.uuid5(uuid.NAMESPACE_DNS, EDITED).bytes)] ^= 0xFF
old, new = write("a/kc", before.data), write("b/kc", changed)
found = [(c["kext"].split(".")[-1], c["what"], c["how"], c.get("name"), c.get("property")) for c in json.loads(run(pomona, "kc", "diff", "--json", old, new))]
planted = [("Edited", "version", "changed", None, None), ("Edited", "uuid", "changed", None, None), ("Edited", "size", "changed", None, None),
           ("Edited", "personality", "removed", "Goes", None), ("Edited", "personality", "changed", "Changes", "IOMatchCategory"),
           ("Edited", "personality", "added", "Comes", None), ("Edited", "symbol", "removed", "_gone", None),
           ("Edited", "symbol", "changed", "_grown", None), ("Edited", "symbol", "added", "_made", None),
           ("SEPHiber", "kext", "removed", None, None), ("Sleep", "kext", "removed", None, None), ("Zero", "kext", "added", None, None)]
same("kc diff", found, planted)
same("kc diff of the same", [run(pomona, "kc", "diff", "--json", old, old), run(pomona, "kc", "diff", new, new)], ["[]\n", ""])
text = run(pomona, "kc", "diff", "--kext", EDITED, old, new).splitlines()
same("kc diff --kext", [[word.rstrip(":") for word in line.split()[:3]] for line in text],
     [[{"changed": "~", "added": "+", "removed": "-"}[p[2]], EDITED, p[1]] for p in planted if p[0] == "Edited"])
sizes = [before.address(EDITED, "grown"), before.range(f"m{len(before.linked) - 1}.TEXT_EXEC")[1]]
same("kc diff's sizes", next(line for line in text if "_grown" in line).split("_grown: ")[1].split(" -> ")[0], hex(sizes[1] - sizes[0]))
same("kc diff --no-symbols", run(pomona, "kc", "diff", "--no-symbols", "--kext", EDITED, old, new).splitlines(), [t for t in text if " symbol " not in t])
same("kc diff of what is none", "Mach-O" in run(pomona, "kc", "diff", old, write("text", b"no Mach-O file"), status=65), True)

# ---- what is no collection ----

write("cut", collection.data[:0x5000])
write("text", b"no Mach-O file")
# Pointers said to be in the header, which stays one.
astray = bytearray(collection.data)
fixups = next(struct.unpack_from("<I", c[2], 8)[0] for c in commands(astray, 0) if c[0] == 0x80000034)
starts = fixups + struct.unpack_from("<I", astray, fixups + 4)[0]
pages = starts + next(at for at in struct.unpack_from("<6I", astray, starts + 4) if at)
struct.pack_into("<Q", astray, pages + 8, 0)
struct.pack_into("<H", astray, pages + 22, 4)
run(pomona, "kc", "ghidra", write("astray", astray), "-o", f"{work}/astray.plain")
same("pointers in the header", open(f"{work}/astray.plain", "rb").read(32)[:16], collection.data[:16])
for arguments, status, says in ((["ghidra", f"{work}/text"], 65, "not a Mach-O"), (["ghidra", f"{work}/cut"], 65, "offset 0x"),
                                (["lldb", "-o", f"{work}/out", f"{work}/text"], 65, "not a Mach-O"), (["lldb", kc], 64, "-o FOLDER"),
                                (["ghidra", f"{work}/absent"], 66, "absent")):
    same(f"kc {arguments[0]}: {says}", says in run(pomona, "kc", *arguments, status=status), True)
print(f"result: {judge.cases} comparisons")
