#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a guest of this folder here and on QEMU's machine `virt` and compares what each says of every case.

usage: run.py GUEST POMONA BUILD-FOLDER [--clock insn]; engines.py says on which engines
Exit status 0: all cases agree but for the differences that known.py explains, and no case fails by what it says
itself (" BAD"); 1: they do not; 77: no compiler or no QEMU."""
import collections
import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from engines import engines  # noqa: E402
from known import GUESTS, KNOWN  # noqa: E402

CASE = re.compile(r"(.*?):( .*)")
COMPILER, QEMU = "aarch64-linux-gnu-gcc", "qemu-system-aarch64"


def build(folder, guest):
    os.makedirs(folder, exist_ok=True)
    about = GUESTS[guest]
    elf = os.path.join(folder, guest + ".elf")
    flags = ["-march=armv8.5-a", "-O2", "-Wall", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-no-pie",
             "-mgeneral-regs-only", "-mstrict-align", "-fno-stack-protector", "-fno-tree-loop-distribute-patterns",
             "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-I", HERE, *about.get("flags", [])]
    sources = [os.path.join(HERE, "start.S"), os.path.join(HERE, "guest.c"),
               os.path.join(os.path.dirname(HERE), "el2", about.get("source", guest) + ".c")]
    subprocess.run([COMPILER, *flags, "-T", os.path.join(HERE, "guest.ld"), *sources, "-o", elf], check=True)
    return elf


def run(command):
    try:
        out = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=400, check=False).stdout
    except subprocess.TimeoutExpired as expired:
        sys.exit(f"{command[0]}: did not end: {(expired.stdout or b'')[-200:]}")
    lines = [line.strip() for line in out.decode(errors="replace").split("\n")]
    if "done" not in lines:
        sys.exit(f"{command[0]}: the guest did not finish: {lines[-3:]}")
    cases = {}
    for line in lines:
        match = CASE.match(line)
        if match:
            if match[1] in cases:
                sys.exit(f"two cases are named {match[1]!r}")
            cases[match[1]] = match[2]
    return cases


def compare(guest, ours, theirs):
    """How many cases are wrong."""
    if ours.keys() != theirs.keys():
        sys.exit(f"the two ran different cases: {sorted(ours.keys() ^ theirs.keys())[:5]}")
    known, wrong = collections.Counter(), 0
    for case, ours_says in ours.items():
        if "BAD" in ours_says.split():
            wrong += 1
            print(f"{case}: {ours_says}")
        elif theirs[case] != ours_says:
            what = next((what for what, pattern, *same in KNOWN.get(guest, []) if re.fullmatch(pattern, case)
                         and all(f(theirs[case], ours_says) for f in same)), None)
            if what:
                known[what] += 1
            else:
                wrong += 1
                print(f"{case}\n    QEMU: {theirs[case]}\n    here: {ours_says}")
    for what, count in known.items():
        print(f"{count} known: {what}")
    print(f"{len(ours)} cases, {sum(known.values())} explained differences, {wrong} wrong")
    return wrong


def main():
    guest, pomona, folder, *options = sys.argv[1:]
    if not shutil.which(COMPILER) or not shutil.which(QEMU):
        sys.exit(77)
    el2, cpus, own = GUESTS[guest]["el2"], GUESTS[guest]["cpus"], GUESTS[guest].get("options", [])
    elf = build(folder, guest)
    board = "virt,gic-version=3" + (",virtualization=on" if el2 else "")
    theirs = run([QEMU, "-M", board, "-cpu", "max", "-m", "256M", "-smp", str(cpus), "-net", "none",
                  "-display", "none", "-serial", "stdio", "-monitor", "none", "-kernel", elf])
    wrong = 0
    for engine in engines():
        print(guest, *engine)
        wrong += compare(guest, run([pomona, "run", "--machine", "virt", "--cpu", "max", "--memory", "256M", "--cpus", str(cpus),
                                     *(["--el2"] if el2 else []), *engine, *own, *options, elf]), theirs)
    sys.exit(wrong != 0)


main()
