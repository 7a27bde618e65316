"""What a group hands to the report: one Result for each figure of each case.

A Result keeps the value of every round and, where there is one, the floor's value in the same round: a
ratio is taken round by round, since only figures taken next to each other may be compared, and the median
of those ratios is what is judged.
"""
import dataclasses
import math
import statistics


@dataclasses.dataclass
class Result:
    group: str
    case: str  # what was measured: "full-nat/64B/64k sessions"
    figure: str  # "cycles/packet", "rate", "new sessions"
    unit: str  # "cycles", "Mpps", "sessions/s", "µs", "packets", "MB", "B"
    values: list  # one number for each round
    floor: list = None  # the floor's number in the same rounds
    floor_name: str = ""  # "testpmd macswap"
    better: str = "higher"  # or "lower"
    ratio: str = None  # "value/floor", "floor/value", or None where a ratio says nothing
    must: float = None  # what is needed
    goal: float = None  # what we are after
    judged: str = "median"  # or "ratio": which of the two `must` and `goal` are held against
    note: str = ""
    params: dict = dataclasses.field(default_factory=dict)  # the x-axes of the pictures: plot.py

    def __post_init__(self):
        def refuse(text):
            raise ValueError(f"result {self.group}, {self.case}, {self.figure}: {text}")

        if not self.values:
            refuse("no values; a case that could not be run is a note, not a result")
        for name in ("values", "floor"):
            for value in getattr(self, name) or []:
                if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                    refuse(f"{name} holds {value!r}, which is no number")
        if self.floor is not None and len(self.floor) != len(self.values):
            refuse(f"{len(self.values)} values but {len(self.floor)} of the floor; each round has both")
        if self.better not in ("higher", "lower"):
            refuse(f"better is {self.better!r}; it must be 'higher' or 'lower'")
        if self.ratio not in ("value/floor", "floor/value", None):
            refuse(f"ratio is {self.ratio!r}; it must be 'value/floor', 'floor/value' or None")
        if self.ratio and not self.floor:
            refuse("a ratio needs a floor")
        if self.judged not in ("median", "ratio"):
            refuse(f"judged is {self.judged!r}; it must be 'median' or 'ratio'")
        if self.judged == "ratio" and not self.ratio:
            refuse("judged by a ratio that it does not have")

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def minimum(self):
        return min(self.values)

    @property
    def maximum(self):
        return max(self.values)

    @property
    def floor_median(self):
        return statistics.median(self.floor) if self.floor else None

    def ratios(self):
        """The ratio of each round, [] where there is none. A round whose divisor is 0 has no ratio."""
        if not self.ratio:
            return []
        over, under = (self.values, self.floor) if self.ratio == "value/floor" else (self.floor, self.values)
        return [a / b for a, b in zip(over, under) if b != 0]

    @property
    def ratio_median(self):
        ratios = self.ratios()
        return statistics.median(ratios) if ratios else None

    @property
    def judged_value(self):
        """The number that `must` and `goal` are held against; None if no round gave one."""
        return self.median if self.judged == "median" else self.ratio_median

    @property
    def judged_better(self):
        """Which direction of judged_value is good: a ratio with the value below turns it round."""
        if self.judged == "ratio" and self.ratio == "floor/value":
            return "higher" if self.better == "lower" else "lower"
        return self.better

    def reaches(self, threshold):
        value = self.judged_value
        if threshold is None or value is None:
            return False
        return value >= threshold if self.judged_better == "higher" else value <= threshold

    @property
    def verdict(self):
        """"goal", "must", "not reached", or None where nothing is asked."""
        if self.must is None and self.goal is None:
            return None
        if self.goal is not None and self.reaches(self.goal):
            return "goal"
        if self.must is not None and self.reaches(self.must):
            return "must"
        return "not reached"

    def as_dict(self):
        """For report.json: what was given, and what follows from it."""
        out = dataclasses.asdict(self)
        out.update(median=self.median, minimum=self.minimum, maximum=self.maximum, floor_median=self.floor_median,
                   ratios=self.ratios(), ratio_median=self.ratio_median, verdict=self.verdict)
        return out


def collect(rounds, **fields):
    """A Result from `rounds`, each a number or a pair (number, floor)."""
    rounds = list(rounds)
    if rounds and isinstance(rounds[0], tuple):
        return Result(values=[r[0] for r in rounds], floor=[r[1] for r in rounds], **fields)
    return Result(values=rounds, **fields)
