"""perf/harness/report.py: what a reader finds in report.md and report.json."""
import json
import os
import tempfile
import unittest

from harness import report
from harness.results import Result

FACTS = {
    "date": "2026-01-02 03:04 UTC", "command": "perf/run --quick", "quick": True, "seconds": 12.3,
    "machine": {"model": "Example CPU", "cores": 2, "tsc_mhz": 2000.0, "vector": ["avx2"], "cache": "1 MB",
                "virtual": True, "isolated": "none", "governor": "performance", "numa_nodes": 1, "memory_mib": 8192,
                "system": "Debian", "kernel": "6.1", "dpdk": "22.11", "compiler": "g++"},
    "tree": {"commit": "0123456789abcdef", "dirty": True, "changed": ["nic/eal.cpp"]},
}


def groups():
    good = report.Group("inprocess", "In one process", seconds=5)
    good.results = [
        Result(group="inprocess", case="full|64B", figure="cycles a packet", unit="cycles", values=[130, 128, 140],
               floor=[40, 41, 39], floor_name="macswap", better="lower", must=145, goal=120),
        Result(group="inprocess", case="memif", figure="rate", unit="Mpps", values=[9, 8], floor=[10, 10],
               floor_name="testpmd", ratio="value/floor", judged="ratio", must=0.9, goal=0.95, note="4,096 flows",
               params={"packet": 64}),
        Result(group="inprocess", case="memif", figure="rate", unit="Mpps", values=[3], params={"packet": 1500}),
    ]
    bad = report.Group("peers", "Peers", failed="ProgramFailed: ovs", notes=["no X, because Y"])
    return [good, bad]


class Markdown(unittest.TestCase):
    def setUp(self):
        self.text = report.markdown(FACTS, groups(), [])

    def test_the_table_at_the_top(self):
        self.assertIn("| inprocess: full\\|64B, cycles a packet | 130 cycles | ≤ 145 cycles | ≤ 120 cycles "
                      "| yes; the goal not |", self.text)
        self.assertIn("| inprocess: memif, rate | 0.85 × testpmd | ≥ 0.90 | ≥ 0.95 | **no** |", self.text)
        self.assertLess(self.text.index("reached?"), self.text.index("Example CPU"))

    def test_a_ratio_that_turns_the_value_round_is_to_be_higher(self):
        turned = Result(group="g", case="c", figure="cycles", unit="cycles", values=[20], floor=[10], floor_name="macswap",
                        better="lower", ratio="floor/value", judged="ratio", must=0.4)
        self.assertEqual(report.judged_row(turned), ["g: c, cycles", "0.50 of macswap", "≥ 0.40", "–", "yes"])

    def test_a_section_for_each_group(self):
        self.assertIn("## In one process", self.text)
        self.assertIn("| full\\|64B | cycles a packet | cycles | 130 (128–140) | 40 macswap | – |  |", self.text)
        self.assertIn("| 8.50 (8–9) | 10 testpmd | 0.85 (0.80–0.90) | 4,096 flows |", self.text)

    def test_failures_and_notes(self):
        self.assertIn("**Failed groups: peers**", self.text)
        self.assertIn("**Failed**: ProgramFailed: ovs", self.text)
        self.assertIn("- no X, because Y", self.text)

    def test_where_it_was_measured(self):
        for wanted in ("2026-01-02 03:04 UTC", "`perf/run --quick`, 12 s", "`0123456789ab`, with changes in nic/eal.cpp",
                       "TSC 2,000 MHz", "virtual machine", "DPDK 22.11", "A **quick** run"):
            self.assertIn(wanted, self.text)

    def test_tables_are_whole(self):
        lines = self.text.splitlines()
        for before, line in zip(lines, lines[1:]):
            if before.startswith("|") and line.startswith("|"):
                self.assertEqual(before.replace("\\|", "").count("|"), line.replace("\\|", "").count("|"))


class Files(unittest.TestCase):
    def test_written_whole_and_stale_pictures_removed(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("rate-rules.svg", "somebody-elses.svg"):
                with open(os.path.join(directory, name), "w", encoding="ascii"):
                    pass
            report.write(directory, FACTS, groups())
            self.assertEqual(sorted(os.listdir(directory)),
                             ["rate-packet.svg", "report.json", "report.md", "somebody-elses.svg"])
            with open(os.path.join(directory, "report.json"), encoding="utf-8") as file:
                found = json.load(file)
            self.assertEqual(found["tree"]["commit"], "0123456789abcdef")
            self.assertEqual(found["groups"][0]["results"][0]["median"], 130)
            self.assertEqual(found["groups"][1]["failed"], "ProgramFailed: ovs")
            with open(os.path.join(directory, "report.md"), encoding="utf-8") as file:
                self.assertIn("(rate-packet.svg)", file.read())


class Words(unittest.TestCase):
    def test_numbers(self):
        for value, text in ((None, "–"), (0, "0"), (1234567, "1,234,567"), (144.6, "145"), (12.34, "12.3"), (0.756, "0.76"),
                            (0.0123, "0.0123"), (7, "7")):
            self.assertEqual(report.number(value), text)

    def test_groups_that_are_kept_say_when_they_were_taken(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(report.kept(directory, {"peers"}), [])
            report.write(directory, FACTS, groups())
            kept = report.kept(directory, {"peers"})
            self.assertEqual([group.name for group in kept], ["inprocess"])
            self.assertEqual(kept[0].results, groups()[0].results)
            report.write(directory, {**FACTS, "date": "2026-02-02"}, kept + groups()[1:])
            again = report.kept(directory, set())[0]
            self.assertIn("2026-01-02 03:04 UTC, commit 0123456789ab", again.taken)
            self.assertIn(again.taken, "\n".join(report.group_section(again)))

    def test_builds_not_worth_measuring(self):
        def build(**values):
            return json.dumps([{"name": k, "value": v} for k, v in values.items()])
        self.assertEqual(report.unfit_build(build(optimization="3", b_sanitize="none", buildtype="release")), "")
        self.assertIn("-O0", report.unfit_build(build(optimization="0", b_sanitize="none", buildtype="debug")))
        self.assertIn("sanitize", report.unfit_build(build(optimization="3", b_sanitize="address")))
        self.assertIn("coverage", report.unfit_build(build(optimization="3", b_coverage=True)))


if __name__ == "__main__":
    unittest.main()
