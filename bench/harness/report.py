# SPDX-License-Identifier: MIT
"""What a run prints, keeps (results.json) and writes (docs/performance.md, docs/performance.svg)."""
import datetime
import json
import math
import os
import shlex
import sys

from . import chart
from .extras import verdict
from .measure import FLOAT, WIDTH, geomean, is_narrow

# The figures to be reached, as ratios to QEMU 10.0 (the faster of two processors), by group.
TARGETS = {"int": 2.7, "mem": 2.3, "fp": 6, "simd": 10, "crypto": 4, "os": 2.2, "jit": 3, "atom": 1.8, "app": 2.3}
TARGET_ALL, FLOOR = 3, 0.95


def milliseconds(seconds):
    return "-" if seconds is None else f"{seconds * 1e3:.2f}"


class Table:
    """Prints rows as they come and the groups at the end."""

    def __init__(self, subject, rivals, references):
        self.subject, self.rivals, self.references = subject, rivals, references
        self.headed = False

    def names(self):
        return [self.subject, *self.rivals, *self.references]

    def head(self):
        print(f"{'group':7} {'program':14} {'ratio':>7} {'95 % interval':>15} {'pairs':>5} " +
              " ".join(f"{name + ' ms':>12}" for name in self.names()) + f" {'/native':>8}", flush=True)

    def show(self, row):
        if not self.headed:
            self.head()
            self.headed = True
        found, benchmark = row.compare(self.subject, self.rivals), row.benchmark
        ratio = f"{found[1]:6.2f}x {found[2]:7.2f}-{found[3]:<7.2f}" if found else f"{'-':>7} {'-':>15}"
        native, ours = row.seconds("native"), row.seconds(self.subject)
        slower = f"{ours / native:7.2f}x" if native and ours else "-"
        print(f"{benchmark.group:7} {benchmark.name:14} {ratio} {len(row.times.get(self.subject, [])):5} " +
              " ".join(f"{milliseconds(row.seconds(name)):>12}" for name in self.names()) + f" {slower:>8}" + self.remarks(row), flush=True)

    def remarks(self, row):
        text = "" if row.agree() else "  CHECKSUMS DIFFER: " + ", ".join(
            f"{name} {' '.join(sorted(sums))}" for name, sums in row.checksums.items())
        return text + "".join(f"  {name}: {trouble[:160]}" for name, trouble in row.troubles.items())

    def groups(self, rows):
        """Prints the geometric means; returns whether a row is wrong: unequal checksums, or a machine's trouble."""
        data = [as_data(row, self.subject, self.rivals) for row in rows]
        for name, mean, target, count in group_means(data):
            print(f"{name:7} geomean of {count:2}: {mean:6.2f}x" + (f"   to be reached: {target}x" if target else ""))
        if slow := slower(data):
            print(f"slower than QEMU ({FLOOR}x): {slow}")
        wrong = [row for row in rows if not row.agree() or row.troubles or not row.compare(self.subject, self.rivals)]
        if wrong:
            print("not right: " + ", ".join(row.benchmark.name for row in wrong))
        return bool(wrong)


def group_means(rows):
    """[(group, geomean of the ratios, target, count)], `all` last."""
    groups = {}
    for row in rows:
        if row["ratio"] and row["group"] in TARGETS:
            groups.setdefault(row["group"], []).append(row["ratio"])
    means = [(name, geomean(ratios), TARGETS[name], len(ratios)) for name, ratios in groups.items()]
    everything = [ratio for ratios in groups.values() for ratio in ratios]
    if len(groups) > 1:
        means.append(("all", geomean(everything), TARGET_ALL, len(everything)))
    return means


def as_data(row, subject, rivals):
    compared = row.compare(subject, rivals)
    found = compared or (None,) * 4
    return {"group": row.benchmark.group, "name": row.benchmark.name, "float": bool(row.benchmark.flags & FLOAT),
            "rival": found[0], "ratio": found[1], "low": found[2], "high": found[3], "pairs": len(row.times.get(subject, [])),
            "narrow": bool(compared) and len(row.times[subject]) > 1 and is_narrow(compared), "ended": row.ended,
            "seconds": {name: row.seconds(name) for name in row.times}, "agree": row.agree(), "troubles": row.troubles}


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        facts = dict(line.strip().split("\t", 1) for line in file if "\t" in line)
    kept = {key.strip(): value.lstrip("\t: ") for key, value in facts.items()}
    wanted = ("avx2", "avx512f", "avx512vl", "avx512vbmi", "avx512_fp16", "gfni", "vaes", "vpclmulqdq", "sha_ni", "fma", "bmi2", "fsrm")
    flags = [flag for flag in wanted if flag in kept["flags"].split()]
    return {"cpu": f"{kept['model name']} (family {kept['cpu family']}, model {kept['model']})", "cpus": os.cpu_count(), "flags": " ".join(flags),
            "kernel": os.uname().release, "load": os.getloadavg()[2]}


def results(options, rows, table, facts):
    return {"date": datetime.date.today().isoformat(), "argv": ["bench/run", *sys.argv[1:]], "machine": machine(), "engine": table.subject,
            "rivals": table.rivals, "references": table.references, "facts": facts, "scale": options.scale, "minutes": options.minutes,
            "rows": [as_data(row, table.subject, table.rivals) for row in rows]}


def save(build, found, write):
    """Keeps what was FOUND, and WRITEs of it; whether a figure that is judged is missed."""
    path = os.path.join(build.WORK, "results-full.json" if write else "results.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(found, file, indent=1)
    return write and render(build) != 0


# ---- docs/performance.md ----

def table_of(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]


def slower(rows):
    """The rows whose interval's upper end is below the floor, as text."""
    return ", ".join(f"`{row['name']}` ({row['ratio']:.2f}x)" for row in rows if row["high"] and row["high"] < FLOOR)


# What is known to be besides the guest's RAM at most, in MiB.
MEMORY = 300


def row_verdicts(found):
    """That all rows are right, and the least of their intervals' upper ends."""
    rows = found["rows"]
    right = sum(1 for row in rows if row["agree"] and not row["troubles"] and row["ratio"])
    least = min((row for row in rows if row["high"]), key=lambda row: row["high"], default={"high": None, "name": "none"})
    return [verdict("rows with equal checksums and without trouble", right, len(rows), least=True),
            verdict(f"the interval's upper end of any row (least: `{least['name']}`)", least["high"], FLOOR, "x", least=True)]


def verdicts(found):
    """All figures that are judged, those of the groups first."""
    judged = [verdict(f"{'geometric mean of all rows' if name == 'all' else 'group ' + name}, times as fast as QEMU", mean, target, "x", least=True)
              for name, mean, target, _ in group_means(found["rows"])]
    judged += row_verdicts(found)
    peak = found["facts"].get(found["engine"], {}).get("memory", {}).get("peak", math.nan)
    judged.append(verdict("resident besides the guest's RAM, at most ever", peak / 2**20, MEMORY, " MiB"))
    return judged + [one for section in found.get("extras", []) for one in section["verdicts"]]


def figures_section(found):
    rows = [(one["what"], one["measured"], f"{one['limit']} or {'more' if one['least'] else 'less'}", "yes" if one["reached"] else "**no**")
            for one in verdicts(found)]
    return table_of(("figure", "measured", "to be reached", "reached"), rows)


def groups_section(found):
    rows = [(name, count, f"{mean:.2f}x") for name, mean, _, count in group_means(found["rows"])]
    return table_of(("group", "rows", "geomean"), rows) + [
        "", f"Rows that are slower than QEMU (upper end of the interval below {FLOOR}x): {slower(found['rows']) or 'none'}.", "",
        decisions(found["rows"])]


def decisions(rows):
    """How the rows ended, as a sentence."""
    ended = [row["ended"] for row in rows]
    wide = [f"`{row['name']}`" for row in rows if not row["narrow"]]
    return (f"Of {len(rows)} rows {len(rows) - len(wide)} are decided, with an interval under {100 * WIDTH:.0f} % of the ratio; {ended.count('deadline')} ended "
            f"wider because the run's time was up, {ended.count('most')} after the most pairs. Not decided: {', '.join(wide) or 'none'}.")


def rows_section(found):
    names = [found["engine"], *found["rivals"], *found["references"]]
    rows = []
    for row in found["rows"]:
        seconds = [row["seconds"].get(name) for name in names]
        native, ours = row["seconds"].get("native"), row["seconds"].get(found["engine"])
        ratio = f"**{row['ratio']:.2f}x** | {row['low']:.2f} to {row['high']:.2f}" if row["ratio"] else "- | -"
        rows.append((row["group"], row["name"] + ("" if row["agree"] and not row["troubles"] else " (!)"), ratio, row["pairs"],
                     *[milliseconds(one) for one in seconds], f"{ours / native:.2f}x" if native and ours else "-"))
    return table_of(("group", "program", "ratio", "95 % interval", "pairs", *[f"{name}, ms" for name in names], "to native"), rows)


def cpus_section(found):
    rows = [(name, f"`{' '.join(facts['features'])}`", f"{facts['clock'] * 100:+.2f} %") for name, facts in found["facts"].items()]
    return table_of(("machine", "the guest kernel's list of CPU features", "guest's clock against the host's"), rows)


def memory_section(found):
    rows = [(name, *(f"{facts['memory'][what] / 2**20:.0f} MiB" for what in ("ram", "rest", "peak")))
            for name, facts in found["facts"].items() if "memory" in facts]
    return table_of(("machine", "guest RAM touched", "resident besides, then", "at most ever"), rows)


def extras_section(found):
    lines = []
    for section in found.get("extras", []):
        lines += ["", f"## {section['title']}", "", section["text"], "", *table_of(section["head"], section["rows"])]
    return lines


# ---- the image tools: a section that is measured and written by itself ----

IMAGES = "## Image tools\n"


def save_images(build, rows):
    """Keeps the rows of images.measure() and writes their section; the other sections stay."""
    found = {"date": datetime.date.today().isoformat(), "machine": machine(), "rows": rows}
    with open(os.path.join(build.WORK, "results-images.json"), "w", encoding="ascii") as file:
        json.dump(found, file, indent=1)
    path = os.path.join(build.TOP, "docs", "performance.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    before, _, rest = text.partition(IMAGES)
    after = rest[rest.index("\n## ") + 1:] if "\n## " in rest else ""
    with open(path, "w", encoding="utf-8") as file:
        file.write(before.rstrip("\n") + "\n\n" + "\n".join(images_section(build)) + "\n" + ("\n" + after if after else ""))
    return 1 if any(row[-1] != "yes" for row in rows) else 0


def images_section(build):
    """As last measured here; where it was not, as docs/performance.md has it."""
    path = os.path.join(build.WORK, "results-images.json")
    if not os.path.exists(path):
        with open(os.path.join(build.TOP, "docs", "performance.md"), encoding="utf-8") as file:
            _, title, rest = file.read().partition(IMAGES)
        return (title + rest.partition("\n## ")[0]).rstrip("\n").split("\n") if title else []
    with open(path, encoding="ascii") as file:
        found = json.load(file)
    host = found["machine"]
    return [IMAGES.strip(), "", f"`make bench ONLY=images`, on {found['date']}: {host['cpu']},",
            f"load average of 15 minutes {host['load']:.1f}. Processor time (user and system) of whole commands, of several the least. What",
            "compressors and the disassembler are given is Debian's arm64 kernel; the collection has its code in kexts that lld linked.",
            "`lzfse` is Apple's program, as Debian trixie has it; streams go both ways and are compared byte for byte.", "",
            *table_of(("command", "input", "measured", "to be reached", "reached"), found["rows"])]


INTRODUCTION = """# Performance

`{command}` measured and wrote this on {date} with {version}, commit {commit}. `make bench` does so; `make bench-quick` takes
five minutes, `make bench ONLY=group|name` measures a part.

The programs are in `bench/programs`: the same source compiled for AArch64 and natively, static, run in an initramfs on Debian trixie's
kernel; each prints a checksum and its own time (the guest's CLOCK_MONOTONIC, held against the host's clock). All machines run at
once, pinned to one core, stopped but for the one whose turn it is; a row is decided by interleaved pairs, until the 95 % interval
(bootstrap of the median) of the ratio is narrower than 5 % of it: {least} to {most} pairs were made. A QEMU whose best time in the first pairs
is a tenth behind the other's takes no part in the later ones; the row is decided by the faster of those that raced to the end.

**ratio** = time of the faster of two QEMU 10.0 (`-cpu max,pauth-impdef=on,sve=off,sme=off` and `-cpu neoverse-v1,sve=off`) / Pomona's
time, so that more is better. Checksums are equal on all AArch64 machines, and natively but where AArch64's compiler contracts to FMA.

![Ratios](performance.svg)
"""


def versions_section(found):
    host, about = found["machine"], found["about"]
    lines = [f"* host: {host['cpu']}, {host['cpus']} CPUs, `{host['flags']}`; Linux {host['kernel']}; load average of 15 minutes {host['load']:.1f}",
             f"* Pomona: {about['version']}, commit {about['commit']}, `--engine {found['engine']}`; guest: {about['kernel']}"]
    lines += [f"* {what}: {compiler}, `{flags}`" for what, compiler, flags in about["compilers"]]
    lines += [f"* {name}: {version}" for name, version in about["emulators"].items()]
    lines.append(f"* scale {found['scale']:g}; after {found['minutes']:g} minutes rows were to get the least pairs; the whole run took "
                 f"{found['seconds'] / 60:.0f} minutes")
    return [*lines, "", "How the machines were started:", "", "```", *(f"{name}: {command}" for name, command in found["commands"].items()), "```"]


def introduction(found):
    pairs = [row["pairs"] for row in found["rows"]]
    return INTRODUCTION.format(date=found["date"], least=min(pairs), most=max(pairs), command=shlex.join(found["argv"]),
                               version=found["about"]["version"], commit=found["about"]["commit"])


def render(build):
    """Writes docs/performance.md and .svg from the last full run; 1: a figure is missed."""
    with open(os.path.join(build.WORK, "results-full.json"), encoding="ascii") as file:
        found = json.load(file)
    lines = [introduction(found), "## Figures", "", *figures_section(found), "", "## Groups", "", *groups_section(found), "", "## Machines", "",
             *versions_section(found), "", *cpus_section(found), "", "## Rows", "", *rows_section(found), "",
             "## Memory", "", "After all rows, in one guest of 1 GiB that stayed up. \"At most ever\" is the most that was resident (VmHWM), which counts",
             "what is mapped twice, as code is, twice, less the guest's RAM.", "", *memory_section(found), *extras_section(found), "",
             *images_section(build), ""]
    docs = os.path.join(build.TOP, "docs")
    with open(os.path.join(docs, "performance.md"), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))
    with open(os.path.join(docs, "performance.svg"), "w", encoding="utf-8") as file:
        file.write(chart.draw(found["rows"], group_means(found["rows"])))
    missed = [one for one in verdicts(found) if not one["reached"]]
    for one in missed:
        print(f"not reached: {one['what']}: {one['measured']}, to be {one['limit']} or {'more' if one['least'] else 'less'}", flush=True)
    return 1 if missed else 0
