#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the interpreter's instructions against qemu-aarch64, state against state.

    qemu_exec.py --tool A64TOOL --ours EXEC_OURS --guest EXEC_GUEST [--file simd]... [--group G]... [--row R]...
                 [--fills 40] [--states 32] [--seed 1] [--fpcr]

For rows that touch registers alone (SIMD, cryptography, floating point, data processing; --file takes all rows of a
file of src/a64/decode): every chosen row is filled FILLS times and each word runs on STATES random states, by the guest
under qemu-aarch64 -cpu max and by our interpreter. Compared are the destination registers, FPSR, NZCV and a hash of all
registers, and whether the word is undefined. Prints the rows that differ with the first differing cases; exits 1 if
there are any, or if a row had fewer than FILLS words, or if a word was undefined for both; 77 without qemu."""
import argparse
import collections
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile

import rows as table

HERE = os.path.dirname(os.path.abspath(__file__))
QEMU = ["qemu-aarch64", "-cpu", "max"]
RESULT = struct.Struct("<QQQIIQQ")
LANES = {8: [0, 1, 0x7F, 0x80, 0xFF], 16: [0, 1, 0x7FFF, 0x8000, 0xFFFF],
         32: [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF],
         64: [0, 1, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFFFFFFFFFF]}


def register(rng, bits):
    """Random bits, lanes from the ends of the range (where saturation and carries are), or small numbers (shifts,
    table indices)."""
    kind, width, value = rng.randrange(4), rng.choice([8, 16, 32, 64]), 0
    if kind == 0:
        return rng.getrandbits(bits)
    for position in range(0, bits, width):
        if kind == 1:
            lane = rng.choice(LANES[width])
        elif kind == 2:
            lane = rng.randrange(-width - 3, width + 3) & ((1 << width) - 1)
        else:
            lane = rng.choice([rng.choice(LANES[width]), rng.getrandbits(width), rng.randrange(64)])
        value |= (lane & ((1 << width) - 1)) << position
    return value


def state(rng, fpcr):
    out = b"".join(register(rng, 128).to_bytes(16, "little") for _ in range(32))
    out += b"".join(register(rng, 64).to_bytes(8, "little") for _ in range(31))
    control = rng.choice([0, 0, *(1 << b for b in (22, 23, 24, 25)), 3 << 22, 1 << 19]) if fpcr else 0
    flags = rng.choice([0, 0x0800009F, rng.getrandbits(28) & 0x0800009F])
    return out + struct.pack("<QQQQQ", control, flags, rng.getrandbits(4) << 28, 0, 0)


def run(command, data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return subprocess.run(command, stdin=file, check=True, capture_output=True).stdout


def show(values):
    if values[6]:
        return "undefined"
    return "v {1:016x}:{0:016x} x {2:x} fpsr {3:08x} nzcv {4:08x} all {5:016x}".format(*values)


def choose(args):
    """The implemented rows that were asked for."""
    names = list(args.row)
    for file in args.file:
        path = os.path.join(HERE, "../../src/a64/decode", file + ".decode")
        names += [line.split()[0] for line in open(path) if line.strip() and line[0] != "#"]
    return [row for row in table.select(table.load(args.tool), names, args.group) if row.implemented]


def fill(tool, chosen, fills, rng):
    """(row, word, text) of FILLS words of each row; words that decode to another row or to none are not its."""
    tries = [(row.name, row.fill(rng)) for row in chosen for _ in range(8 * fills)]
    data = b"".join(struct.pack("<I", word) for _, word in tries)
    lines = subprocess.run([tool, "dis"], input=data, check=True, capture_output=True).stdout.decode().splitlines()
    out, counts = [], collections.Counter()
    for (name, word), line in zip(tries, lines):
        found, text = line.split("|", 1)
        if found == name and counts[name] < fills:
            counts[name] += 1
            out.append((name, word, text))
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--guest", required=True)
    parser.add_argument("--file", action="append", default=[])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--fills", type=int, default=40)
    parser.add_argument("--states", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=2)
    parser.add_argument("--fpcr", action="store_true", help="random rounding, FZ, DN and FZ16 too")
    args = parser.parse_args()
    if not shutil.which(QEMU[0]) or not os.path.exists(args.guest):
        print("no qemu-aarch64, or no compiler for its guest")
        sys.exit(77)

    rng = random.Random(args.seed)
    chosen = choose(args)
    cases = fill(args.tool, chosen, args.fills, rng)
    counts = collections.Counter(name for name, _, _ in cases)
    short = [r.name for r in chosen if counts[r.name] < args.fills]
    states = [state(rng, args.fpcr) for _ in range(args.states)]
    wrong = collections.defaultdict(list)
    for start in range(0, len(cases), 16384):
        part = cases[start:start + 16384]
        data = struct.pack("<II", len(part), len(states)) + b"".join(struct.pack("<I", c[1]) for c in part)
        data += b"".join(states)
        theirs = run([*QEMU, args.guest], data)
        ours = run([args.ours], data)
        if len(theirs) != len(ours) or len(ours) != len(part) * len(states) * RESULT.size:
            sys.exit("the programs' outputs differ in length")
        for k, (t, o) in enumerate(zip(RESULT.iter_unpack(theirs), RESULT.iter_unpack(ours))):
            if t != o or t[6]:
                wrong[part[k // len(states)][0]].append((part[k // len(states)], k % len(states), t, o))
    for name, differences in sorted(wrong.items()):
        print(f"{name}: {len(differences)} differ")
        for (_, word, dis), index, t, o in differences[:args.show]:
            print(f"    {word:08x} {dis} (state {index})\n        qemu {show(t)}\n        ours {show(o)}")
    if "POMONA_ROWS" in os.environ:
        with open(os.environ["POMONA_ROWS"], "a") as file:
            file.writelines(f"qemu-exec {name} {count * len(states)}\n" for name, count in counts.items())
    if short:
        print(f"fewer than {args.fills} words: {' '.join(short)}")
    print(f"qemu-aarch64, seed {args.seed}: {len(chosen)} rows, {len(cases)} words, {len(cases) * len(states)} cases, "
          f"{sum(map(len, wrong.values()))} differ in {len(wrong)} rows")
    sys.exit(1 if wrong or short else 0)


if __name__ == "__main__":
    main()
