"""The data plane between the two ends of one generator, over memif, against testpmd's macswap.

Every round starts the data plane and testpmd anew, each for each case, one right after the other, with the
same generator, frames, rings (1,024) and bursts (32). Cores: data plane or testpmd on one, generator on
another; the data plane's main thread, next to idle, shares the generator's.
"""
import time

from .results import collect
from .two_processes import Bench

NAME = "memif"
TITLE = "Two processes, over memif"
ORDER = 20
QUICK_SECONDS = 45
HUGE_MIB = 1024

FLOOR = "testpmd macswap"
FLOWS = 4096
SIZES, QUICK_SIZES = ("64", "128", "256", "512", "1024", "1500", "imix"), ("64", "1500")
# What is asked of a rate against the floor's, by frame size: must, goal.
ASKED = {"64": (0.75, 0.90), "1500": (0.90, 0.95)}
# Sessions held, and new ones a second: must, goal.
NEW = {"64k": (65536, 1.2e6, 2.5e6), "1M": (1 << 20, 0.6e6, 1.2e6)}
PERCENTILES = ("p50", "p90", "p99", "p99.9", "max")
# Of packets, in the search for the no-drop rate: about one pause of a virtual machine in ten trials.
TOLERANCE = 1e-5


class Cases:
    """Runs every case once a round and keeps what it gave, by case."""

    def __init__(self, context):
        self.context = context
        self.bench = Bench(context)
        self.rounds = {}  # case -> list, an entry each round
        self.limited = {}  # case -> rounds in which the generator was the limit
        # "the first 2 s dropped": of every trial. A quick run cannot afford that.
        self.times = ("--warm-up", 0.3, "--seconds", 0.5) if context.quick else ("--warm-up", 2, "--seconds", 3)
        self.search = ("--trial-seconds", 0.1, "--resolution", 0.1) if context.quick else ("--trial-seconds", 0.5)

    def keep(self, case, value):
        self.rounds.setdefault(case, []).append(value)

    def note_limit(self, case, line):
        if line["device_full"] < 0.1 and not line["asked_rate"]:
            self.limited[case] = self.limited.get(case, 0) + 1

    def traffic(self, scenario, *arguments, sessions=65536, flows=FLOWS):
        """The generator's lines against a fresh data plane, or with sessions=None against testpmd."""
        floor = sessions is None
        try:
            if floor:
                self.bench.start_testpmd()
            else:
                self.bench.start_dataplane(sessions)
            lines = self.bench.traffic(scenario, "--flows", flows, *arguments, floor=floor, timeout=300)
        finally:
            self.bench.stop()
        return lines

    @staticmethod
    def dead(lines):
        return next(line["dead"] for line in lines if line["measure"] == "sessions")

    # Cases

    def established(self, scenario, sizes):
        """Rates of established sessions in both directions, by size; the data plane's and the floor's."""
        argv = ("--sizes", ",".join(sizes), *self.times)
        ours, floor = self.traffic(scenario, *argv), self.traffic(scenario, *argv, sessions=None)
        for size, own, other in zip(sizes, ours, floor):
            self.keep(("rate", scenario, size), (own["received_rate"] / 1e6, other["received_rate"] / 1e6))
            self.note_limit(f"{scenario}/{size}", own)
            self.note_limit(f"{scenario}/{size}, {FLOOR}", other)
        self.keep(("lost", f"{scenario}, established"), self.dead(ours))

    def new_sessions(self, held):
        """Each packet begins a session, in a table where as many are held, established, and as many more fit."""
        flows = NEW[held][0]
        lines = self.traffic("av", "--fresh", 100, "--direction", "out", *self.times, sessions=2 * flows, flows=flows)
        self.keep(("new", held), lines[0]["fresh_received_rate"])
        self.keep(("lost", f"av, new sessions beside {held}"), self.dead(lines))
        self.note_limit(f"new sessions, {held} held", lines[0])

    def mixed_and_denied(self):
        """From the clients only: established packets alone, one in ten a new session, all but one in 100 denied."""
        argv = ("--direction", "out", *self.times)
        alone = self.traffic("av", *argv)[0]["received_rate"] / 1e6
        mixed = self.traffic("av", *argv, "--fresh", 10)
        self.keep(("mix",), (mixed[0]["received_rate"] / 1e6, alone))
        self.keep(("lost", "av, one packet in ten a new session"), self.dead(mixed))
        flood = self.traffic("av", *argv, "--denied", 99)
        # What the data plane took out of its ring, it has judged.
        self.keep(("deny",), (flood[0]["sent_rate"] / 1e6, alone))
        self.keep(("lost", "av, deny flood"), self.dead(flood))
        self.keep(("deny share",), flood[0]["loss"] * 100)
        self.note_limit("deny flood", flood[0])

    def latency(self, scenario):
        argv = ("--mode", "latency", "--tolerance", TOLERANCE, "--check-sessions", "off", *self.search, *self.times)
        ours, floor = self.traffic(scenario, *argv), self.traffic(scenario, *argv, sessions=None)
        self.keep(("no-drop", scenario), (ours[0]["rate"] / 1e6, floor[0]["rate"] / 1e6))
        for percentile in PERCENTILES:
            self.keep(("latency", scenario, percentile),
                      (ours[1]["latency_us"][percentile], floor[1]["latency_us"][percentile]))

    def run_round(self):
        quick = self.context.quick
        self.established("access", QUICK_SIZES if quick else SIZES)
        self.established("av", QUICK_SIZES[:1] if quick else ("64", "1500"))
        if not quick:
            for scenario in ("access6", "av6"):
                self.established(scenario, ("84",))
        for held in list(NEW)[:1] if quick else NEW:
            self.new_sessions(held)
        self.mixed_and_denied()
        self.latency("access")


NAMES = {"access": "full NAT, TCP", "av": "dnat, UDP", "access6": "full NAT, TCP, IPv6", "av6": "dnat, UDP, IPv6"}


def results(rounds):
    """What was kept, as Results."""
    def of(key, case, figure, unit, **fields):
        return collect(rounds[key], group=NAME, case=case, figure=figure, unit=unit, **fields)

    for key in rounds:
        kind, *rest = key
        if kind == "rate":
            scenario, size = rest
            must, goal = ASKED.get(size, (None, None)) if scenario in ("access", "av") else (None, None)
            params = {"packet": int(size), "nat": NAMES[scenario]} if size.isdigit() and scenario == "access" else {}
            yield of(key, f"{NAMES[scenario]}/{size} B/{FLOWS} flows" if size.isdigit() else
                     f"{NAMES[scenario]}/IMIX/{FLOWS} flows", "rate", "Mpps", floor_name=FLOOR, ratio="value/floor",
                     judged="ratio", must=must, goal=goal, params=params)
        elif kind == "new":
            _, must, goal = NEW[rest[0]]
            yield of(key, f"dnat, UDP/64 B/{rest[0]} held", "new sessions", "sessions/s", must=must, goal=goal,
                     note="each packet a new session; the table is full, so each ends the oldest unanswered one")
        elif kind == "mix":
            yield of(key, "dnat, UDP/64 B/90 % established, 10 % new", "rate", "Mpps",
                     floor_name="established only, same direction", ratio="value/floor", judged="ratio")
        elif kind == "deny":
            yield of(key, "deny flood from random sources", "rate", "Mpps", floor_name="established, same direction",
                     ratio="value/floor", judged="ratio", must=0.8, goal=1.0, note="99 % of the packets are denied")
        elif kind == "deny share":
            yield of(key, "deny flood from random sources", "loss of the established 1 %", "%", better="lower")
        elif kind == "lost":
            yield of(key, rest[0], "sessions lost", "sessions", better="lower", must=0, goal=0)
        elif kind == "no-drop":
            yield of(key, f"{NAMES[rest[0]]}/64 B/{FLOWS} flows", "no-drop rate", "Mpps", floor_name=FLOOR,
                     ratio="value/floor", judged="ratio", note=f"at most {TOLERANCE:g} of the packets lost")
        else:
            yield of(key, f"{NAMES[rest[0]]}/64 B/half of the no-drop rate", f"latency {rest[1]}", "µs",
                     floor_name=FLOOR, ratio="value/floor", better="lower")


def run(context):
    if len(context.cores) < 2:
        context.note("needs two cores, one for the data plane and one for the generator: not run")
        return
    cases = Cases(context)
    error = None
    for number in range(context.rounds):
        began = time.monotonic()
        context.log(f"round {number + 1} of {context.rounds}")
        try:
            cases.run_round()
        except Exception as failed:  # pylint: disable=broad-exception-caught
            error = failed  # told once what was measured until then has been handed over
            break
        if context.left() < 1.2 * (time.monotonic() - began):
            if number + 1 < context.rounds:
                context.note(f"{number + 1} rounds: there was no time for {context.rounds}")
            break
    for case, times in cases.limited.items():
        context.note(f"{case}: in {times} of the rounds the generator was the limit, not the device")
    yield from results(cases.rounds)
    if error is not None:
        raise error
