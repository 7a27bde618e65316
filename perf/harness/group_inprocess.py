"""One worker loop over devices of its own process: cycles a packet beside what the devices cost alone.

The program (perf/inprocess) measures floor and worker one after the other in each round. Packets come from
net_pcap, which copies them from memory, up to 65,536 flows; beyond that, and where every packet must be new,
from net_null and an RX callback that writes the headers.
"""
from .results import Result

NAME = "inprocess"
TITLE = "In one process"
ORDER = 10
QUICK_SECONDS = 50
HUGE_MIB = 1024

FLOOR = "macswap on the same devices"
SIZES = (64, 128, 256, 512, 1024, 1500)
IMIX = "64,570,1518"
RULES = (64, 1000, 10000)


def run(context):
    bench = Bench(context)
    yield from bench.sessions()
    yield from bench.kinds()
    if not context.quick:
        yield from bench.sizes()
        yield from bench.rules()
    yield from bench.first_packets()
    yield from bench.two_workers()


def arguments(options):
    """{"nat": "dnat", "scattered": True} as --nat dnat --scattered."""
    out = []
    for key, value in options.items():
        name = "--" + key.replace("_", "-")
        out += [name] if value is True else [name, str(value)]
    return out


def said(number):
    if number >= 1 << 20:
        return f"{number >> 20}M"
    return f"{number >> 10}k" if number >= 1024 else str(number)


class Bench:
    def __init__(self, context):
        self.context = context
        self.program = context.build / "inprocess" / "inprocess"
        self.common = {
            "rounds": context.rounds, "chunks": 512 if context.quick else 2048,
            "main-core": context.generator_core, "pcap-dir": context.work,
        }
        if context.huge_mib < HUGE_MIB:
            self.common["no-huge"] = True
            context.note("inprocess ran without huge pages, for none were free.")

    def rounds(self, workers=1, **options):
        cores = self.context.dut_cores[:1] if workers == 1 else self.context.cores[:workers]
        given = {**self.common, **options, "workers": workers, "cores": ",".join(map(str, cores))}
        argv = [self.program, *arguments(given)]
        self.context.log("inprocess " + " ".join(arguments(options)))
        return self.context.measure(argv, timeout=300)

    def result(self, case, rounds, params=None, **fields):
        """Cycles a packet, and for the pictures the same as a rate."""
        common = {"group": NAME, "case": case, "floor_name": FLOOR}
        yield Result(figure="cycles a packet", unit="cycles", better="lower",
                     values=[r["cycles"] for r in rounds], floor=[r["floor_cycles"] for r in rounds],
                     **common, **fields)
        if params:
            yield Result(figure="rate", unit="Mpps", values=[r["mpps"] for r in rounds],
                         floor=[r["floor_mpps"] for r in rounds], params=params, **common)

    def sessions(self):
        quick = self.context.quick
        for count in (1024, 65536):
            asked = {"must": 145, "goal": 120} if count == 65536 else {}
            yield from self.result(f"full NAT, 64 B, {said(count)} sessions, pcap",
                                   self.rounds(source="pcap", nat="full", sessions=count), **asked)
        # Without net_pcap, whose own packets fit no cache any more: the profile has its share.
        yield from self.result("full NAT, 64 B, 64k sessions", self.rounds(nat="full", sessions=65536), must=145, goal=120)
        asked = {1 << 20: {"must": 180, "goal": 154}, 1 << 22: {"must": 190, "goal": 170}}
        for count in (1024, 65536, 1 << 20, 1 << 22):
            if quick and count == 1 << 22:
                self.context.note("4M sessions were left out of a quick run.")
                continue
            rounds = self.rounds(nat="dnat", sessions=count)
            yield from self.result(f"A/V dnat, 64 B, {said(count)} sessions", rounds,
                                   {"sessions": count, "nat": "dnat"}, **asked.get(count, {}))
        yield Result(group=NAME, case=f"{said(count)} sessions", figure="memory a session, all tables", unit="B",
                     better="lower", values=[r["bytes_per_session"] for r in rounds], must=256, goal=192)

    def kinds(self):
        cases = [("none", 4, "udp"), ("dnat", 6, "udp"), ("full", 6, "udp"), ("dnat", 4, "tcp"), ("full", 4, "tcp"),
                 ("full", 6, "tcp")]
        for nat, family, transport in cases[:2] + cases[4:5] if self.context.quick else cases:
            yield from self.result(f"{nat}, IPv{family} {transport.upper()}, smallest packets, 64k sessions",
                                   self.rounds(nat=nat, family=family, transport=transport, sessions=65536))

    def sizes(self):
        for size in SIZES:
            yield from self.result(f"full NAT, {size} B, 4k sessions", self.rounds(nat="full", sessions=4096, size=size),
                                   {"packet": size, "nat": "full"})
        yield from self.result("full NAT, IMIX (64, 570, 1518 B as 7:4:1), 4k sessions",
                               self.rounds(nat="full", sessions=4096, size=IMIX))

    def rules(self):
        for load, what in (("steady", "established"), ("new", "new sessions"), ("deny", "denied")):
            for rules in RULES:
                rounds = self.rounds(nat="dnat", sessions=65536, rules=rules, load=load)
                yield from self.result(f"A/V dnat, {what}, {rules:,} rules", rounds, {"rules": rules, "load": what})

    def first_packets(self):
        for held in (65536, 1 << 20):
            rounds = self.rounds(nat="dnat", load="new", sessions=held)
            yield from self.result(f"each packet a new session, {said(held)} held", rounds,
                                   note=f"{sorted(r['mpps'] for r in rounds)[len(rounds) // 2]:.2f} M sessions/s")
        mixed = self.rounds(nat="dnat", load="mixed", sessions=65536)
        yield from self.result("90 % established, 10 % new, 64k held", mixed)
        pairs = []
        for _ in range(self.context.rounds):
            steady = self.rounds(nat="dnat", sessions=65536, rounds=1)[0]
            deny = self.rounds(nat="dnat", load="deny", sessions=65536, rounds=1)[0]
            pairs.append((deny["mpps"], steady["mpps"]))
        yield Result(group=NAME, case="flood that no rule allows", figure="rate", unit="Mpps",
                     values=[p[0] for p in pairs], floor=[p[1] for p in pairs], floor_name="established packets",
                     ratio="value/floor", must=0.8, goal=1.0, judged="ratio",
                     note="each flood ends with every session still there")

    def two_workers(self):
        if len(self.context.cores) < 2:
            self.context.note("Two workers need two cores.")
            return
        for scattered, case in ((False, "arriving at their owner"), (True, "arriving at any worker")):
            extra = {"scattered": True} if scattered else {}
            pairs, handed = [], 0.0
            for _ in range(self.context.rounds):
                one = self.rounds(nat="dnat", sessions=65536, rounds=1)[0]
                two = self.rounds(workers=2, nat="dnat", sessions=65536, rounds=1, **extra)[0]
                pairs.append((two["mpps"], one["mpps"]))
                handed = two["handed_over"]
            asked = {} if scattered else {"must": 1.8, "goal": 1.95}
            yield Result(group=NAME, case=f"two workers, packets {case}", figure="rate", unit="Mpps",
                         values=[p[0] for p in pairs], floor=[p[1] for p in pairs], floor_name="one worker",
                         ratio="value/floor", judged="ratio", note=f"{100 * handed:.0f} % of packets handed over",
                         **asked)
