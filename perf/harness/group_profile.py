"""Where the worker's time goes in the cases that are asked most of: perf record, by function.

Clock samples: these machines have no hardware counters. What a driver of Debian's DPDK does has no symbols, and
is counted by library.
"""
import collections
import re
import shutil

from . import veth
from .context import ProgramFailed
from .results import Result

NAME = "profile"
TITLE = "Profiles"
ORDER = 70
QUICK_SECONDS = 8
HUGE_MIB = 1024

IN_PROCESS = {
    "full NAT, 64 B, 64k sessions, pcap": ("--source", "pcap", "--nat", "full", "--sessions", 65536),
    "A/V dnat, 64 B, 4M sessions": ("--nat", "dnat", "--sessions", 1 << 22),
    "flood that no rule allows": ("--nat", "dnat", "--load", "deny", "--sessions", 65536),
}
AF_XDP = "full NAT, TCP, 64 B, by af_xdp over veth"
SHOWN = 10  # functions
LINE = re.compile(r"\s*([\d.]+)%\s+(\S+)\s+(\S+)\s+\[(.)\]\s+(.*?)(\s+-){0,2}\s*$")
WORKER = "rte-worker-"


def run(context):
    perf = shutil.which("perf")
    if perf is None:
        context.note("no profiles, because perf is not there: run scripts/setup --perf")
        return
    cases = dict(list(IN_PROCESS.items())[:1]) if context.quick else IN_PROCESS
    for case, arguments in cases.items():
        context.log(case)
        yield from shares(case, in_process(context, perf, arguments))
    if context.quick or veth.missing():
        return
    context.log(AF_XDP)
    yield from shares(AF_XDP, by_af_xdp(context, perf))


def record(context, perf):
    """The command that records into a new file, and the file."""
    data = context.work / "perf.data"
    data.unlink(missing_ok=True)
    return [perf, "record", "-q", "-e", "cpu-clock", "-F", "4999", "-o", data], data


def in_process(context, perf, arguments):
    """[(share, library, function)] of the worker's thread."""
    command, data = record(context, perf)
    context.run([*command, "--", context.build / "inprocess" / "inprocess", *arguments, "--no-floor", "--rounds", 3, "--chunks", 2048,
                 "--main-core", context.generator_core, "--cores", context.dut_cores[0],
                 "--pcap-dir", context.work], timeout=300)
    return read(context, perf, data)


def by_af_xdp(context, perf):
    with veth.Wires() as wires:
        bench = veth.Bench(context, wires)
        bench.start_dataplane()
        try:
            command, data = record(context, perf)
            # Ends itself; the data plane's worker is all that runs on its core.
            recording = context.start([*command, "-a", "-C", context.dut_cores[0], "--", "sleep", "6"])
            bench.traffic("access", "--flows", 4096, "--check-sessions", "off", "--warm-up", 2, "--seconds", 5)
            if recording.wait(30) != 0:
                raise ProgramFailed("perf record failed")
        finally:
            bench.stop()
        return read(context, perf, data)


def read(context, perf, data):
    text = context.run([perf, "report", "-i", data, "--stdio", "--no-children", "--sort", "comm,dso,symbol", "-q"])
    found = [m for m in map(LINE.match, text.splitlines()) if m and m[2].startswith(WORKER)]
    whole = sum(float(m[1]) for m in found)
    if whole < 1:
        raise ProgramFailed("perf report has nothing about the worker's thread")
    return [(100 * float(m[1]) / whole, m[3], m[4], m[5]) for m in found]


def shares(case, rows):
    by_name = collections.Counter()
    for share, library, kind, symbol in rows:
        by_name[called(library, kind, symbol)] += share
    for name, share in by_name.most_common(SHOWN):
        yield Result(group=NAME, case=case, figure=name, unit="%", better="lower", values=[round(share, 1)])


def called(library, kind, symbol):
    """One function, without its arguments; a whole library where it has no symbols; the kernel's by its name."""
    if kind == "k":
        return f"kernel: {symbol}"
    if symbol.startswith("0x"):
        return library
    symbol = re.sub(r"portcullis::(dataplane|perf|policy)::|\(anonymous namespace\)::", "", symbol)
    return re.split(r"[(<]", symbol)[0] or symbol
