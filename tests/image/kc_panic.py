#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""symbolicate on panic logs of the collections that mkkc.py makes; names as llvm-symbolizer-19 has them: kc_panic.py POMONA WORK"""
import json
import os
import random
import subprocess
import sys
import uuid

import judge
import mkkc
from judge import run, same
from seal import seal

pomona, work = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
os.makedirs(work, exist_ok=True)
random.seed(4)
SLIDE = 0x0FBF0000


def write(name, data):
    open(f"{work}/{name}", "wb").write(data if isinstance(data, bytes) else data.encode())
    return f"{work}/{name}"


def signed(address):
    """As a link register with a pointer authentication code: bits 63 to 47 but 55."""
    keep = (1 << 47) - 1 | 1 << 55
    return address & keep | random.getrandbits(64) & ~keep & (1 << 64) - 1


def log(made, frames, third_party=0xFFFFFE0099000000):
    """Text in the shape that XNU gives it, FRAMES of (how it is given, address) with SLIDE."""
    base, kernel = mkkc.BASE + SLIDE, made.range("m0.TEXT" if made.kind == "fileset" else "TEXT")[0] + SLIDE
    identity = uuid.uuid5(uuid.NAMESPACE_DNS, "com.apple.kernel")
    lines = [f"panic(cpu 2 caller 0x{frames[0]:016x}): Kernel data abort. at pc 0x{frames[1]:016x}, lr 0x{signed(frames[2]):016x}",
             "\t  x0:  0x0000000000000001 x1:  0x000000000000beef  x2:  0xfffffe1a29ffb8a0",
             f"\t  fp:  0xfffffe1a29ffb8a0 lr:  0x{signed(frames[3]):016x}  sp:  0xfffffe1a29ffb890",
             "Debugger message: panic", "Memory ID: 0xff", "OS release type: User", "OS version: 24A348",
             "Kernel version: Darwin Kernel Version 23.6.0", f"Kernel UUID: {str(identity).upper()}",
             "Boot session UUID: 0CEFCADB-EF4D-4817-A7B8-95E1F708B9C1", "iBoot version: iBoot-11881.1.1", "secure boot?: YES",
             "roots installed: 0", "Paniclog version: 14"]
    if made.kind == "fileset":
        lines += ["Fileset Kernelcache UUID: " + made.uuid.hex().upper(), f"KernelCache slide: 0x{SLIDE:016x}",
                  f"KernelCache base:  0x{base:016x}"]
    lines += [f"Kernel slide:      0x{kernel - mkkc.BASE:016x}", f"Kernel text base:  0x{kernel:016x}",
              "mach_absolute_time: 0x220b764ad9", "Zone info:", "  Zone map: 0xfffffe1b238dc000 - 0xfffffe3b238dc000",
              "TPIDRx_ELy = {1: 0xfffffe2b2330bf80  0: 0x0000000000000002  0ro: 0x0000000000000000 }",
              f"CORE 0: PC=0x{frames[4]:016x}, LR=0x{frames[5]:016x}, FP=0xfffffe1a28a47ed0",
              "CORE 1: PC=0x000000018cd95840, LR=0x0000000190325178, FP=0x000000016b4b49e0",
              "Panicked task 0xfffffe2b2396b2d8: 0 pages, 530 threads: pid 0: kernel_task",
              "Panicked thread: 0xfffffe2b2330bf80, backtrace: 0xfffffe1a29ffb810, tid: 951"]
    lines += [f"\t\t  lr: 0x{f:016x}  fp: 0xfffffe1a29ffb8a0" for f in frames[6:] + [third_party + 0x40]]
    lines.append("      Kernel Extensions in backtrace:")
    for n, member in enumerate(made.linked[1:3], 1):
        low, high = made.range(f"m{n}.TEXT_EXEC")
        identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, member.bundle)).upper()
        lines.append(f"         {member.bundle}(1.0)[{identity}]@0x{low + SLIDE:x}->0x{high + SLIDE - 1:x}")
    lines += [f"         com.third.party(7.1b2)[{str(uuid.uuid4()).upper()}]@0x{third_party:x}->0x{third_party + 0xfff:x}",
              "", "last started kext at 698299817: com.third.party\t3.0 (addr 0xfffffe0017736e80, size 5847)", "loaded kexts:", "a\t1.0", ""]
    return "\n".join(lines)


RETURNS = ("lr", "LR", "caller")
LABELS = ["caller", "pc", "lr", "lr", "PC", "LR"]


def expected(made, path, frames):
    """(label, kext, symbol, offset) of each frame, by llvm-symbolizer on the members by themselves."""
    labels = LABELS + ["lr"] * len(frames)
    at = [f - SLIDE - (4 if label in RETURNS else 0) for f, label in zip(frames, labels)]
    names = {}
    for number, member in enumerate(made.linked):
        low, high = made.range(f"m{number}.TEXT_EXEC")
        run(pomona, "kc", "extract", path, member.bundle, "-o", f"{work}/member")
        inside = [hex(a) for a in at if low <= a < high]
        said = run("llvm-symbolizer-19", f"--obj={work}/member", "--output-style=JSON", *inside) if inside else "[]"
        for found in json.loads(said):
            symbol = found["Symbol"][0]
            names[int(found["Address"], 16)] = (member.bundle, "_" + symbol["FunctionName"], int(symbol["StartAddress"], 16))
    return [(label, names[a][0], names[a][1], hex(f - SLIDE - names[a][2])) for label, a, f in zip(labels, at, frames)]


def addresses(made):
    """Return addresses and places all over the code, the end of a function that never returns among them."""
    panic = made.address("com.apple.kernel", "panic")
    after = min(v for _, v, *_ in made.symbols[0] if v > panic)
    out = [after + SLIDE]
    while len(out) < 14:
        number = random.randrange(len(made.linked))
        address = random.choice(made.functions_of(number)) + 4 * random.randrange(1, 8)
        if address < made.range(f"m{number}.TEXT_EXEC")[1]:
            out.append(address + SLIDE)
    return out


def read(*arguments, stdin=None):
    said = json.loads(run(pomona, "symbolicate", "--json", *arguments, stdin=stdin))
    return said, [(a["label"], a["kext"], a.get("symbol"), a["offset"]) for a in said["addresses"]]


for kind in ("fileset", "prelinked"):
    made = mkkc.build(kind, mkkc.kexts(), work)
    path = write(kind, made.data)
    frames = addresses(made)
    text = log(made, frames)
    wanted = expected(made, path, frames) + [("lr", "com.third.party", None, "0x40")]
    panic = write(f"{kind}.panic", text)
    said, ours = read("--kc", path, panic)
    same(f"{kind}: addresses", ours, wanted)
    same(f"{kind}: slide", [int(said["slide"], 16), said["slide_from"]],
         [SLIDE, "KernelCache slide" if kind == "fileset" else "Kernel text base"])
    same(f"{kind}: kexts", [(k["kext"], k["agrees"]) for k in said["kexts"]],
         [(m.bundle, True) for m in made.linked[1:3]] + [("com.third.party", False)])
    same(f"{kind}: unslid", [int(a["unslid"], 16) for a in said["addresses"][:-1]], [f - SLIDE for f in frames])
    # The forms that reports come in.
    header = json.dumps({"bug_type": "210", "os_version": "macOS 15.0"})
    for name, form in (("json", json.dumps({"build": "x", "panicString": text})),
                       ("ips", header + "\n" + json.dumps({"product": "Mac14,2", "panicString": text}, indent=2)),
                       ("old.ips", header + "\n" + text), ("crlf", text.replace("\n", "\r\n"))):
        same(f"{kind}: {name}", read("--kc", path, write(f"{kind}.{name}", form))[1], wanted)
    same(f"{kind}: standard input", read("--kc", path, "-", stdin=text.encode())[1], wanted)
    key = "5a" * 48
    sealed = write(f"{kind}.im4p", seal("krnl", made.data, key))
    same(f"{kind}: encrypted", read("--kc", sealed, "--key", key, panic)[1], wanted)
    same(f"{kind}: no key", "encrypted: give its key" in run(pomona, "symbolicate", "--kc", sealed, panic, status=65), True)
    # Any one line is enough; without all, the user says it.
    for keep in ("KernelCache slide", "KernelCache base", "Kernel slide", "Kernel text base"):
        less = "\n".join(line for line in text.split("\n") if keep in line or not ("slide:" in line or "base:" in line))
        if keep in text:
            same(f"{kind}: only '{keep}'", read("--kc", path, write("less", less))[1], wanted)
    none = write("none", "\n".join(line for line in text.split("\n") if not ("slide:" in line or "base:" in line)))
    same(f"{kind}: no slide", "give --slide" in run(pomona, "symbolicate", "--kc", path, none, status=65), True)
    same(f"{kind}: --slide", read("--kc", path, "--slide", hex(SLIDE), none)[1], wanted)
    lines = run(pomona, "symbolicate", "--kc", path, panic).splitlines()
    same(f"{kind}: lines", [tuple(line.split()[1:2] + line.split()[3:4]) for line in lines[1:]], [w[:2] for w in wanted])
    annotated = run(pomona, "symbolicate", "--annotate", "--kc", path, panic)
    for _, kext, symbol, offset in wanted:
        annotated = annotated.replace(f" [{kext} {symbol or ''}+{offset}{'' if symbol else ' (not in this collection)'}]", "", 1)
    same(f"{kind}: the log itself", annotated, text)
    # What does not belong together.
    for old, new, says in ((f"Kernel UUID: {str(uuid.uuid5(uuid.NAMESPACE_DNS, 'com.apple.kernel')).upper()}",
                            f"Kernel UUID: {uuid.uuid4()}", "the log is of another kernel"),
                           ("Fileset Kernelcache UUID: " + made.uuid.hex().upper(), "Fileset Kernelcache UUID: " + "5A" * 16,
                            "the log is of another kernel collection"),
                           ("Kernel text base:  0xfffffe00", "Kernel text base:  0xfffffe01", "not the collection of this log")):
        if old in text and not (kind == "prelinked" and "text base" in old):
            wrong = write("wrong", text.replace(old, new))
            same(f"{kind}: {says}", says in run(pomona, "symbolicate", "--kc", path, wrong, status=65), True)
            same(f"{kind}: {says}, insisted", read("--kc", path, "--slide", hex(SLIDE), wrong)[1], wanted)

for name, data, says in (("nothing", "hello", "no panic log"), ("empty", "", "no panic log"),
                         ("broken", '{"panicString": "panic(cpu', "broken JSON")):
    same(name, says in run(pomona, "symbolicate", "--kc", path, write(name, data), status=65), True)
same("no collection", "--kc" in run(pomona, "symbolicate", panic, status=64), True)
same("no kernel", "Mach-O" in run(pomona, "symbolicate", "--kc", panic, panic, status=65), True)
print(f"result: {judge.cases} comparisons")
