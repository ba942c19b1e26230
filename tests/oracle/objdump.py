#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds a64_disassemble() against GNU objdump, text against text.

    objdump.py --tool build/tests/oracle/a64tool [--group G]... [--row R]... [--fills 60] [--random 200000] [--seed 1]

Every chosen row is filled FILLS times; without --group and --row, RANDOM random words come on top. Prints, by row, the
number of words that differ and the first of them, and exits 1 if there are any that objdump-known.txt does not explain.
Words of rows without a template are counted apart: they are no pass. 77 without objdump."""
import argparse
import collections
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

import rows as table

HERE = os.path.dirname(os.path.abspath(__file__))
OBJDUMP = "aarch64-linux-gnu-objdump"


def known_differences(path):
    """Lines `ROW-REGEX<tab>OBJDUMP-TEXT-REGEX<tab>OUR-TEXT-REGEX`, # comments say why."""
    out = []
    for line in open(path):
        line = line.rstrip("\n")
        if line and not line.startswith("#"):
            row, theirs, ours = line.split("\t")
            out.append((re.compile(row), re.compile(theirs), re.compile(ours)))
    return out


def by_objdump(path, version=False):
    if version:
        text = subprocess.run([OBJDUMP, "--version"], check=True, capture_output=True, text=True).stdout
        return text.splitlines()[0]
    text = subprocess.run([OBJDUMP, "-z", "-D", "-b", "binary", "-m", "aarch64", path], check=True,
                          capture_output=True, text=True).stdout
    lines = []
    for line in text.splitlines():
        parts = line.split("\t", 2)
        if len(parts) == 3 and parts[0].endswith(":"):
            lines.append(parts[2].rstrip())
    return lines


def by_us(tool, path):
    text = subprocess.run([tool, "dis"], check=True, stdin=open(path, "rb"), capture_output=True,
                          text=True).stdout
    return [line.split("|", 1) for line in text.splitlines()]


def explained(known, row, theirs, ours):
    return any(r.fullmatch(row) and t.fullmatch(theirs) and o.fullmatch(ours) for r, t, o in known)


def scalable(word):
    """SVE and SME have no rows: the table ends where Apple's A64 ends."""
    return word >> 25 & 15 == 2 or (word >> 25 & 15 == 0 and word >> 31)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--fills", type=int, default=60)
    parser.add_argument("--random", type=int, default=200000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=2, help="differences shown for a row")
    parser.add_argument("--allow-untemplated", action="store_true")
    args = parser.parse_args()
    if not shutil.which(OBJDUMP):
        print("no " + OBJDUMP)
        sys.exit(77)
    chosen = table.select(table.load(args.tool), args.row, args.group)
    partial = bool(args.row or args.group)
    words = table.words(chosen, args.fills, 0 if partial else args.random, args.seed)
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(struct.pack(f"<{len(words)}I", *words))
        file.flush()
        theirs, ours = by_objdump(file.name), by_us(args.tool, file.name)
    if not len(theirs) == len(ours) == len(words):
        sys.exit(f"{len(words)} words, but {len(theirs)} lines of objdump and {len(ours)} of ours")

    known = known_differences(os.path.join(HERE, "objdump-known.txt"))
    templates = {r.name: r.template for r in table.load(args.tool).values()}
    wrong, bare, known_count, sve = collections.defaultdict(list), collections.Counter(), 0, 0
    for word, want, (row, got) in zip(words, theirs, ours):
        if want == got:
            continue
        if row == "-" and scalable(word):
            sve += 1
        elif explained(known, row, want, got):
            known_count += 1
        elif row != "-" and not templates[row] and "undefined" not in want:
            bare[row] += 1
        else:
            wrong[row].append((word, want, got))
    for row, cases in sorted(wrong.items()):
        print(f"{row}: {len(cases)} differ")
        for word, want, got in cases[:args.show]:
            print(f"    {word:08x}  objdump {want!r}\n              ours    {got!r}")
    if bare:
        print(f"{len(bare)} rows without a template: {' '.join(sorted(bare)[:12])} ...")
    total = sum(map(len, wrong.values()))
    print(f"{by_objdump('', True)}, seed {args.seed}: {len(words)} words of {len(chosen)} rows, {total} differ in "
          f"{len(wrong)} rows, {known_count} explained, {sve} SVE or SME, {sum(bare.values())} of {len(bare)} rows without a template")
    sys.exit(1 if total or (bare and not args.allow_untemplated) else 0)


if __name__ == "__main__":
    main()
