#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the benchmark harness decides and writes, without machines: which rival counts and when a row ends, what `--stats` is
read as, and docs/performance.md from results.json, which is made up."""
import importlib.machinery
import importlib.util
import json
import math
import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from harness import extras, images, machines, measure, report  # noqa: E402


class Fake:
    """A machine whose runs take what it was told, the last one again and again."""
    guest = True

    def __init__(self, name, *seconds, checksum="0"):
        self.name, self.seconds, self.checksum, self.runs = name, list(seconds), checksum, 0

    def run(self, _command):
        self.runs += 1
        said = self.seconds[min(self.runs, len(self.seconds)) - 1]
        if isinstance(said, str):
            raise machines.Trouble(said)
        return types.SimpleNamespace(seconds=said, checksum=self.checksum)

    def end(self):
        """Nothing to end."""


class Booting(Fake):
    """A machine that boots, or not."""
    def __init__(self, name, boots=True):
        super().__init__(name)
        self.boots, self.ended = boots, False

    def launch(self, _cores):
        """Nothing to launch."""

    def await_boot(self):
        if not self.boots:
            raise machines.Trouble("it ended")

    def end(self):
        self.ended = True


def benchmark(group="int", name="some", flags=0):
    return measure.Benchmark(f"{group} {name} 100 {flags}")


def raced(subject, *rivals, least=7, most=21, drop=3, deadline=math.inf):
    return measure.measure(benchmark(), subject, rivals, [], measure.Plan(least, most, drop, deadline=deadline))


class Rows(unittest.TestCase):
    def test_the_faster_rival_counts(self):
        slow, fast = Fake("max", 2.0), Fake("v1", 1.5)
        row = raced(Fake("ours", 1.0), slow, fast)
        self.assertEqual(row.compare("ours", ["max", "v1"]), ("v1", 1.5, 1.5, 1.5))
        self.assertEqual((slow.runs, fast.runs, row.ended), (3, 7, "decided"))

    def test_a_rival_that_was_dropped_decides_nothing(self):
        """It is a tenth behind at its best, and yet has the lesser median of its few runs: the other slows down later."""
        dropped, stays = Fake("max", 1.2, 1.2, 1.2), Fake("v1", 1.0, 1.3)
        row = raced(Fake("ours", 1.0), dropped, stays)
        self.assertLess(row.seconds("max"), row.seconds("v1"))
        rival, ratio, *_ = row.compare("ours", ["max", "v1"])
        self.assertEqual((rival, ratio, dropped.runs, stays.runs), ("v1", 1.3, 3, 7))

    def test_of_two_that_race_the_median_counts(self):
        row = raced(Fake("ours", 1.0), Fake("max", 1.0, 1.09), Fake("v1", 1.05))
        self.assertEqual(row.compare("ours", ["max", "v1"])[0], "v1")
        self.assertEqual(row.dropped, set())

    def test_why_rows_end(self):
        restless = [1.0, 2.0, 1.2, 1.9] * 6
        self.assertEqual(raced(Fake("ours", 1.0), Fake("max", *restless)).ended, "most")
        row = raced(Fake("ours", 1.0), Fake("max", *restless), deadline=0)
        self.assertEqual((row.ended, len(row.times["ours"])), ("deadline", 7))
        self.assertEqual(raced(Fake("ours", "it ended"), Fake("max", 1.0)).ended, "trouble")

    def test_checksums(self):
        row = raced(Fake("ours", 1.0), Fake("max", 1.0, checksum="1"))
        self.assertFalse(row.agree())


STATISTICS = """bench: ready
exits: direct branch                              61902
bytes of host code, rare paths                    13701600
page cache misses: TLB hits in emitted code       12
TLB misses: walks of the guest's tables           7
host bytes per guest byte, both                   5.39
nanoseconds per translated instruction            141.02
instructions                                      not counted without --clock insn
exits                                             32501
"""


class Machines(unittest.TestCase):
    def test_a_full_run_needs_all(self):
        """bench/run, up to where it would measure: one QEMU does not boot."""
        path = os.path.join(os.path.dirname(HERE), "run")
        loader = importlib.machinery.SourceFileLoader("bench_run", path)
        run = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_run", loader))
        loader.exec_module(run)
        ours, rivals, old = Booting("dbt"), [Booting("qemu-max", boots=False), Booting("qemu-v1")], Booting("qemu-7.2")
        fleet = types.SimpleNamespace(pomona=lambda *_: ours, rivals=lambda: rivals, old_qemu=lambda: old)
        options = types.SimpleNamespace(engine=["dbt"], pomona_option=[], against=None, rival="both", old=False, full=True)
        with self.assertRaises(SystemExit) as ended:
            run.measure_rows(options, fleet, [])
        self.assertIn("qemu-max did not boot", str(ended.exception))
        self.assertTrue(all(one.ended for one in (ours, *rivals, old)))


class Statistics(unittest.TestCase):
    def test_every_line_is_read(self):
        found = extras.statistics_of(STATISTICS)
        self.assertEqual(len(found), 8)
        self.assertEqual(found["exits: direct branch"], "61902")
        self.assertEqual(found["TLB misses: walks of the guest's tables"], "7")
        self.assertEqual(extras.number(found, extras.BYTES), 5.39)
        self.assertEqual(extras.number(found, extras.NANOSECONDS), 141.02)

    def test_what_is_not_told_is_no_number(self):
        found = extras.statistics_of(STATISTICS)
        self.assertTrue(math.isnan(extras.number(found, "instructions")))
        self.assertTrue(math.isnan(extras.number(found, "blocks")))
        self.assertEqual(extras.statistics_of("bench: ready\n"), {})

    def test_translation_is_judged_by_medians(self):
        boots = [{extras.BYTES: "5.0", extras.NANOSECONDS: time} for time in ("100", "140", "999")]
        section = extras.translation_section(boots, [{extras.BYTES: "8.1", extras.NANOSECONDS: "151"}], {}, 130, "dbt", {"dbt": 80, "qemu": 700})
        judged = [(one["measured"], one["reached"]) for one in section["verdicts"]]
        self.assertEqual(judged, [("140 ns", True), ("151 ns", False), ("80 ns", True), ("0.114", True), ("5", True), ("8.1", False), ("not measured", False)])

    def test_the_row_coldcode_tells_what_an_instruction_costs(self):
        row = measure.Row(measure.Benchmark("jit coldcode 8000 0"))
        row.times = {"dbt": [0.03, 0.02, 0.04], "qemu": [0.2]}
        self.assertEqual(extras.cold_again([row], ["dbt", "qemu", "gone"], 300000), {"dbt": 0.03 / 300000 * 1e9, "qemu": 0.2 / 300000 * 1e9})
        self.assertEqual(extras.cold_again([], ["dbt"], 300000), {})


class Verdicts(unittest.TestCase):
    def test_limits(self):
        self.assertTrue(extras.verdict("", 0.5, 0.5)["reached"])
        self.assertFalse(extras.verdict("", 0.51, 0.5)["reached"])
        self.assertTrue(extras.verdict("", 90, 90, least=True)["reached"])
        self.assertFalse(extras.verdict("", 89.9, 90, least=True)["reached"])
        self.assertFalse(extras.verdict("", None, 1, least=True)["reached"])

    def test_boots_are_compared_with_the_better_qemu(self):
        seconds = {"dbt": [0.6, 0.5, 9], "dbt, warm code cache": [0.4, 0.3, 0.6], "qemu-max": [2.5, 4.5, 2.5], "qemu-v1": [2.0, 4.0, 2.0]}
        self.assertEqual([one["measured"] for one in extras.boot_section(seconds, "dbt")["verdicts"]], ["0.3", "0.2"])
        del seconds["qemu-max"]
        self.assertFalse(any(one["reached"] for one in extras.boot_section(seconds, "dbt")["verdicts"]))

    def test_a_boot_that_failed_is_compared_with_none(self):
        nan = math.nan
        seconds = {"dbt": [nan, 0.5, 1.2], "dbt, warm code cache": [nan] * 3, "qemu-max": [2.0, nan, 2.0], "qemu-v1": [5.0] * 3}
        self.assertEqual([one["measured"] for one in extras.boot_section(seconds, "dbt")["verdicts"]], ["0.6", "not measured"])

    def test_coldcode_is_compared_with_the_better_qemu(self):
        self.assertEqual(extras.part_of_best({"dbt": 100, "qemu-max": 1200, "qemu-v1": 1000}, "dbt"), 0.1)
        self.assertTrue(math.isnan(extras.part_of_best({"dbt": 100}, "dbt")))
        self.assertTrue(math.isnan(extras.part_of_best({"qemu-v1": 1000}, "dbt")))


class Report(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(HERE, "results.json"), encoding="ascii") as file:
            self.found = json.load(file)

    def rendered(self):
        """(exit status, what was written) of a report of self.found, in a folder with a section of image tools from before."""
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "docs"))
            path = os.path.join(folder, "docs", "performance.md")
            with open(path, "w", encoding="utf-8") as file:
                file.write(report.IMAGES + "\nof old\n\n## Another\n")
            with open(os.path.join(folder, "results-full.json"), "w", encoding="ascii") as file:
                json.dump(self.found, file)
            status = report.render(types.SimpleNamespace(TOP=folder, WORK=folder))
            with open(os.path.join(folder, "docs", "performance.svg"), encoding="utf-8") as file:
                self.assertIn("</svg>", file.read())
            with open(path, encoding="utf-8") as file:
                return status, file.read()

    def test_all_is_told(self):
        status, text = self.rendered()
        self.assertEqual(status, 0)
        self.assertNotIn("**no**", text)
        for wanted in ("`bench/run --full --minutes 50`", "commit 0123456789ab", "pomona 0.1.0", "5 to 21 pairs were made",
                       "Of 3 rows 2 are decided, with an interval under 5 % of the ratio; 0 ended",
                       "1 after the most pairs. Not decided: `fork`.", "-append 'console=ttyAMA0 quiet'",
                       "-M virt,gic-version=3", "-smp 1", "cc (Debian 12.2.0) 12.2.0, `-O3 -fPIC`", "| group int, times as fast as QEMU | 3x | 2.7x or more | yes |",
                       "(least: `sieve`) | 2.05x |", "| resident besides the guest's RAM, at most ever | 179 MiB | 300 MiB or less | yes |",
                       "| translation of a guest instruction in a boot, 1 CPU | 108 ns | 150 ns or less | yes |", "| exits: direct branch | 61902 |", "\nof old\n"):
            self.assertIn(wanted, text)

    def test_a_missed_figure_is_told(self):
        for change in (lambda found: found["facts"]["dbt"]["memory"].update(peak=301 << 20), lambda found: found["extras"][0]["verdicts"][0].update(reached=False),
                       lambda found: found["rows"][0].update(ratio=1.0), lambda found: found["rows"][0].update(high=0.9),
                       lambda found: found["rows"][0].update(agree=False), lambda found: found["facts"]["dbt"].pop("memory")):
            self.setUp()
            change(self.found)
            status, text = self.rendered()
            self.assertEqual((status, "**no**" in text), (1, True))

    def test_measured_rows_have_what_the_report_asks_for(self):
        row = raced(Fake("dbt", 1.0), Fake("qemu-max", 2.0), Fake("qemu-v1", 3.0))
        self.found["rows"] = [json.loads(json.dumps(report.as_data(row, "dbt", ["qemu-max", "qemu-v1"])))]
        status, text = self.rendered()
        self.assertEqual(status, 1)
        self.assertIn("| int | some | **2.00x** | 2.00 to 2.00 | 7 |", text)

    def test_one_pair_decides_nothing(self):
        row = raced(Fake("dbt", 1.0), Fake("qemu-max", 2.0), least=1, most=1)
        self.assertFalse(report.as_data(row, "dbt", ["qemu-max"])["narrow"])
        row = raced(Fake("dbt", 1.0), Fake("qemu-max", 2.0), least=2, most=2)
        self.assertTrue(report.as_data(row, "dbt", ["qemu-max"])["narrow"])

    def test_the_image_tools_verdicts(self):
        self.assertEqual((images.verdict(1.0, 1.2), images.verdict(1.3, 1.2)), ("yes", "**no**"))


if __name__ == "__main__":
    unittest.main()
