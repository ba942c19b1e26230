# SPDX-License-Identifier: MIT
"""Rows: interleaved runs of one benchmark on all machines, and the ratio with its interval."""
import math
import random
import statistics
import time

from .machines import Trouble

FLOAT, PARALLEL, CONTENDED = 1, 2, 4
# A row is decided when its 95 % interval is narrower than this part of the ratio.
WIDTH = 0.05


class Benchmark:
    """One line of `bench list`."""

    def __init__(self, line):
        self.group, self.name, n, flags = line.split()
        self.n, self.flags = int(n), int(flags)

    def command(self, scale=1.0, threads=1):
        return f"{self.name} {max(1, round(self.n * scale))} {threads}"


def catalogue(native):
    return [Benchmark(line) for line in native.text("list").splitlines()]


def chosen(benchmarks, names):
    """Those whose name or group is in NAMES; all but the parallel ones if NAMES is empty."""
    if not names:
        return [one for one in benchmarks if not one.flags & PARALLEL]
    known = {one.name for one in benchmarks} | {one.group for one in benchmarks}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"bench: there is no {', '.join(unknown)}: it is " + " ".join(one.name for one in benchmarks))
    return [one for one in benchmarks if one.name in names or one.group in names]


def interval(ratios, level=0.95, rounds=2000):
    """The bootstrap interval of the median of RATIOS."""
    if len(ratios) < 2:
        return ratios[0], ratios[0]
    source = random.Random(len(ratios))
    medians = sorted(statistics.median(source.choices(ratios, k=len(ratios))) for _ in range(rounds))
    cut = int(rounds * (1 - level) / 2)
    return medians[cut], medians[rounds - 1 - cut]


def geomean(values):
    return math.exp(statistics.fmean(math.log(value) for value in values))


class Row:
    """The times of one benchmark on all machines, pair by pair."""

    def __init__(self, benchmark):
        self.benchmark, self.times, self.checksums, self.troubles = benchmark, {}, {}, {}
        self.dropped = set()  # rivals that lost: their fewer pairs decide nothing
        self.ended = None  # why no more pairs were made: "decided", "deadline", "most", "trouble"

    def add(self, machine, command):
        if machine.name in self.troubles:
            return
        try:
            result = machine.run(command)
        except Trouble as trouble:
            self.troubles[machine.name] = str(trouble)
            machine.end()
            return
        self.times.setdefault(machine.name, []).append(result.seconds)
        self.checksums.setdefault(machine.name, set()).add(result.checksum)

    def seconds(self, name):
        return statistics.median(self.times[name]) if self.times.get(name) else None

    def agree(self):
        """Whether all checksums are the same, the host's too unless it rounds otherwise."""
        names = [name for name in self.checksums if name != "native" or not self.benchmark.flags & FLOAT]
        return len(set().union(*(self.checksums[name] for name in names))) <= 1

    def fastest(self, names):
        """Of those that raced to the end."""
        return min((name for name in names if self.times.get(name) and name not in self.dropped), key=self.seconds, default=None)

    def ratios(self, subject, rival):
        return [theirs / ours for ours, theirs in zip(self.times.get(subject, []), self.times.get(rival, []))]

    def compare(self, subject, rivals):
        """(rival, ratio, low, high) against the faster rival, or None."""
        rival = self.fastest(rivals)
        ratios = self.ratios(subject, rival) if rival else []
        if not ratios:
            return None
        return (rival, statistics.median(ratios), *interval(ratios))


class Plan:
    """How many pairs: at least LEAST, at most MOST, until the interval is narrower than WIDTH of the ratio; after DEADLINE (of
    time.monotonic()) no more than LEAST. The slower rival is left out once DROP pairs show it, references are run REFERENCE times."""

    def __init__(self, least, most, drop=3, scale=1.0, deadline=math.inf):
        self.least, self.most, self.drop, self.scale, self.deadline = least, most, drop, scale, deadline
        self.width, self.reference = WIDTH, 3


def decided(row, subject, rivals, plan):
    found = row.compare(subject, rivals)
    return found is None or is_narrow(found, plan.width)


def is_narrow(found, width=WIDTH):
    """Whether the interval of what Row.compare() FOUND is narrower than WIDTH of the ratio."""
    return (found[3] - found[2]) / found[1] < width


def contenders(row, rivals):
    """Those whose best time is not clearly behind the best of all: a pause of the host makes one time longer, none shorter."""
    best = {one: min(row.times[one.name]) for one in rivals if row.times.get(one.name)}
    return [one for one, seconds in best.items() if seconds < 1.1 * min(best.values())]


def why_ended(row, subject, racing, pairs, plan):
    """Why PAIRS are enough; None: they are not."""
    if subject.name in row.troubles:
        return "trouble"
    if pairs >= plan.least and decided(row, subject.name, [one.name for one in racing], plan):
        return "decided"
    if pairs >= plan.least and time.monotonic() > plan.deadline:
        return "deadline"
    return "most" if pairs >= plan.most else None


def measure(benchmark, subject, rivals, references, plan):
    """Pairs in alternating order until the row is decided."""
    row, command = Row(benchmark), benchmark.command(plan.scale)
    racing, pairs = list(rivals), 0
    while not row.ended:
        order = [subject, *racing, *(references if pairs < plan.reference else [one for one in references if not one.guest])]
        for machine in order if pairs % 2 == 0 else reversed(order):
            row.add(machine, command)
        pairs += 1
        if pairs == plan.drop and len(racing) > 1:
            racing = contenders(row, racing)
            row.dropped = {one.name for one in rivals} - {one.name for one in racing}
        row.ended = why_ended(row, subject, racing, pairs, plan)
    return row
