#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds kc inspect, extract, exclude, version and map against what mkkc.py linked, and against LLVM's tools: kc.py POMONA WORK"""
import datetime
import json
import os
import plistlib
import random
import re
import struct
import subprocess
import sys
import uuid

import judge
import mkkc
from judge import run, same

pomona, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.makedirs(work, exist_ok=True)


def llvm(tool, *arguments):
    done = subprocess.run([f"llvm-{tool}-19", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode or done.stderr:
        sys.exit(f"llvm-{tool}-19 {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout.decode()


def kc(verb, *arguments, **more):
    return run(pomona, "kc", verb, *arguments, **more)


# ---- the files ----

kexts = mkkc.kexts()
# What a reader of property lists may lose: fractions, dates, large numbers, markup.
odd = next(k for k in kexts if k.bundle.endswith("PL011"))
odd.info.update(Ratio=0.25, Made=datetime.datetime(2026, 11, 21, 10, 0), Large=2 ** 63 - 1, Text="a < b && \"c\" \u2192", Blob=bytes(range(70)))
built = {kind: mkkc.build(kind, kexts, work) for kind in ("fileset", "prelinked", "modules", "kernel")}
collection = built["fileset"]
paths = {kind: f"{work}/{kind}.macho" for kind in built}
for kind, one in built.items():
    open(paths[kind], "wb").write(one.data)
    for tool, *arguments in (("objdump", "--macho", "--private-headers"), ("otool", "-l"), ("nm",)):
        llvm(tool, *arguments, paths[kind])
        judge.cases += 1
path = paths["fileset"]
with_code = [k.bundle for k in collection.linked]
codeless = sorted(k.bundle for k in kexts if not k.source)


def identity(one, bundle):
    number = with_code.index(bundle)
    return str(uuid.UUID(bytes=one.identity(number)[0][8:])).upper()


# ---- inspect ----

def columns(*options, source=path):
    return [line.split() for line in kc("inspect", "--no-header", *options, source).splitlines()]


versions = {k.bundle: k.info["CFBundleVersion"] for k in kexts}
for kind in ("fileset", "prelinked", "modules"):
    same(f"list of {kind}", sorted(columns(source=paths[kind])), sorted([b, v] for b, v in versions.items()))
    places = {row[0]: row[2:] for row in columns("--show-kext-load-addresses", "--show-kext-uuids", source=paths[kind])}
    for bundle in with_code[1:]:
        low = built[kind].range(f"m{with_code.index(bundle)}.TEXT")[0]
        same(f"place of {bundle}", [int(places[bundle][0], 16), places[bundle][2]], [low, identity(built[kind], bundle)])
    same("codeless ones", {tuple(places[b]) for b in codeless}, {("-", "-", "-")})
header = kc("inspect", path).splitlines()[0].split()
same("header", header, ["Identifier", "Version"])
# The command line that people make kmutil's -b list with.
shell = subprocess.run(f"{pomona} kc inspect -V release --no-header {path} | grep -v \"SEPHiber\" | awk '{{print \" -b \"$1; }}'", shell=True,
                       stdout=subprocess.PIPE, check=True).stdout.decode()
same("awk", sorted(shell.split()[1::2]), sorted(b for b in versions if "SEPHiber" not in b))

# Collections by their kind, as kmutil has it: one is as the operand, of several all are listed; the variant is the kernel's.
for option in ("-B", "--boot-path", "-S", "--system-path", "-A", "--auxiliary-path"):
    same(option, kc("inspect", "--json", option, path), kc("inspect", "--json", path))
several = ("-A", paths["modules"], "-S", paths["prelinked"], "-B", path)
same("several", kc("inspect", "-V", "release", *several), "".join(kc("inspect", paths[k]) for k in ("fileset", "prelinked", "modules")))
same("several as JSON", json.loads(kc("inspect", "--json", *several)),
     [{"file": paths[k], **json.loads(kc("inspect", "--json", paths[k]))} for k in ("fileset", "prelinked", "modules")])
same("the second of several", "nothing" in kc("inspect", "--json", "-B", path, "-A", f"{work}/nothing", status=66), True)
same("none", "usage: pomona kc inspect" in kc("inspect", status=64), True)
assert "RELEASE_ARM64_VMAPPLE, not development" in kc("inspect", "-V", "development", path, status=65)
judge.cases += 1

lows = [collection.range(f"m{n}.TEXT")[0] for n in range(len(with_code))]
same("members", [[b, int(a, 16), int(o, 16)] for b, a, o in columns("--show-fileset-entries")],
     [[bundle, low, low - mkkc.BASE] for bundle, low in zip(with_code, lows)])
same("kernel's UUID", kc("inspect", "--show-kernel-uuid-only", path).strip(), identity(collection, "com.apple.kernel"))
same("kernel's UUID first", kc("inspect", "--show-kernel-uuid", path).splitlines()[0].split()[-1], identity(collection, "com.apple.kernel"))

theirs = plistlib.loads(collection.plist(final=True))
same("__PRELINK_INFO", plistlib.loads(kc("inspect", "--show-prelink-info", path).encode()), theirs)
same("metadata", kc("inspect", "--show-collection-metadata", path).split(), ["_PrelinkKCID:", collection.uuid.hex()])
boot = json.loads(kc("inspect", "--show-mach-boot-properties", "--json", path))["boot_properties"]
same("entry", int(boot["entry_point"], 16), collection.elf.entry)
same("lowest", int(boot["lowest_address"], 16), mkkc.BASE)
for part, first, last in (("ro", "TEXT", "DATA_CONST"), ("rx", "TEXT_EXEC", "TEXT_EXEC"), ("rw", "PRELINK_INFO", "DATA")):
    low, high = collection.range(first)[0], collection.range(last)[1]
    same(part, [int(boot[part][k], 16) for k in ("address", "offset", "size")], [low, low - mkkc.BASE, high - low])
same("linkedit", int(boot["linkedit"]["offset"], 16) + int(boot["linkedit"]["size"], 16), len(collection.data))

everything = json.loads(kc("inspect", "--json", path))
same("JSON", {k["id"]: k["version"] for k in everything["kexts"]}, versions)
same("JSON's codeless", sorted(k["id"] for k in everything["kexts"] if k["codeless"]), codeless)
heads = json.loads(kc("inspect", "--json", "--show-mach-header", "-v", path))["mach_header"]
same("headers", sorted(heads["members"]), sorted(with_code))
same("header as tree", kc("inspect", "--show-mach-header", path).splitlines()[0], "type: FILESET")

# In any wrapping, and from standard input.
run(pomona, "img4", "create", "-t", "krnl", "-c", "lzfse", "-i", path, "-o", f"{work}/lzfse.im4p")
same("in an IM4P", columns(source=f"{work}/lzfse.im4p"), columns())
with open(path, "rb") as stream:
    same("from standard input", run(pomona, "kc", "inspect", "--no-header", "-", stdin=stream), kc("inspect", "--no-header", path))

# ---- extract ----


def symbols(file):
    found = re.findall(r"^([0-9a-f]{16}) (\w) (\S+)$", llvm("nm", file), re.M)
    return sorted((name, int(value, 16), letter.isupper()) for value, letter, name in found)


def words(file):
    dump = llvm("objdump", "-d", "--no-leading-headers", file)
    return [(int(a, 16), int(w, 16)) for a, w in re.findall(r"^ *([0-9a-f]+): ([0-9a-f]{8}) ", dump, re.M)]


def text_of(one, number):
    low, high = one.range(f"m{number}.TEXT_EXEC")
    code = one.image[low - mkkc.BASE:high - mkkc.BASE]
    return [(low + at, struct.unpack_from("<I", code, at)[0]) for at in range(0, (high - low) & ~3, 4)]


fixups = {place: target for place, target, _ in collection.elf.relocations()}
for kind in ("fileset", "prelinked", "modules"):
    out = f"{work}/{kind}.out"
    kc("extract", "--all", paths[kind], "-o", out)
    one = built[kind]
    for number, member in enumerate(one.linked):
        bundle = f"{out}/{member.bundle}.kext/Contents"
        file = f"{bundle}/MacOS/{member.bundle.split('.')[-1]}" if number else f"{out}/com.apple.kernel"
        same(f"symbols of {member.bundle}", symbols(file), sorted((n, v, e) for n, v, _, e in one.symbols[number]))
        same(f"words of {member.bundle}", words(file), text_of(one, number))
        starts = llvm("objdump", "--macho", "--function-starts=addrs", file)
        same(f"functions of {member.bundle}", [int(a, 16) for a in re.findall(r"^([0-9a-f]{16})", starts, re.M)],
             sorted(one.functions_of(number)))
        head = llvm("otool", "-l", file)
        same("UUID", re.search(r"uuid (\S+)", head)[1], identity(one, member.bundle))
        if kind != "fileset" and number == 0:
            continue
        assert len(open(file, "rb").read()) < 0x14000, file
        assert "CHAINED" not in head and "FILESET" not in head, head
        # Every pointer is plain, where its address says.
        info = json.loads(run(pomona, "macho", "info", "--json", file))
        assert int(info["flags"], 16) & mkkc.IN_CACHE == 0
        data = open(file, "rb").read()
        for c in info["load_commands"]:
            if c["cmd"] != "LC_SEGMENT_64":
                continue
            low, size, at = (int(c[k], 16) for k in ("vmaddr", "filesize", "fileoff"))
            # The first one begins the file; the others agree with their addresses in a page.
            assert at == 0 or low % mkkc.PAGE == at % mkkc.PAGE, c
            for place, target in fixups.items() if kind == "fileset" else ():
                if low <= place < low + size and "LINKEDIT" not in c["name"]:
                    same("pointer", struct.unpack_from("<Q", data, at + place - low)[0], target)
    for member in kexts:
        info = plistlib.load(open(f"{out}/{member.bundle}.kext/Contents/Info.plist", "rb"))
        same(f"Info.plist of {member.bundle}", info, member.info)
    same("bundles", sorted(os.listdir(out)), sorted([f"{k.bundle}.kext" for k in kexts] + ["com.apple.kernel"]))

name = "com.example.driver.PL011"
kc("extract", path, name, "-o", f"{work}/one")
whole = open(f"{work}/fileset.out/{name}.kext/Contents/MacOS/PL011", "rb").read()
same("as a file", open(f"{work}/one", "rb").read(), whole)
same("to standard output", subprocess.run([pomona, "kc", "extract", path, name], stdout=subprocess.PIPE, check=True).stdout, whole)
written = json.loads(kc("extract", "--json", path, name, "com.apple.kernel", "-o", f"{work}/two"))
same("what was written", [w["written"] for w in written], [f"{work}/two/{name}.kext", f"{work}/two/com.apple.kernel"])
kc("extract", path, name, "-o", f"{work}/three.kext")
same("as a bundle", open(f"{work}/three.kext/Contents/MacOS/PL011", "rb").read(), whole)
for arguments, status, text in (((path, "com.nothing", "-o", f"{work}/x"), 65, "kc inspect lists"),
                                ((path, codeless[0], "-o", f"{work}/x"), 65, "codeless"), ((path,), 64, "--all"),
                                ((path, "--all"), 64, "--output"), ((f"{work}/one", name), 65, "KEXTBUNDLE")):
    assert text in kc("extract", *arguments, status=status), arguments
    judge.cases += 1

# ---- exclude ----


def closure(named):
    gone = set(named)
    while True:
        more = {k.bundle for k in kexts if k.bundle not in gone and gone & set(k.info["OSBundleLibraries"])}
        if not more:
            return sorted(gone & set(versions))
        gone |= more


for named in (["com.example.iokit.SerialFamily"], ["com.example.driver.SEPManager"], ["com.apple.kpi.libkern"], ["com.apple.kpi.mach"],
              ["com.example.driver.Sleep", "com.example.driver.GICv3"]):
    rows = [line.split() for line in kc("exclude", path, *named).splitlines()]
    same(f"without {named}", sorted(r[0] for r in rows), closure(named))
    for bundle, verb, what in rows:
        reason = named if (verb, what) == ("is", "named") else next(k for k in kexts if k.bundle == bundle).info["OSBundleLibraries"]
        assert (bundle if what == "named" else what) in reason, (bundle, what)
same("pattern", sorted(r["id"] for r in json.loads(kc("exclude", "--json", path, "com.example.driver.SEP*"))),
     closure([b for b in versions if ".SEP" in b]))
same("nothing missing", kc("exclude", path), "")
assert "com.nothing" in kc("exclude", path, "com.nothing", status=65)

# A library that is not there at all takes what needs it along, and is found without being named.
short = [k for k in mkkc.kexts() if not k.bundle.endswith("SEPManager")]
open(f"{work}/short", "wb").write(mkkc.build("fileset", short, work).data)
gone = ["com.example.driver.SEPHiber", "com.example.driver.Sleep"]
same("missing library", sorted(line.split()[0] for line in kc("exclude", f"{work}/short").splitlines()), gone)
same("named library", sorted(line.split()[0] for line in kc("exclude", f"{work}/short", "com.example.driver.SEPManager").splitlines()), gone)

# ---- version and map ----

for kind, form in (("fileset", "kernel collection (MH_FILESET)"), ("prelinked", "prelinked kernel"), ("modules", "prelinked kernel"), ("kernel", "kernel")):
    said = json.loads(kc("version", "--json", paths[kind]))
    same(f"version of {kind}", [said[k] for k in ("form", "xnu", "darwin", "build", "kernel_uuid", "boot_args_revision", "boot_args_line")],
         [form, "10063.141.2", 23, "RELEASE_ARM64_VMAPPLE", identity(collection, "com.apple.kernel"), 2, 1024])
    if kind != "kernel":
        same("counts", [said["kexts"], said["kexts_with_code"]], [len(kexts), len(with_code) - 1])

moved = {s[0]: s[1] for s in collection.symbols[0]}
slide = 0x1234000
alone = {s[0]: s[1] for s in built["kernel"].symbols[0]}
for side, addresses in (("kernel", alone.values()), ("kc", [moved[s] + slide for s in alone])):
    found = json.loads(kc("map", "--json", path, "--kernel", paths["kernel"], "--slide", f"{slide:#x}", "--from", side,
                          *[f"{a:#x}" for a in addresses]))
    same(f"map of the {side}", [[int(f["kernel"], 16), int(f["kc"], 16)] for f in found], [[alone[s], moved[s] + slide] for s in alone])
found = [line.split()[:4] for line in kc("map", path, "-k", paths["kernel"], "IOLog", "_panic").splitlines()]
same("by symbol", found, [["kernel", f"{built['kernel'].address('com.apple.kernel', n):#x}", "kc", f"{moved['_' + n]:#x}"] for n in ("IOLog", "panic")])
both = kc("map", path, "--kernel", paths["kernel"], f"{moved['_IOLog']:#x}").splitlines()
assert any("_IOLog+0x0" in line and line.startswith("kc ") for line in both), both
assert "UUID" in kc("map", path, "--kernel", f"{work}/one", "start", status=65)
assert "neither a number nor a symbol" in kc("map", path, "--kernel", paths["kernel"], "nothing", status=65)
assert "in no segment" in kc("map", path, "--kernel", paths["kernel"], "0x1000", status=65)

# ---- broken ones ----

source = random.Random(11)
low = collection.range("PRELINK_INFO")[0] - mkkc.BASE
for number in range(30):
    data = bytearray(collection.data)
    if number % 3 == 0:
        del data[source.randrange(len(data)):]
    else:
        first, last = ((0, 0x800), (low, low + 0x3000))[number % 3 - 1]
        for _ in range(source.randrange(1, 6)):
            data[source.randrange(first, last)] = source.randrange(256)
    open(f"{work}/bad", "wb").write(data)
    for arguments in (("inspect", "--json"), ("extract", "--all", "-o", f"{work}/bad.out")):
        done = subprocess.run([pomona, "kc", *arguments, f"{work}/bad"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if done.returncode not in (0, 65) or (done.returncode and b"offset 0x" not in done.stderr):
            sys.exit(f"broken one {number}: {arguments}: status {done.returncode}: {done.stderr.decode()}")
    judge.cases += 1
# Each list is twice the one before it: what is small in the file must not be written out whole.
bomb = b'<dict><key>_PrelinkInfoDictionary</key><array><dict><key>CFBundleIdentifier</key><string>com.example.driver.PL011</string>'
bomb += b'<key>a0</key><array ID="0"><true/></array>'
bomb += b"".join(b'<key>a%d</key><array ID="%d"><array IDREF="%d"/><array IDREF="%d"/></array>' % (i, i, i - 1, i - 1) for i in range(1, 40))
data = bytearray(collection.data)
data[low:low + 0x4000] = (bomb + b"</dict></array></dict>").ljust(0x4000, b"\0")
open(f"{work}/bomb", "wb").write(data)
same("bomb's kexts", kc("inspect", "--no-header", f"{work}/bomb").split()[::2], with_code[1:])
assert "Info.plist" in kc("extract", f"{work}/bomb", name, "-o", f"{work}/bomb.kext", status=65)
print(f"result: {judge.cases} comparisons")
