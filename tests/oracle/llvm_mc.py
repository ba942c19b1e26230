#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds which words a CPU model decodes against llvm-mc.

    llvm_mc.py --tool build/tests/oracle/a64tool [--model apple-m1] [--mcpu apple-m1] [--group G]... [--row R]...
               [--fills 24] [--random 100000] [--seed 1]

Every chosen row is filled FILLS times; without --group and --row, RANDOM random words come on top. A word counts as
undefined for LLVM when `llvm-mc -disassemble' finds its encoding invalid. Prints, by row, how many words only one of the two
knows, and exits 1 if there are any that llvm-known.txt does not explain; 77 without llvm-mc. LLVM 14 knows no system
registers as undefined, nor which of them a CPU has: those are no part of this."""
import argparse
import collections
import os
import re
import shutil
import struct
import subprocess
import sys

import rows as table

HERE = os.path.dirname(os.path.abspath(__file__))


def known_differences(path):
    """Lines `ROW-REGEX<tab>us|llvm<tab>WORD-REGEX' with who knows the word, # comments say why."""
    out = []
    for line in open(path):
        line = line.rstrip("\n")
        if line and not line.startswith("#"):
            row, side, word = line.split("\t")
            out.append((re.compile(row), side, re.compile(word)))
    return out


def by_llvm(words, mcpu):
    """For each word, whether LLVM knows it."""
    lines = "".join(" ".join(f"0x{byte:02x}" for byte in struct.pack("<I", word)) + "\n" for word in words)
    done = subprocess.run(["llvm-mc", "-disassemble", "-triple=aarch64", "-mcpu=" + mcpu], input=lines,
                          capture_output=True, text=True)
    bad = {int(n) - 1 for n in re.findall(r"^<stdin>:(\d+):\d+: warning: invalid", done.stderr, re.M)}
    return [k not in bad for k in range(len(words))]


def by_us(tool, words, command):
    data = struct.pack(f"<{len(words)}I", *words)
    out = subprocess.run([tool, *command], input=data, check=True, capture_output=True).stdout
    return out.decode().splitlines()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--model", default="apple-m1")
    parser.add_argument("--mcpu", default="apple-m1")
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--fills", type=int, default=24)
    parser.add_argument("--random", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=2)
    args = parser.parse_args()
    if not shutil.which("llvm-mc"):
        print("no llvm-mc")
        sys.exit(77)
    chosen = table.select(table.load(args.tool), args.row, args.group)
    partial = bool(args.row or args.group)
    words = table.words(chosen, args.fills, 0 if partial else args.random, args.seed)
    theirs = by_llvm(words, args.mcpu)
    decoded = by_us(args.tool, words, ["cpu", args.model])
    names = [line.split("|", 1) for line in by_us(args.tool, words, ["dis"])]

    known = known_differences(os.path.join(HERE, "llvm-known.txt"))
    wrong, explained, both = collections.defaultdict(list), 0, 0
    for word, valid, ours, (row, text) in zip(words, theirs, decoded, names):
        side = "llvm" if valid else "us"
        if valid == (ours != "-"):
            both += valid
        elif any(r.fullmatch(row) and s == side and w.fullmatch(f"{word:08x}") for r, s, w in known):
            explained += 1
        else:
            wrong[row, side].append((word, text))
    for (row, side), cases in sorted(wrong.items()):
        print(f"{row}: {len(cases)} known to {side} alone")
        for word, text in cases[:args.show]:
            print(f"    {word:08x} {text}")
    version = subprocess.run(["llvm-mc", "--version"], capture_output=True, text=True).stdout
    version = re.search(r"version \S+", version)[0]
    total = sum(map(len, wrong.values()))
    print(f"llvm-mc {version}, -mcpu={args.mcpu}, seed {args.seed}: {len(words)} words of {len(chosen)} rows, {both} known to "
          f"both, {total} to one alone in {len(wrong)} rows, {explained} explained")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
