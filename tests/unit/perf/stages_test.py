"""perf/harness/group_stages.py: Google Benchmark's JSON as Results."""
import unittest

from harness import group_stages


def row(name, **fields):
    return {"name": name, "run_name": name, "run_type": "iteration", "real_time": 9.0, "cpu_time": 8.0,
            "time_unit": "ms", "family_index": 0, "per_family_instance_index": 0, **fields}


class Stages(unittest.TestCase):
    def test_a_value_a_repetition(self):
        name = "lookup/hit/sessions:65536/manual_time"
        result, = group_stages.results_of([
            row(name, **{"cycles/packet": 20.0}), row(name, **{"cycles/packet": 22.0}),
            {**row(name + "_mean", **{"cycles/packet": 21.0}), "run_type": "aggregate"}])
        self.assertEqual((result.case, result.figure, result.unit), ("lookup/hit, 64k sessions", "cycles/packet", "cycles"))
        self.assertEqual(result.values, [20.0, 22.0])
        self.assertEqual(result.params, {"sessions": 65536})

    def test_without_cycles_the_time_of_the_processor_counts(self):
        result, = group_stages.results_of([row("compile/nodes:12/partners:1000", rules=127.0)])
        self.assertEqual((result.case, result.figure, result.unit), ("compile, 12 nodes, 1,000 partners", "time", "ms"))
        self.assertEqual((result.values, result.note), ([8.0], "127 rules"))

    def test_in_the_order_of_the_source_whatever_the_order_of_the_run(self):
        found = group_stages.results_of([
            row("b", family_index=1), row("a/n:64", per_family_instance_index=1), row("a/n:1"), row("b", family_index=1)])
        self.assertEqual([(r.case, len(r.values)) for r in found], [("a, 1 n", 1), ("a, 64 n", 1), ("b", 2)])
        self.assertEqual(group_stages.case_of("compile/nodes:1/partners:1")[0], "compile, 1 node, 1 partner")

    def test_memory_is_a_figure_of_its_own(self):
        name = "session/insert/sessions:65536/manual_time"
        found = {r.figure: (r.values, r.unit) for r in group_stages.results_of(
            [row(name, **{"cycles/session": 300.0, "bytes/session": 220.0})])}
        self.assertEqual(found, {"cycles/session": ([300.0], "cycles"), "memory": ([220.0], "B")})

    def test_what_failed_is_no_result(self):
        with self.assertRaisesRegex(ValueError, "no memory"):
            list(group_stages.results_of([row("x", error_occurred=True, error_message="no memory")]))


if __name__ == "__main__":
    unittest.main()
