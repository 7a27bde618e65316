"""Pushes while packets flow: what they cost the packets, how long they take, what memory they leave behind.

One data plane and one control process stay up for all rounds; the generator plays clients and nodes over
memif at a fixed rate, with rings that hold what a pause of its core leaves behind. Each round is a run
without pushes and a run with them, one after the other: the same seconds, the same flows.

The generator, the data plane's main and loader threads, control and the command line share one core; the
worker has the other. With a third core they would not compete with the generator for time, and the rate
could be a share of the no-drop rate; two cores cannot show that.
"""
import os
import pathlib
import re
import statistics
import threading
import time

from . import topologies
from .context import ProgramFailed
from .results import Result
from .two_processes import SIDES, Bench

NAME = "reload"
TITLE = "Reload under load"
ORDER = 60
QUICK_SECONDS = 60

RATE = 1_000_000
RING_LOG2 = 13  # of each memif ring: 8 ms at RATE
SESSIONS = 65536
FLOWS = 4096
PUSHES, QUICK_PUSHES = 1000, 20
QUICK_ROUNDS = 2
SETTLED = 10  # pushes after which nothing may grow any more
ARENA_MIB = 8  # what the C library's allocator takes and gives back between two looks
A_SECOND = 5  # pushes in a second
WARM_UP = 2  # seconds
WINDOW_MS = 10
# Between two runs: what waits for an ARP answer of the generator that has gone is dropped after 3 s.
PAUSE = 4
UNTIL_MEASURED = PAUSE + WARM_UP + 0.7  # once the flows are open
RULES = (64, 1000, 10_000)
CHANGED = 10
PERCENTILES = (50, 90, 99, 99.9, 100)


class Firewall:
    """The data plane and control, up for as long as the group runs."""

    def __init__(self, context):
        self.context = context
        self.bench = Bench(context)
        self.directory = self.bench.directory
        self.peer, self.socket = self.directory / "peer.sock", self.directory / "control.sock"
        self.dataplane = self.control = None

    def memif(self, number, role):
        return (f"net_memif{number},role={role},id=0,socket={self.directory}/{SIDES[number]}.sock,"
                f"socket-abstract=no,rsize={RING_LOG2}")

    def pinned(self, argv):
        """Beside the generator, never on the worker's core."""
        return ["taskset", "-c", str(self.context.generator_core), *argv]

    def start(self):
        bench = self.bench
        (self.directory / "state").mkdir(exist_ok=True)
        descriptors = f"rx-descriptors = {1 << RING_LOG2}\ntx-descriptors = {1 << RING_LOG2}\n"
        config = bench.write_config([(side, self.memif(n, "server") + "\n" + descriptors.rstrip())
                                     for n, side in enumerate(SIDES)], sessions=SESSIONS)
        self.dataplane = bench.start_process([bench.program("portcullis-dataplane"), "--config", config],
                                             [self.peer], "dataplane")
        self.control = bench.start_process(
            self.pinned([bench.program("portcullis-control"), "--socket", self.socket, "--peer", self.peer,
                         "--state-dir", self.directory / "state"]), [self.socket], "control")

    def stop(self):
        for process in filter(None, (self.control, self.dataplane)):
            self.bench.end(process)

    def write(self, name, text):
        path = self.directory / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    def push(self, topology):
        """Seconds from the command to its answer, which comes once every worker has the policy."""
        began = time.monotonic()
        self.context.run(self.pinned([self.bench.program("portcullis"), "push", topology, "--socket", self.socket]),
                         timeout=60)
        return time.monotonic() - began

    def traffic(self, seconds):
        argv = [self.bench.program("traffic"), "--core", self.context.generator_core,
                "--scenario", self.bench.scenario("av"), "--client-port", self.memif(0, "client"),
                "--node-port", self.memif(1, "client"), "--descriptors", 1 << RING_LOG2, "--flows", FLOWS,
                "--rate", RATE, "--warm-up", WARM_UP, "--seconds", seconds, "--windows", WINDOW_MS]
        time.sleep(PAUSE)
        lines = self.context.measure(argv, timeout=seconds + 60)
        run = next((line for line in lines if line.get("measure") == "run"), None)
        if run is None:
            raise ProgramFailed("traffic printed no measurement")
        dead = sum(line.get("dead", 0) for line in lines if line.get("measure") == "sessions")
        return run, dead

    def memory(self):
        """MiB that each process holds: resident pages, and huge pages where DPDK's heap lies."""
        out = {}
        for name, process in (("dataplane", self.dataplane), ("control", self.control)):
            text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii", errors="replace")
            kib = sum(int(n) for n in re.findall(r"^(?:VmRSS|HugetlbPages):\s+(\d+) kB", text, re.M))
            out[name] = kib / 1024
        return out


def alternating(firewall):
    """Topologies that a deployment goes through: the same again, changed rules, a partner more, many rules."""
    texts = {
        "plain": topologies.many_rules(64),
        "changed": topologies.many_rules(64, changed=4),
        "partner": topologies.many_rules(64, partner=True),
        "many": topologies.many_rules(1000),
        "many-changed": topologies.many_rules(1000, changed=CHANGED),
    }
    paths = {name: firewall.write(name, text) for name, text in texts.items()}
    order = ("plain", "plain", "changed", "plain", "partner", "many", "many-changed", "many")
    return [paths[name] for name in order]


class Pusher(threading.Thread):
    """Pushes at an even pace until told to stop, or until `count` are done."""

    def __init__(self, firewall, cycle, first, count):
        super().__init__(daemon=True)
        self.firewall, self.cycle, self.first, self.count = firewall, cycle, first, count
        self.seconds, self.memory, self.failed = [], [], None
        self.stopping = threading.Event()

    def run(self):
        began = time.monotonic()
        try:
            for number in range(self.count):
                if self.stopping.wait(max(0, began + number / A_SECOND - time.monotonic())):
                    return
                self.seconds.append(self.firewall.push(self.cycle[(self.first + number) % len(self.cycle)]))
                done = self.first + number + 1
                # Always with the same policy loaded.
                if done >= SETTLED and done % len(self.cycle) == 0:
                    self.memory.append(self.firewall.memory())
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failed = error


def settled_windows(run):
    """Received packets of each whole window, as a share of what was sent in it."""
    windows = run["windows"]
    return [r / s for s, r in zip(windows["sent"], windows["received"]) if s > RATE * WINDOW_MS / 1000 / 4]


def under_load(context, firewall):
    cycle = alternating(firewall)
    firewall.push(cycle[0])
    total = QUICK_PUSHES if context.quick else PUSHES
    rounds = QUICK_ROUNDS if context.quick else context.rounds
    each = -(-total // rounds)
    seconds = max(3, round(each / A_SECOND) + 1)
    quiet, busy, dead, memory, times = [], [], [], [], []
    for number in range(rounds):
        run, lost_sessions = firewall.traffic(seconds)
        quiet.append(run)
        pusher = Pusher(firewall, cycle, len(times), each)
        starter = threading.Timer(UNTIL_MEASURED, pusher.start)
        starter.start()
        run, lost_sessions = firewall.traffic(seconds)
        starter.cancel()
        if pusher.ident is not None:
            pusher.join(60)
        if pusher.failed:
            raise pusher.failed
        busy.append(run)
        dead.append(lost_sessions)
        times += pusher.seconds
        memory += pusher.memory
        context.log(f"reload: round {number + 1}: {len(pusher.seconds)} pushes, lost {run['lost']} + {run['unsent']} "
                    f"unsent, without {quiet[-1]['lost']} + {quiet[-1]['unsent']}")
    case = f"{len(times)} pushes at 1 Mpps"
    note = f"{A_SECOND} pushes a second, {FLOWS} flows, rings of {1 << RING_LOG2}"

    def result(figure, unit, values, floor=None, **more):
        return Result(NAME, more.pop("case", case), figure, unit, values, floor=floor,
                      floor_name="without pushes" if floor else "", better="lower", note=more.pop("note", note), **more)

    def excess(run, other):
        return max(0, run["lost"] + run["unsent"] - other["lost"] - other["unsent"])

    yield result("packets lost", "packets", [r["lost"] + r["unsent"] for r in busy],
                 [r["lost"] + r["unsent"] for r in quiet])
    for figure, key in (("of them sent and not returned", "lost"), ("of them without room in the device's ring", "unsent")):
        yield result(figure, "packets", [r[key] for r in busy], [r[key] for r in quiet])
    yield result("packets lost beyond the run without pushes", "packets", [sum(map(excess, busy, quiet))],
                 must=0, goal=0, note="over all rounds; " + note)
    yield result("worst burst lost", "packets", [r["worst_burst"] for r in busy], [r["worst_burst"] for r in quiet])
    yield result("sessions lost", "sessions", dead, must=0)
    yield result("deepest dip of the rate in 10 ms", "% of what was sent",
                 [100 * (1 - min(settled_windows(r), default=1)) for r in busy],
                 [100 * (1 - min(settled_windows(r), default=1)) for r in quiet])
    for percentile in PERCENTILES:
        for what, runs in (("with pushes", busy), ("without pushes", quiet)):
            yield Result(NAME, f"latency {what}", f"latency, {percentile} %", "µs",
                         [latency_of(r, percentile) for r in runs], better="lower", note=note,
                         params={"percentile": percentile, "run": what})
    yield result("push under load", "s", times, note="64 and 1,000 rules; the generator has the same core")
    if len(memory) > 1:
        few = max(1, len(memory) // 5)
        for name in memory[0]:
            held = [at[name] for at in memory]
            yield result("memory growth of the " + name, "MiB",
                         [statistics.median(held[-few:]) - statistics.median(held[:few])], must=ARENA_MIB,
                         note=f"after the first {SETTLED} pushes, first fifth against last; {min(held):.0f} to "
                              f"{max(held):.0f} MiB, huge pages included; less than {ARENA_MIB} is the allocator's own")
    else:
        context.note(f"reload: memory growth was not judged: it takes more than {2 * len(cycle) + SETTLED} pushes")
    context.note("reload: with a third core for control and the loader, at 70 % of the no-drop rate, was not run: "
                 f"this machine has {os.cpu_count()} cores" if (os.cpu_count() or 0) < 3 else
                 "reload: control, loader and generator shared one core although there are more")


def latency_of(run, percentile):
    name = "max" if percentile == 100 else f"p{percentile:g}"
    return run["latency_us"][name]


def push_times(context, firewall):
    """Nothing beside: what a push takes from the command to its answer."""
    small = firewall.write("small", topologies.many_rules(RULES[0]))
    for count in RULES:
        whole = firewall.write("whole", topologies.many_rules(count))
        fresh, few, same = [], [], []
        changed = min(CHANGED, count - topologies.BASE_RULES)
        for number in range(1 if context.quick else context.rounds):
            firewall.push(firewall.write("small", topologies.many_rules(RULES[0], changed=1, seed=number)))
            fresh.append(firewall.push(whole))
            same.append(firewall.push(whole))
            edited = firewall.write("edited", topologies.many_rules(count, changed=changed, seed=number))
            few.append(firewall.push(edited))
        most = count == RULES[-1]
        for figure, values, more in (
                ("push of another policy", fresh, {"must": 2.0} if most else {}),
                (f"push with {changed} rules changed", few, {"must": 2.0, "goal": 0.5} if most else {}),
                ("push of the same policy", same, {})):
            yield Result(NAME, f"{count} rules, no load", figure, "s", values, better="lower",
                         note="from `portcullis push` to its answer: compiled, loaded, seen by every worker", **more)
    firewall.push(small)


def pushes_of_many(context, firewall):
    """A push of 10,000 rules, another policy each time or ten rules changed, while packets flow."""
    count = RULES[-1]
    small = firewall.write("small", topologies.many_rules(RULES[0]))
    whole = firewall.write("whole", topologies.many_rules(count))
    edited = firewall.write("edited", topologies.many_rules(count, changed=CHANGED))
    seconds = 10
    lost, without, fresh, few = [], [], [], []
    for _ in range(context.rounds):
        firewall.push(small)
        run, _ = firewall.traffic(seconds)
        without.append(run["lost"] + run["unsent"])
        pusher = Pusher(firewall, [whole, edited], 0, 2)
        starter = threading.Timer(UNTIL_MEASURED, pusher.start)
        starter.start()
        run, _ = firewall.traffic(seconds)
        starter.cancel()
        if pusher.ident is not None:
            pusher.join(60)
        if pusher.failed or len(pusher.seconds) != 2:
            raise pusher.failed or ProgramFailed("the pushes did not end in time")
        lost.append(run["lost"] + run["unsent"])
        fresh.append(pusher.seconds[0])
        few.append(pusher.seconds[1])
    note = "the generator has the same core as control and the loader: they get half of it"
    case = f"{count} rules at 1 Mpps"
    yield Result(NAME, case, "push of another policy", "s", fresh, better="lower", note=note)
    yield Result(NAME, case, f"push with {CHANGED} rules changed", "s", few, better="lower", note=note)
    yield Result(NAME, case, "packets lost", "packets", lost, floor=without, floor_name="without pushes", better="lower")
    yield Result(NAME, case, "packets lost beyond the run without pushes", "packets",
                 [statistics.median(max(0, a - b) for a, b in zip(lost, without))], better="lower", must=0,
                 note="median of the rounds")


def run(context):
    firewall = Firewall(context)
    firewall.start()
    try:
        yield from under_load(context, firewall)
        yield from push_times(context, firewall)
        if context.quick:
            context.note("reload: pushes of 10,000 rules under load were left out of the quick run, for their time")
        else:
            yield from pushes_of_many(context, firewall)
    finally:
        firewall.stop()
