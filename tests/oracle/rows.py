# SPDX-License-Identifier: MIT
"""Words for tests: the decode table's rows as a64tool prints them, and fills of their fields.

A fill is random, but each field is often all zeros, all ones or one bit, since register 31, shift 0 and the
sign bit are where disassemblers and semantics differ."""
import random
import subprocess


class Row:
    def __init__(self, line):
        self.name, self.group, self.pattern, self.feat, implemented, template = line.split()
        self.implemented, self.template = implemented == "1", template == "1"
        self.fields, self.value = {}, 0
        for position, char in enumerate(self.pattern):
            bit = 31 - position
            if char in "01":
                self.value |= int(char) << bit
            else:
                self.fields.setdefault(char, []).append(bit)

    def fill(self, rng):
        word = self.value
        for bits in self.fields.values():
            word |= sum(1 << bit for bit in bits if self.choice(rng, bit, bits))
        return word

    def choice(self, rng, bit, bits):
        if bit == bits[0]:
            self.kind, self.one = rng.randrange(8), rng.choice(bits)
        return {0: False, 1: True, 2: bit == self.one}.get(self.kind, rng.random() < 0.5)


def load(tool):
    """Rows by name, in the table's order."""
    text = subprocess.run([tool, "rows"], check=True, capture_output=True, text=True).stdout
    return {row.name: row for row in map(Row, text.splitlines())}


def select(rows, names, groups):
    """The rows whose name or group was asked for; all when nothing was."""
    if not names and not groups:
        return list(rows.values())
    unknown = [n for n in names if n not in rows]
    unknown += [g for g in groups if g not in {r.group for r in rows.values()}]
    if unknown:
        raise SystemExit("no such row or group: " + ", ".join(unknown))
    return [r for r in rows.values() if r.name in names or r.group in groups]


def words(rows, fills, count, seed):
    """FILLS words of each of ROWS and COUNT random ones."""
    rng = random.Random(seed)
    out = [row.fill(rng) for row in rows for _ in range(fills)]
    return out + [rng.getrandbits(32) for _ in range(count)]
