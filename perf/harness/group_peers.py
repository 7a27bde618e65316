"""Against peers that Debian has: the kernel's nftables, and Open vSwitch with DPDK, each with our policy.

A round runs every case on ours and on the peer, one right after the other, with the same generator, flows
and frames: 64 B, 4,096 established sessions, both directions. The device under test has one core, the
generator the other. See veth.py and ovs.py for how each peer is set up.
"""
from . import ovs, veth
from .context import ProgramFailed
from .results import collect

NAME = "peers"
TITLE = "Peers: nftables, Open vSwitch"
ORDER = 40
QUICK_SECONDS = 50
HUGE_MIB = 1536  # Open vSwitch's share, our data plane's and the generator's

FLOWS = 4096
# scenario -> (its name in the report, generator's arguments)
NFTABLES_CASES = {"full NAT, TCP": ("access",), "dnat, UDP": ("av",)}
OVS_CASES = {
    "full NAT, TCP": ("access",),
    # To an A/V node itself, which is never translated.
    "conntrack only, UDP": ("av", "--nat", "none", "--service", "203.0.113.31:3478", "--nodes", "203.0.113.31"),
}
NFTABLES_ASKED = {"must": 2.2, "goal": 3}
OVS_ASKED = {"must": 10, "goal": 14}


class Rounds:
    """Rates in Mpps by case, an (ours, peer) pair each round."""

    def __init__(self, context):
        self.context = context
        self.pairs = {}
        self.limited = {}
        self.times = ("--warm-up", "0.3", "--seconds", "0.5") if context.quick else ("--warm-up", "2", "--seconds", "3")

    def rate(self, bench, case, who, arguments):
        (line, *_) = bench.traffic(arguments[0], "--flows", FLOWS, "--check-sessions", "off", *self.times, *arguments[1:])
        if line["device_full"] < 0.1 and line["loss"] < 0.01:
            self.limited.setdefault(case, set()).add(who)
        return line["received_rate"] / 1e6

    def keep(self, case, ours, peer):
        self.pairs.setdefault(case, []).append((ours, peer))
        self.context.log(f"{case}: ours {ours:.2f} Mpps, peer {peer:.2f}")

    def results(self, prefix, peer, **asked):
        for case, pairs in self.pairs.items():
            ratio = asked if case.startswith("full NAT") or prefix == "nftables" else {}
            note = "; ".join(f"the generator was the limit of {who}" for who in sorted(self.limited.get(case, ())))
            yield collect(pairs, group=NAME, case=f"{prefix}/{case}/64B", figure="rate", unit="Mpps", floor_name=peer,
                          ratio="value/floor", judged="ratio", note=note, **ratio)


def against_nftables(context, rounds):
    with veth.Wires() as wires:
        bench = veth.Bench(context, wires)
        try:
            for _ in range(context.rounds):
                for case, arguments in NFTABLES_CASES.items():
                    bench.start_dataplane()
                    try:
                        ours = rounds.rate(bench, case, "ours", arguments)
                    finally:
                        bench.stop()
                    bench.start_kernel()
                    try:
                        peer = rounds.rate(bench, case, "the peer", arguments)
                    finally:
                        bench.stop_kernel()
                    rounds.keep(case, ours, peer)
        finally:
            bench.stop()
    yield from rounds.results("nftables", "nftables on the same veths", **NFTABLES_ASKED)


def against_ovs(context, rounds):
    bench = ovs.Bench(context)
    try:
        for _ in range(context.rounds):
            for case, arguments in OVS_CASES.items():
                bench.start_dataplane()
                try:
                    ours = rounds.rate(bench, case, "ours", arguments)
                finally:
                    bench.stop()
                bench.start_ovs()
                try:
                    peer = rounds.rate(bench, case, "the peer", (*arguments, *ovs.GENERATOR))
                finally:
                    bench.stop()
                rounds.keep(case, ours, peer)
    finally:
        bench.stop()
    yield from rounds.results("Open vSwitch", "Open vSwitch, conntrack", **OVS_ASKED)


def run(context):
    # One peer that cannot run here does not take the other with it.
    for name, missing, measure in (("nftables", veth.missing(), against_nftables),
                                   ("Open vSwitch", ovs.missing(), against_ovs)):
        if missing:
            context.note(f"not against {name}, because {missing} is not there: run scripts/setup --perf")
            continue
        try:
            yield from measure(context, Rounds(context))
        except ProgramFailed as error:
            context.note(f"not against {name}, because {error}")
