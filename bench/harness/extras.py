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
from .measure import CONTENDED, PARALLEL, geomean


def facts(guest):
    """What is to be known of a guest before its times are believed."""
    said = guest.text("cpu")
    features = re.search(r"Features\s*: (.*)", said)
    part = re.search(r"CPU part\s*: (\S+)", said)
    return {"features": features.group(1).split() if features else [], "part": part.group(1) if part else "?",
            "clock": guest.clock_error(), "boot": guest.boot_seconds}


def memory(guest):
    if not guest.process:
        return {"ram": 0, "rest": 0}
    ram, rest = guest.memory()
    return {"ram": ram, "rest": rest}


def section(title, text, head, rows):
    return {"title": title, "text": text, "head": head, "rows": rows}


# ---- from power-on to /init ----

def boot_seconds(makers, rounds):
    """{name: [seconds]} of machines that are booted in turns, each alone on the core."""
    seconds = {name: [] for name in makers}
    for _ in range(rounds):
        for name, maker in makers.items():
            guest = maker()
            try:
                guest.start()
                seconds[name].append(guest.boot_seconds)
            except Trouble as trouble:
                print(f"boot, {name}: {trouble}", flush=True)
            guest.end()
    return {name: some for name, some in seconds.items() if some}


def power_off(guest):
    """Boots it, and ends it as its owner would, so that it leaves a code cache behind."""
    guest.start()
    guest.signal(signal.SIGCONT)
    guest.process.communicate(b"poweroff\n", timeout=60)
    guest.end()


def booting(fleet, build, engine, rounds=5):
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
    best = min((statistics.median(seconds[name]) for name in seconds if name in ("qemu-max", "qemu-v1")), default=None)
    rows = [(name, f"{min(some):.2f}", f"{statistics.median(some):.2f}", f"{max(some):.2f}",
             f"{statistics.median(some) / best:.2f}" if best else "-") for name, some in seconds.items()]
    return section("Booting", "Power-on to the first line of /init, wall seconds, 1 CPU; to be reached: 0.5 of QEMU's or less, 0.25 with a "
                   "warm code cache.", ("machine", "least", "median", "most", "part of QEMU's"), rows)


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
    """A row for each parallel program; at the end the geometric mean of those whose threads do not fight for one line."""
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
    return rows + [("geomean", "", "", "", f"{100 * geomean(parts):.0f} %")]


def scaling(build, benchmarks, engine, rounds=5):
    """2 CPUs on 2 cores: the parallel programs' scaling beside native's in the same run."""
    fleet = Fleet(build, os.sched_getaffinity(0), cpus=2, suffix="-2cpus")
    members = [fleet.native(), fleet.pomona(engine), fleet.rivals()[0]]
    try:
        for member in members:
            member.start()
        rows = scaling_rows(members, benchmarks, rounds)
    except Trouble as trouble:
        print(f"scaling: {trouble}", flush=True)
        rows = [(f"ended: {str(trouble)[:60]}", "", "", "", "")]
    finally:
        for member in members:
            member.end()
    return section("Two CPUs", "Twice the time of one thread over the time of two threads that each do the same work, on two CPUs and two "
                   "cores; to be reached: 90 % of native's. Two threads that add to one word are slower than one natively too, and not counted.",
                   ("program", "native", engine, "qemu-max", "of native's scaling"), rows)


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
    chosen = [named[name] for name in NEW_CODE]
    small = medians(members, chosen, pairs)
    for name in FILLING:
        for member in members:
            member.run(named[name].command())
    large = medians(members, chosen, pairs)
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


def statistics_lines(fleet, engine):
    """What `--stats` prints after a boot, `coldcode` and power-off; how it is named is the engine's matter."""
    guest = fleet.pomona(engine, "--stats")
    guest.log, said = fleet.log("stats"), math.nan
    try:
        guest.start()
        said = guest.run("coldcode").seconds
        guest.signal(signal.SIGCONT)
        guest.process.communicate(b"poweroff\n", timeout=60)
    except (Trouble, subprocess.TimeoutExpired) as trouble:
        print(f"statistics: {trouble}", flush=True)
    guest.end()
    with open(guest.log, encoding="utf-8", errors="replace") as file:
        return said, re.findall(r"^([a-z][\w ,-]*?)\s{2,}(\S.*?)\s*$", file.read(), re.M)


def translation(fleet, engine):
    cold, lines = statistics_lines(fleet, engine)
    rows = [("`coldcode`, a guest instruction translated and run once", f"{cold / cold_instructions(fleet.arm64) * 1e9:.0f} ns"), *lines]
    return section("Translation", "A boot, `coldcode` and power-off with `--stats`; to be reached: 150 ns a translated instruction, "
                   "8 bytes of code a guest byte.", ("what", "figure"), rows)


def interpreter(build):
    """The interpreter alone, without a machine around it: bench/interp_loop."""
    subprocess.run(["ninja", "-C", build.BUILD, "bench/interp_loop", "bench/loop_guest.bin"], check=True, stdout=subprocess.DEVNULL)
    command = [os.path.join(build.BUILD, "bench", name) for name in ("interp_loop", "loop_guest.bin")]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for _ in range(3)]
    return section("The interpreter alone", "`bench/interp_loop`: a CoreMark-like loop (`bench/loop_guest.c`) without a machine.", ("run",),
                   [(line,) for line in said])


def all_of(fleet, benchmarks, table):
    build = fleet.build
    return [booting(fleet, build, table.subject), scaling(build, benchmarks, table.subject),
            icache(fleet, benchmarks, table.subject), translation(fleet, table.subject),
            interpreter(build)]
