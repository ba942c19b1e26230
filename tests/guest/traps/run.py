#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a guest of this folder here and on QEMU's machine `virt` and compares what each says of every case.

usage: run.py GUEST POMONA BUILD-FOLDER
Exit status 0: all cases agree but for the differences that KNOWN explains; 1: they do not; 77: no compiler
or no QEMU."""
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

# "NAME OF THE CASE" and what came of it.
CASE = re.compile(r"(.*?) ((?:ok|to=|v=|plain=|before=|far=).*)")
COMPILER, QEMU = "aarch64-linux-gnu-gcc", "qemu-system-aarch64"

# QEMU 7.2 against the Arm manual (DDI 0487): (what, predicate of setting, EL and word).
KNOWN = {
    "traps": [
        ("MSR (immediate): QEMU exchanges op1 and op2 in the syndrome",
         lambda setting, el, word: word in ("d50340ff", "d50341ff", "d5034fdf")),
        ("HCR_EL2.TIDCP: not in QEMU 7.2",
         lambda setting, el, word: setting == "tidcp" and word[4] in "bf"),
        ("DBGCLAIM: not in QEMU 7.2", lambda setting, el, word: int(word, 16) & 0xffdffeff == 0xd51078c3),
        ("SCTLR_EL2 has no UMA: DAIF traps at EL0 of a host (C5.2.3)",
         lambda setting, el, word: setting == "hostuser" and el == "el0" and int(word, 16) & 0xffdfffe0 == 0xd51b4220),
        ("MDCR_EL2.TPMCR traps PMCR_EL0",
         lambda setting, el, word: setting == "tpmcr" and int(word, 16) & 0xffdfffff == 0xd51b9c03),
        ("_EL12 and _EL02 names are UNDEFINED while HCR_EL2.E2H is 0",
         lambda setting, el, word: el == "el2" and int(word, 16) & 0xffdf0000 == 0xd51d0000
         and not setting.startswith(("vhe", "host"))),
    ],
    "events": [
        ("CNTHV's PPI 28 has no wire on QEMU 7.2's board", lambda *case: case in (("cnthv",), ("vhe", "cntv"))),
        ("QEMU never checks SP's alignment", lambda *case: case[-2:] == ("sp", "alignment")),
        ("QEMU's `max` has AArch32", lambda *case: case[-1] == "aarch32"),
        ("DC IVAC counts as a store for watchpoints", lambda *case: case[-2:] == ("dc", "ivac")),
    ],
}


def build(folder, guest):
    elf = os.path.join(folder, guest + ".elf")
    flags = ["-march=armv8.5-a", "-O2", "-Wall", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-no-pie",
             "-mgeneral-regs-only", "-mstrict-align", "-fno-stack-protector", "-Wl,--build-id=none",
             "-Wl,--no-warn-rwx-segments"]
    sources = [os.path.join(HERE, name) for name in ("start.S", guest + ".c")]
    subprocess.run([COMPILER, *flags, "-T", os.path.join(HERE, "guest.ld"), *sources, "-o", elf], check=True)
    return elf


def note_encodings(guest, text):
    """For docs/oracles.md: what `--log encodings` told."""
    if "POMONA_ROWS" in os.environ:
        with open(os.environ["POMONA_ROWS"], "a") as file:
            file.writelines(f"guest-{guest} {row}\n" for row in re.findall(r"^pomona: encodings: (\S+)", text, re.M))


def run(command, guest=None):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE if guest else None, timeout=400, check=False)
    if guest:
        note_encodings(guest, done.stderr.decode(errors="replace"))
    lines = done.stdout.decode(errors="replace").split("\n")
    if "done" not in [line.strip() for line in lines]:
        sys.exit(f"{command[0]}: the guest did not finish: {lines[-3:]}")
    cases = {}
    for line in lines:
        match = CASE.match(line.strip())
        if match:
            cases[match[1]] = match[2]
    return cases


def compare(guest, ours, theirs):
    """How many cases are wrong."""
    if ours.keys() != theirs.keys():
        sys.exit("the two ran different cases")
    known, wrong = collections.Counter(), 0
    for case, ours_says in ours.items():
        if theirs[case] == ours_says:
            continue
        for what, matches in KNOWN[guest]:
            if matches(*case.split()):
                known[what] += 1
                break
        else:
            wrong += 1
            print(case, "| QEMU:", theirs[case], "| here:", ours_says)
    for what, count in known.items():
        print(f"{count} known: {what}")
    print(f"{len(ours)} cases, {sum(known.values())} explained differences, {wrong} wrong")
    return wrong


def main():
    guest, pomona, folder = sys.argv[1:]
    if not shutil.which(COMPILER) or not shutil.which(QEMU):
        sys.exit(77)
    os.makedirs(folder, exist_ok=True)
    elf = build(folder, guest)
    theirs = run([QEMU, "-M", "virt,virtualization=on,gic-version=3", "-cpu", "max", "-m", "256M", "-net", "none",
                  "-display", "none", "-serial", "stdio", "-monitor", "none", "-kernel", elf])
    wrong = 0
    for engine in engines():
        print(guest, *engine)
        wrong += compare(guest, run([pomona, "run", "--machine", "virt", "--cpu", "max", "--el2", "--memory", "256M", *engine,
                                     "--log", "encodings", elf], guest), theirs)
    sys.exit(wrong != 0)


main()
