# SPDX-License-Identifier: MIT
"""What is measured besides the rows: the machines' CPU features and clocks, memory, booting, scaling on two CPUs, translation, and
the interpreter alone."""
import math
import os
import re
import signal
import statistics
import subprocess
import tempfile

from .machines import Fleet, Trouble
from .measure import CONTENDED, PARALLEL, chosen, geomean, interval


def facts(guest):
    """What is to be known of a guest before its times are believed."""
    said = guest.text("cpu")
    features = re.search(r"Features\s*: (.*)", said)
    part = re.search(r"CPU part\s*: (\S+)", said)
    return {"features": features.group(1).split() if features else [], "part": part.group(1) if part else "?",
            "clock": guest.clock_error(), "boot": guest.boot_seconds}


def memory(guest):
    """Bytes of guest RAM that were touched, of all else now, and the most that was ever resident beside that RAM. NaN: unknown."""
    if not guest.process:
        return {"ram": math.nan, "rest": math.nan, "peak": math.nan}
    ram, rest = guest.memory()
    return {"ram": ram, "rest": rest, "peak": guest.peak() - ram}


def section(title, text, head, rows, verdicts=()):
    """VERDICTS: some of verdict()'s."""
    return {"title": title, "text": text, "head": head, "rows": rows, "verdicts": list(verdicts)}


def verdict(what, value, limit, unit="", least=False):
    """A figure that is to be LIMIT or less, or, LEAST, or more; VALUE is None or NaN where it could not be measured."""
    if value is None or math.isnan(value):
        return {"what": what, "measured": "not measured", "limit": f"{limit:g}{unit}", "least": least, "reached": False}
    return {"what": what, "measured": f"{value:.3g}{unit}", "limit": f"{limit:g}{unit}", "least": least,
            "reached": value >= limit if least else value <= limit}


def commands(members):
    """What starts each of MEMBERS."""
    return {one.name: one.command for one in members if one.guest}


# ---- from power-on to /init ----

def boot_seconds(makers, rounds):
    """{name: [seconds of each round]} of machines that are booted in turns, each alone on the core. NaN: it did not boot."""
    seconds = {name: [] for name in makers}
    for _ in range(rounds):
        for name, maker in makers.items():
            guest = maker()
            try:
                guest.start()
                seconds[name].append(guest.boot_seconds)
            except Trouble as trouble:
                print(f"boot, {name}: {trouble}", flush=True)
                seconds[name].append(math.nan)
            guest.end()
    return seconds


def power_off(guest):
    """Boots it, and ends it as its owner would, so that it leaves a code cache behind."""
    guest.start()
    guest.signal(signal.SIGCONT)
    guest.process.communicate(b"poweroff\n", timeout=60)
    guest.end()


def booting(fleet, build, engine, rounds=9):
    """Debian's kernel to its /init; with a warm code cache too if the engine has one."""
    makers = {engine: lambda: fleet.pomona(engine)}
    with tempfile.TemporaryDirectory() as folder:
        if engine == "dbt" and "--code-cache" in build.options():
            makers["dbt, warm code cache"] = lambda: fleet.pomona(engine, "--code-cache", folder)
            power_off(makers["dbt, warm code cache"]())
        for number, rival in enumerate(fleet.rivals()):
            makers[rival.name] = lambda number=number: fleet.rivals()[number]
        makers["qemu-7.2"] = fleet.old_qemu
        seconds = boot_seconds(makers, rounds)
    return boot_section(seconds, engine)


def known(some):
    return [one for one in some if not math.isnan(one)]


def middle(some):
    """The median of those that are known."""
    return statistics.median(known(some)) if known(some) else math.nan


def boot_row(name, seconds, parts):
    """PARTS: of QEMU's times in the same rounds; none: there were none."""
    cells = [f"{one:.2f}" for one in (min(seconds), middle(seconds), max(seconds), middle(parts))]
    return name, *cells, " to ".join(f"{one:.2f}" for one in interval(parts)) if parts else "-"


def boot_section(seconds, engine):
    """Of {name: [seconds of each round]}. What is not there is not reached."""
    rivals = [seconds.get(name, []) for name in ("qemu-max", "qemu-v1")]
    best = min(rivals, key=middle) if all(known(some) for some in rivals) else [math.nan]
    parts = {name: known(ours / theirs for ours, theirs in zip(some, best)) for name, some in seconds.items()}
    rows = [boot_row(name, known(some), parts[name]) for name, some in seconds.items() if known(some)]
    verdicts = [verdict("Debian's kernel to /init, part of QEMU's time", middle(parts.get(engine, [])), 0.5),
                verdict("the same with a warm code cache", middle(parts.get(f"{engine}, warm code cache", [])), 0.25)]
    return section("Booting", "Power-on to the first line of /init, wall seconds, 1 CPU, in turns; each boot is compared with that of the better "
                   "QEMU in the same round.",
                   ("machine", "least", "median", "most", "part of QEMU's, median", "95 % interval"), rows, verdicts)


# ---- two CPUs ----

def scaling_of(machine, benchmark, rounds):
    """How many times as much work two threads do as one."""
    ratios = []
    for _ in range(rounds):
        one = machine.run(benchmark.command(threads=1))
        two = machine.run(benchmark.command(threads=2))
        ratios.append(2 * one.seconds / two.seconds)
    return statistics.median(ratios)


def scaling_rows(members, benchmarks, rounds):
    """A row for each parallel program, at the end the geometric mean of those whose threads do not fight for one line; and that
    mean's part of native's."""
    rows, parts = [], []
    for benchmark in benchmarks:
        if not benchmark.flags & PARALLEL:
            continue
        native, ours, theirs = (scaling_of(member, benchmark, rounds) for member in members)
        contended = bool(benchmark.flags & CONTENDED)
        if not contended:
            parts.append(ours / native)
        part = "not counted" if contended else f"{100 * ours / native:.0f} %"
        rows.append((benchmark.name, *[f"{one:.2f}x" for one in (native, ours, theirs)], part))
        print("mt      " + " ".join(f"{cell:>12}" for cell in rows[-1]), flush=True)
    part = geomean(parts)
    return rows + [("geomean", "", "", "", f"{100 * part:.0f} %")], part


def scaling(build, benchmarks, engine, rounds=5):
    """2 CPUs on 2 cores: the parallel programs' scaling beside native's in the same run."""
    fleet = Fleet(build, os.sched_getaffinity(0), cpus=2, suffix="-2cpus")
    members = [fleet.native(), fleet.pomona(engine), fleet.rivals()[0]]
    try:
        for member in members:
            member.start()
        rows, part = scaling_rows(members, benchmarks, rounds)
    except Trouble as trouble:
        print(f"scaling: {trouble}", flush=True)
        rows, part = [(f"ended: {str(trouble)[:60]}", "", "", "", "")], math.nan
    finally:
        for member in members:
            member.end()
    return section("Two CPUs", "Twice the time of one thread over the time of two threads that each do the same work, on two CPUs and two "
                   "cores. Two threads that add to one word are slower than one natively too, and not counted. The machines are those of the "
                   "rows with two CPUs (`--cpus 2`, `-smp 2`), not pinned to one core.",
                   ("program", "native", engine, "qemu-max", "of native's scaling"), rows,
                   [verdict("2 CPUs on 2 cores, part of native's scaling", 100 * part, 90, " %", least=True)])


# ---- IC IALLU ----

NEW_CODE = ("forkexec", "fork", "jit_call1", "jit_call1000", "jit_rewrite", "coldcode")
FILLING = ("coldcode", "zlib_deflate", "xz_encode", "lua", "sqlite", "quickjs", "libm", "mmapchurn", "filechurn")


def medians(members, benchmarks, pairs):
    """{name: the median seconds of each member}, of runs in turns."""
    found = {}
    for benchmark in benchmarks:
        rows = [[member.run(benchmark.command()).seconds for member in members] for _ in range(pairs)]
        found[benchmark.name] = [statistics.median(row[k] for row in rows) for k in range(len(members))]
        print("icache  " + " ".join(f"{cell:>12}" for cell in (benchmark.name, *(f"{one * 1e3:.2f}" for one in found[benchmark.name]))), flush=True)
    return found


def icache_rows(members, benchmarks, pairs):
    """Each program on a PIPT and on a VIPT machine, before and after much other code ran there."""
    named = {one.name: one for one in benchmarks}
    some = [named[name] for name in NEW_CODE]
    small = medians(members, some, pairs)
    for name in FILLING:
        for member in members:
            member.run(named[name].command())
    large = medians(members, some, pairs)
    return [(name, *(f"{1e3 * one:.2f}" for one in (*small[name], *large[name])), f"{small[name][1] / small[name][0]:.2f}x",
             f"{large[name][1] / large[name][0]:.2f}x") for name in NEW_CODE]


def icache(fleet, benchmarks, engine, pairs=7):
    """What IC IALLU costs: Linux issues it for each new executable page where CTR_EL0.L1Ip says VIPT, elsewhere IC IVAU."""
    members = [fleet.pomona(engine), fleet.pomona(engine, "--engine-knobs", "vipt")]
    members[1].name += ", VIPT"
    try:
        for member in members:
            member.start()
        rows = icache_rows(members, benchmarks, pairs)
    except Trouble as trouble:
        print(f"icache: {trouble}", flush=True)
        rows = [(f"ended: {str(trouble)[:60]}", *[""] * 6)]
    finally:
        for member in members:
            member.end()
    return section("Instruction caches", "Where CTR_EL0 says that instruction caches are VIPT (`--engine-knobs vipt`), Linux invalidates all of them "
                   f"(IC IALLUIS) for each new executable page, elsewhere the page's lines. Milliseconds, medians of {pairs} in turns: after "
                   f"the boot, and in the same machines after {', '.join(f'`{name}`' for name in FILLING)}, which leave a large code cache. "
                   "The price is to be the same with a large code cache as with a small one.",
                   ("program", "PIPT, ms", "VIPT, ms", "PIPT, large cache, ms", "VIPT, large cache, ms", "VIPT to PIPT", "with a large cache"), rows)


# ---- translation ----

def cold_instructions(program):
    """How many instructions one run of `coldcode` executes once each, about: those of its section, as often as it is copied."""
    said = subprocess.run(["aarch64-linux-gnu-size", "-A", program], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"^cold_code\s+(\d+)", said, re.M).group(1)) / 4 * 125


# A line of `--stats`: a name, two spaces or more, a value.
STATISTIC = re.compile(r"^([A-Za-z][^\s]*(?: [^\s]+)*?) {2,}(\S.*?)\s*$", re.M)


def statistics_of(text):
    """{name: value} of what `--stats` printed in TEXT, the values as they stand there. It is the last that is printed."""
    lines = text.rstrip("\n").split("\n")
    first = len(lines)
    while first and STATISTIC.match(lines[first - 1]):
        first -= 1
    return dict(STATISTIC.match(line).groups() for line in lines[first:])


def counted(fleet, engine, work=None):
    """({name: value} of a run with `--stats` that boots, does WORK(guest), if any, and powers off; what WORK returned)."""
    guest = fleet.pomona(engine, "--stats")
    guest.log, said = fleet.log("stats"), None
    try:
        guest.start()
        said = work(guest) if work else None
        guest.signal(signal.SIGCONT)
        guest.process.communicate(b"poweroff\n", timeout=60)
    except (Trouble, subprocess.TimeoutExpired) as trouble:
        print(f"statistics: {trouble}", flush=True)
    guest.end()
    with open(guest.log, encoding="utf-8", errors="replace") as file:
        return statistics_of(file.read()), said


def number(statistics, name):
    """NaN: it is not told."""
    try:
        return float(statistics[name])
    except (KeyError, ValueError):
        return math.nan


def middle_of(runs, name):
    return statistics.median(number(run, name) for run in runs)


BYTES, NANOSECONDS = "host bytes per guest byte, both", "nanoseconds per translated instruction"
# 150 of the 530 ns that QEMU took on the machine that the limit was set on (500 to 560): nanoseconds are the host's as much as ours.
PART = 0.283
SMALL = 0.1 # of each row's work is enough for its code


def cold_again(rows, names, instructions):
    """{name: nanoseconds for an instruction} of the row `coldcode`, whose INSTRUCTIONS each run translates anew."""
    row = next((one for one in rows if one.benchmark.name == "coldcode"), None)
    return {name: row.seconds(name) / instructions * 1e9 for name in names if row and row.seconds(name)}


def part_of_best(took, engine):
    """Of {name: time}: ENGINE's as a part of the least of the others'. NaN: one of them is not known."""
    others = [time for name, time in took.items() if name != engine]
    return took[engine] / min(others) if engine in took and others else math.nan


def translation(fleet, benchmarks, engine, measured, names, boots=5):
    """Several boots with one CPU and with two, one machine that runs all rows, and `coldcode` alone; what NAMES took for that among the
    rows that were MEASURED."""
    def all_rows(guest):
        for one in benchmarks:
            guest.run(one.command(SMALL))
    two = Fleet(fleet.build, os.sched_getaffinity(0), cpus=2, suffix="-2cpus")
    single = [counted(fleet, engine)[0] for _ in range(boots)]
    double = [counted(two, engine)[0] for _ in range(boots)]
    rows = counted(fleet, engine, all_rows)[0]
    cold = [counted(fleet, engine, lambda guest: guest.run("coldcode").seconds)[1] or math.nan for _ in range(boots)]
    instructions = cold_instructions(fleet.arm64)
    return translation_section(single, double, rows, statistics.median(cold) / instructions * 1e9, engine,
                               cold_again(measured, names, instructions))


def translation_section(single, double, rows, cold, engine, again):
    """SINGLE and DOUBLE: the statistics of boots with one CPU and with two; ROWS: of a run of all rows; COLD: nanoseconds, and AGAIN,
    by name, those of runs that are not the machine's first."""
    names = list(dict.fromkeys(name for one in (single[-1], double[-1], rows) for name in one))
    table = [(name, *(one.get(name, "-") for one in (single[-1], double[-1], rows))) for name in names]
    table.append(("`coldcode`, first of all: ns for an instruction translated and run once", f"{cold:.0f}", "-", "-"))
    table += [(f"`coldcode`, as a row, {name}: the same", f"{took:.0f}", "-", "-") for name, took in again.items()]
    for what, some in (("1 CPU", single), ("2 CPUs", double)):
        print(f"translation, {what}: {middle_of(some, NANOSECONDS):.0f} ns, {middle_of(some, BYTES):.2f} bytes", flush=True)
    verdicts = [verdict(f"translation of a guest instruction in a boot, {what}", middle_of(some, NANOSECONDS), 150, " ns")
                for what, some in (("1 CPU", single), ("2 CPUs", double))]
    verdicts.append(verdict("translation of a guest instruction in `coldcode`, and its one run", again.get(engine), 150, " ns"))
    verdicts.append(verdict("the same, part of QEMU's time", part_of_best(again, engine), PART))
    verdicts += [verdict(f"bytes of code per guest byte, {what}", value, 8)
                 for what, value in (("a boot, 1 CPU", middle_of(single, BYTES)), ("a boot, 2 CPUs", middle_of(double, BYTES)),
                                     ("all rows", number(rows, BYTES)))]
    return section("Translation", f"`--stats` of a boot to /init and power-off (the last of {len(single)}; what is judged are the medians of all), and "
                   "of one machine that ran all rows at a tenth of their work. Bytes of code are judged with the rare paths.",
                   ("what", "boot, 1 CPU", "boot, 2 CPUs", "all rows"), table, verdicts)


def interpreter(build):
    """The interpreter alone, without a machine around it: bench/interp_loop."""
    subprocess.run(["ninja", "-C", build.BUILD, "bench/interp_loop", "bench/loop_guest.bin"], check=True, stdout=subprocess.DEVNULL)
    command = [os.path.join(build.BUILD, "bench", name) for name in ("interp_loop", "loop_guest.bin")]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for _ in range(3)]
    return section("The interpreter alone", "`bench/interp_loop`: a CoreMark-like loop (`bench/loop_guest.c`) without a machine.", ("run",),
                   [(line,) for line in said])


def all_of(fleet, benchmarks, table, rows):
    build = fleet.build
    return [booting(fleet, build, table.subject), scaling(build, benchmarks, table.subject),
            icache(fleet, benchmarks, table.subject),
            translation(fleet, chosen(benchmarks, []), table.subject, rows, [table.subject, *table.rivals]), interpreter(build)]
