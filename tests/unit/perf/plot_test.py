"""perf/harness/plot.py: which results become lines, and that the SVG is one."""
import unittest
import xml.etree.ElementTree

from harness import plot
from harness.results import Result

BY_NAME = {picture.name: picture for picture in plot.PICTURES}


def rate(values, unit="Mpps", group="inprocess", figure="rate", floor=None, **params):
    return Result(group=group, case=str(params), figure=figure, unit=unit, values=values, floor=floor,
                  floor_name="macswap" if floor else "", params=params)


class Lines(unittest.TestCase):
    def lines(self, name, results):
        return plot.lines_of(BY_NAME[name], results)

    def test_results_that_differ_in_x_only_are_a_line(self):
        lines = self.lines("rate-sessions", [
            rate([9, 10, 11], sessions=65536, nat="full"), rate([12], sessions=1024, nat="full"),
            rate([8], sessions=1024, nat="dnat"), rate([7], sessions=65536, nat="dnat"),
            rate([5], sessions=1024, nat="none")])
        self.assertEqual([line.label for line in lines], ["inprocess rate: dnat", "inprocess rate: full"])
        self.assertEqual(lines[1].points, [(1024, 12, 12, 12), (65536, 10, 9, 11)])

    def test_other_units_and_names_instead_of_numbers_are_left_out(self):
        self.assertEqual(self.lines("rate-packet", [
            rate([9], packet=64), rate([8], packet="IMIX"), rate([7], unit="cycles", packet=128)]), [])

    def test_the_floor_is_a_line(self):
        lines = self.lines("rate-packet", [rate([9], floor=[12], packet=64), rate([3], floor=[4], packet=1500)])
        self.assertEqual(lines[-1].label, "floor: macswap")
        self.assertEqual(lines[-1].points, [(64, 12, 12, 12), (1500, 4, 4, 4)])

    def test_latency_is_of_the_reload_group(self):
        results = [rate([v], unit="µs", group=group, figure=f"latency, {p} %", percentile=p, pushes=pushes)
                   for group in ("reload", "memif") for pushes in ("no", "yes") for p, v in ((50, 10), (99, 90))]
        labels = [line.label for line in self.lines("latency-reload", results)]
        self.assertEqual(labels, ["reload latency: no", "reload latency: yes"])


class Svg(unittest.TestCase):
    def test_drawn_only_when_there_are_data(self):
        self.assertEqual(list(plot.draw([])), [])
        self.assertEqual(list(plot.draw([rate([9], sessions=1024)])), [])
        drawn = list(plot.draw([rate([9], sessions=1024), rate([8], sessions=65536)]))
        self.assertEqual([picture.name for picture, _ in drawn], ["rate-sessions"])

    def test_well_formed_labelled_and_within_its_frame(self):
        results = [rate([9, 10], sessions=n, kind="<full> & dnat") for n in (1024, 65536, 1 << 20, 4 << 20)]
        results += [rate([3, 2], sessions=n, kind="b") for n in (1024, 4 << 20)]
        (picture, text), = plot.draw(results, "abc")
        root = xml.etree.ElementTree.fromstring(text)
        width, height = float(root.get("width")), float(root.get("height"))
        texts = ["".join(e.itertext()) for e in root.iter() if e.tag.endswith("}text")]
        for wanted in (picture.title, picture.x_label + ", logarithmic", picture.y_label, "1Ki", "4Mi",
                       "inprocess rate: <full> & dnat"):
            self.assertIn(wanted, texts)
        for element in root.iter():
            for name in ("x", "cx", "x1", "x2"):
                self.assertTrue(0 <= float(element.get(name, 0)) <= width)
            for name in ("y", "cy", "y1", "y2"):
                self.assertTrue(0 <= float(element.get(name, 0)) <= height)
        self.assertNotIn("nan", text)

    def test_a_logarithmic_axis_survives_a_zero(self):
        results = [rate([v], unit="µs", group="reload", percentile=p) for p, v in ((50, 0), (99, 10), (99.9, 100))]
        (_, text), = plot.draw(results)
        self.assertEqual(text.count("<circle"), 2)

    def test_percentiles_stand_side_by_side(self):
        results = [rate([v], unit="µs", group="reload", percentile=p) for p, v in ((50, 5), (99, 10), (99.9, 50), (100, 90))]
        (_, text), = plot.draw(results)
        places = [float(e.get("cx")) for e in xml.etree.ElementTree.fromstring(text).iter() if e.tag.endswith("}circle")]
        steps = [b - a for a, b in zip(places, places[1:])]
        self.assertLess(max(steps) - min(steps), 0.2)
        self.assertIn(">max<", text)

    def test_short_numbers(self):
        for value, text in ((64, "64"), (1024, "1Ki"), (65536, "64Ki"), (1 << 20, "1Mi"), (10000, "10k"), (1500, "1.5k"),
                            (2.5, "2.5"), (99.9, "99.9")):
            self.assertEqual(plot.short(value), text)

    def test_stale_pictures_are_named_and_nothing_else(self):
        self.assertEqual(plot.unused_names([BY_NAME["rate-rules"]], ["rate-rules.svg", "rate-packet.svg", "own.svg"]),
                         ["rate-packet.svg"])


if __name__ == "__main__":
    unittest.main()
