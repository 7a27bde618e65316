"""What a packet takes in instructions, by function: the in-process bench under callgrind.

Cycles tell what a user gets and vary with the machine's other guests; instructions are the same in every run, so
they show whether a change made the pipeline shorter where cycles cannot. A run is taken twice, of different
lengths, and what both have in common (the start, opening the sessions) falls out.
"""
import collections
import re
import shutil

from .context import ProgramFailed
from .results import Result

NAME = "instructions"
TITLE = "Instructions"
ORDER = 45
QUICK_SECONDS = 20
HUGE_MIB = 0

CASES = {
    "full NAT, UDP, IPv4": ("--nat", "full"),
    "full NAT, TCP, IPv4": ("--nat", "full", "--transport", "tcp"),
    "A/V dnat, UDP, IPv6": ("--nat", "dnat", "--family", 6),
    "flood that no rule allows": ("--nat", "dnat", "--load", "deny"),
}
CHUNKS = 20, 60
OURS = "portcullis::dataplane::"
SHOWN = 8  # functions
LINE = re.compile(r"\s*([\d,]+) \([^)]*\)\s+(?:\S*?:)?(.*?)(?: \[[^\]]*\])?$")


def run(context):
    if shutil.which("valgrind") is None:
        context.note("no instructions were counted, because valgrind is not there: run scripts/setup --perf")
        return
    for case, arguments in list(CASES.items())[:1 if context.quick else None]:
        context.log(case)
        (short, few), (long, many) = [counted(context, arguments, chunks) for chunks in CHUNKS]
        yield from results(case, long - short, many - few)


def counted(context, arguments, chunks):
    """Instructions of each function in a run of so many chunks, and the packets that it measured."""
    data = context.work / f"callgrind.{chunks}"
    rounds = context.measure(
        ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={data}",
         context.build / "inprocess" / "inprocess", *arguments, "--sessions", 1024, "--no-huge", "--no-floor",
         "--rounds", 1, "--chunks", chunks, "--main-core", context.generator_core, "--cores", context.dut_cores[0]],
        timeout=300)
    return read(context.run(["callgrind_annotate", "--threshold=100", data])), rounds[0]["packets"]


def read(text):
    """{function: instructions}, as callgrind_annotate prints them."""
    found = collections.Counter()
    for line in text.splitlines():
        match = LINE.match(line)
        if match:
            found[match[2]] += int(match[1].replace(",", ""))
    if not any(OURS in function for function in found):
        raise ProgramFailed("callgrind has nothing about the pipeline")
    return found


def results(case, more, packets):
    """What a packet takes: all functions of the pipeline together, then the largest of them."""
    ours = collections.Counter()
    for function, count in more.items():
        if OURS in function:
            ours[called(function)] += count
    for name, count in [("instructions a packet", sum(ours.values())), *ours.most_common(SHOWN)]:
        yield Result(group=NAME, case=case, figure=name, unit="instructions", better="lower",
                     values=[round(count / packets, 1)])


def called(function):
    """Without its arguments, and without the namespaces that all share."""
    function = re.sub(r"portcullis::(dataplane|perf|policy)::|\(anonymous namespace\)::", "", function)
    return re.split(r"[(<]", function.removeprefix("void "))[0]
