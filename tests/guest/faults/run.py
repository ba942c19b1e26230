#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds faults.c with words of every load and store of the decode table, runs it here and on QEMU's machine `virt`, and
compares: run.py POMONA A64TOOL BUILD-FOLDER [WORD]. With WORD (hex) it prints every place of that one.

Here no faulting instruction may have changed anything; QEMU may (it stores the first part of a pair, for one), and is counted. QEMU 7.2 lets
unaligned accesses to Device memory pass: there only what we leave unchanged is looked at.
Exit status 77: no compiler or no QEMU."""
import collections
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "../../oracle"), os.path.dirname(HERE)]
from engines import engines  # noqa: E402
import rows as table  # noqa: E402

COMPILER, QEMU = "aarch64-linux-gnu-gcc", "qemu-system-aarch64"
NOP = 0xd503201f
# Need alignment on a CPU without FEAT_LSE2, as QEMU 7.2 has none: these are tried at aligned places only.
ALIGNED = ("ldstexcl", "ldstord", "comswap", "memop", "ldapstl", "rcwcomswap", "ldiappstilp")
LEFT_OUT = ("loadlit", "ldst_pac")  # relative to the PC; need signed pointers
SCENARIOS = ["both pages", "second missing", "first missing", "second read-only", "first read-only", "second unused",
             "first unused", "both Device"]


def put(row, letter, value):
    """VALUE in the row's field LETTER, least significant bit last in the pattern."""
    bits = row.fields.get(letter, [])
    return sum(1 << bit for k, bit in enumerate(reversed(bits)) if value >> k & 1)


def word_of(row, imm, bits):
    registers = {"n": 1, "t": 2, "u": 3, "s": 4, "m": 6 if "o" in row.fields else 5}
    word = row.value
    for letter in row.fields:
        if letter == "i":
            word |= put(row, letter, imm)
        elif letter in registers:
            word |= put(row, letter, registers[letter])
        elif letter != "x":
            word |= put(row, letter, bits)
        else:
            word |= put(row, letter, ~0)
    return word


def words_of(row):
    unsigned = row.group == "ldst_pos"
    imms = [0, 1] + ([] if unsigned else [~0]) if "i" in row.fields else [0]
    if row.group.startswith(ALIGNED):
        imms = [imm * 16 for imm in imms]
    others = [0, 1, 2, 3] if set(row.fields) - set("nturmsix") else [0]
    return {word_of(row, imm, bits) for imm in imms for bits in others}


def load_exclusive(word):
    """The load that arms the monitor for a store-exclusive, into X7 and X8."""
    return (word | 1 << 22 | 31 << 16) & ~(31 << 10 | 31) | 7 | (8 << 10 if word >> 21 & 1 else 31 << 10)


def choose(tool):
    names = [line.split()[0] for line in open(os.path.join(HERE, "../../../src/a64/decode/ldst.decode"))
             if line.strip() and line[0] != "#"]
    chosen = [r for r in table.select(table.load(tool), names, []) if r.implemented
              and not r.name.startswith(("PRF", "RPRF")) and not r.group.startswith(LEFT_OUT)]
    found = {}
    for row in chosen:
        for word in words_of(row):
            found.setdefault(word, row)
    data = b"".join(word.to_bytes(4, "little") for word in found)
    lines = subprocess.run([tool, "dis"], input=data, check=True, capture_output=True).stdout.decode().splitlines()
    out = []
    for (word, row), line in zip(found.items(), lines):
        name, text = line.split("|", 1)
        if name == row.name:
            exclusive = row.group.startswith("ldstexcl") and not word >> 22 & 1
            out.append((load_exclusive(word) if exclusive else NOP, word, 16 if row.group.startswith(ALIGNED) else 1, name, text))
    return out


def build(folder, words, detail):
    with open(os.path.join(folder, "words.inc"), "w") as file:
        file.writelines(f"{{0x{first:08x}, 0x{word:08x}, {step}}}, /* {name} */\n" for first, word, step, name, _ in words)
    elf = os.path.join(folder, "faults.elf")
    flags = ["-march=armv8.5-a", "-O2", "-Wall", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-no-pie",
             "-mgeneral-regs-only", "-fno-stack-protector", "-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-I", folder]
    sources = [os.path.join(HERE, name) for name in ("start.S", "faults.c")]
    subprocess.run([COMPILER, *flags, *(["-DDETAIL"] if detail else []), "-T", os.path.join(HERE, "guest.ld"), *sources,
                    "-o", elf], check=True)
    return elf


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=400, check=False)
    lines = [line.strip() for line in done.stdout.decode(errors="replace").split("\n")]
    if "done" not in lines:
        sys.exit(f"{command[0]}: the guest did not finish: {lines[-3:]}")
    return lines


def compare(words, ours, theirs):
    """How many lines are wrong."""
    names = {word: (name, text) for _, word, _, name, text in words}
    wrong, dirty = collections.defaultdict(list), collections.Counter()
    line = re.compile(r"([0-9a-f]+) s(\d) v=([0-9a-f]+) dirty=([0-9a-f]+)")
    compared = device = 0
    for a, b in zip(ours, theirs):
        ma, mb = line.match(a), line.match(b)
        if not ma or not mb:
            continue
        compared += 1
        word = int(ma[1], 16)
        dirty[names[word][0]] += int(mb[4], 16)
        if ma[3] != mb[3] and SCENARIOS[int(ma[2])] == "both Device":
            device += 1
        elif ma[3] != mb[3]:
            wrong[names[word][0]].append(f"{ma[1]} {names[word][1]}: {SCENARIOS[int(ma[2])]}")
        if ma[4] != "0":
            wrong[names[word][0]].append(f"{ma[1]} {names[word][1]}: {SCENARIOS[int(ma[2])]}: changed something before it faulted")
    for name, cases in sorted(wrong.items()):
        print(f"{name}: {len(cases)}: {'; '.join(cases[:3])}")
    places = sum(len(range(-80, 41, w[2])) for w in words) * len(SCENARIOS)
    print(f"{len(set(n for n, _ in names.values()))} rows, {len(words)} words, {places} places, {compared} lines compared, "
          f"{sum(map(len, wrong.values()))} differ in {len(wrong)} rows, {device} in Device memory as known; QEMU leaves changes behind in "
          f"{sum(v > 0 for v in dirty.values())} rows, here none")
    return len(wrong) + (not compared)


def main():
    pomona, tool, folder = sys.argv[1:4]
    if not shutil.which(COMPILER) or not shutil.which(QEMU):
        sys.exit(77)
    os.makedirs(folder, exist_ok=True)
    words = choose(tool)
    only = int(sys.argv[4], 16) if len(sys.argv) > 4 else None
    if only is not None:
        words = [w for w in words if w[1] == only]
    elf = build(folder, words, only is not None)
    theirs = run([QEMU, "-M", "virt", "-cpu", "max", "-m", "256M", "-net", "none", "-display", "none", "-serial", "stdio",
                  "-monitor", "none", "-kernel", elf])
    wrong = 0
    for engine in engines():
        ours = run([pomona, "run", "--machine", "virt", "--cpu", "max", "--memory", "256M", *engine, elf])
        if only is not None:
            print("\n".join(f"{'  ' if a == b else '! '}{a:<90} | {b}" for a, b in zip(ours, theirs)))
        else:
            print("faults", *engine)
            wrong += compare(words, ours, theirs)
    sys.exit(1 if wrong else 0)


main()
