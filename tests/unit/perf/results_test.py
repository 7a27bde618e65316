"""perf/harness/results.py: medians, ratios round by round, and what is refused."""
import unittest

from harness.results import Result, collect


def result(**fields):
    fields = {"group": "g", "case": "c", "figure": "f", "unit": "cycles", "values": [3, 1, 2], **fields}
    return Result(**fields)


class Results(unittest.TestCase):
    def test_median_minimum_maximum(self):
        r = result(values=[5, 1, 9])
        self.assertEqual((r.median, r.minimum, r.maximum), (5, 1, 9))

    def test_ratio_is_taken_round_by_round(self):
        # The medians' ratio would be 20/10 = 2; the rounds' are 1, 2 and 30.
        r = result(values=[10, 20, 300], floor=[10, 10, 10], floor_name="io", ratio="value/floor")
        self.assertEqual(r.ratios(), [1, 2, 30])
        self.assertEqual(r.ratio_median, 2)
        r = result(values=[10, 20, 40], floor=[5, 5, 5], ratio="floor/value")
        self.assertEqual(r.ratios(), [0.5, 0.25, 0.125])

    def test_a_round_without_divisor_has_no_ratio(self):
        r = result(values=[4, 4], floor=[0, 2], ratio="value/floor")
        self.assertEqual(r.ratios(), [2])
        self.assertIsNone(result(values=[4], floor=[0], ratio="value/floor").ratio_median)

    def test_no_ratio_unless_asked(self):
        r = result(floor=[1, 1, 1])
        self.assertEqual(r.ratios(), [])
        self.assertIsNone(r.ratio_median)

    def test_verdict_of_a_lower_is_better_median(self):
        for value, verdict in ((120, "goal"), (121, "must"), (145, "must"), (146, "not reached")):
            self.assertEqual(result(values=[value], better="lower", must=145, goal=120).verdict, verdict)
        self.assertIsNone(result().verdict)

    def test_verdict_of_a_ratio(self):
        def verdict(value, better, ratio):
            return result(values=[value], floor=[10.0], better=better, ratio=ratio, judged="ratio", must=0.75,
                          goal=0.9).verdict
        self.assertEqual(verdict(9.5, "higher", "value/floor"), "goal")
        self.assertEqual(verdict(8.0, "higher", "value/floor"), "must")
        self.assertEqual(verdict(7.0, "higher", "value/floor"), "not reached")
        # 12.5 cycles against a floor of 10: 0.8 of the floor's speed.
        self.assertEqual(verdict(12.5, "lower", "floor/value"), "must")
        self.assertEqual(verdict(20, "lower", "floor/value"), "not reached")

    def test_a_goal_without_a_must(self):
        self.assertEqual(result(values=[5], goal=5).verdict, "goal")
        self.assertEqual(result(values=[4], goal=5).verdict, "not reached")

    def test_what_is_refused(self):
        for fields, text in (
                ({"values": []}, "no values"),
                ({"values": [float("nan")]}, "no number"),
                ({"values": ["3"]}, "no number"),
                ({"values": [True]}, "no number"),
                ({"floor": [1]}, "3 values but 1"),
                ({"floor": [1, 1, 1, 1]}, "3 values but 4"),
                ({"floor": [1, 1, float("inf")]}, "floor holds inf"),
                ({"better": "more"}, "'higher' or 'lower'"),
                ({"ratio": "a/b", "floor": [1, 1, 1]}, "'value/floor'"),
                ({"ratio": "value/floor"}, "needs a floor"),
                ({"judged": "mean"}, "'median' or 'ratio'"),
                ({"judged": "ratio"}, "does not have")):
            with self.assertRaisesRegex(ValueError, text):
                result(**fields)

    def test_collect(self):
        r = collect([(1, 2), (3, 4)], group="g", case="c", figure="f", unit="u", ratio="value/floor")
        self.assertEqual((r.values, r.floor), ([1, 3], [2, 4]))
        self.assertIsNone(collect([1, 2], group="g", case="c", figure="f", unit="u").floor)

    def test_as_dict_holds_what_follows(self):
        d = result(values=[2, 4, 6], floor=[1, 2, 3], ratio="value/floor", must=1, judged="ratio").as_dict()
        self.assertEqual((d["median"], d["floor_median"], d["ratio_median"], d["verdict"]), (4, 2, 2, "must"))


if __name__ == "__main__":
    unittest.main()
