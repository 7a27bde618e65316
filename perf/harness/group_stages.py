"""Each stage of the pipeline by itself, and what a push costs: perf/stages/, by Google Benchmark.

Every program stage-* there is run; a new one needs no word here.
"""
import json
import os
import re

from .results import Result

NAME = "stages"
TITLE = "Stage by stage"
ORDER = 40
QUICK_SECONDS = 35
HUGE_MIB = 256

# What takes long to make, and says little that the smaller ones do not.
QUICK_SKIP = r"(rules:10000|sessions:1048576|nodes:2/|partners:10$)"
MEASURED = {"bytes/session": ("memory", "B")}  # counters that are figures: name and unit
WORDS = {"KiB": "KiB", "rules": "rules"}  # counters that are a remark


def run(context):
    programs = sorted(path for path in (context.build / "stages").glob("stage-*")
                      if path.is_file() and os.access(path, os.X_OK))
    if not programs:
        raise FileNotFoundError(f"no stage-* in {context.build / 'stages'}; build it: scripts/build")
    for number, program in enumerate(programs):
        if context.quick and context.left() < 3:
            left = ", ".join(p.name.removeprefix("stage-") for p in programs[number:])
            context.note(f"Not measured, because the time of a quick run was over: {left}.")
            return
        context.log(program.name)
        report = json.loads(context.run(arguments(program, context), timeout=900))
        if report["context"].get("huge_pages") != "yes":
            context.note(f"{program.name} ran without huge pages, for none were free.")
        yield from results_of(report["benchmarks"])


def arguments(program, context):
    out = [program, "--benchmark_format=json", f"--benchmark_repetitions={context.rounds}",
           # A round of one benchmark, then of the next: what disturbs the machine disturbs all alike.
           "--benchmark_enable_random_interleaving=true",
           f"--benchmark_min_time={0.01 if context.quick else 0.1}"]
    if context.quick:
        out.append(f"--benchmark_filter=-{QUICK_SKIP}")
    return out


def results_of(rows):
    """The Results of Google Benchmark's JSON rows: one for each figure of each benchmark, a value a repetition."""
    rounds = {}
    for row in rows:
        if row.get("error_occurred"):
            raise ValueError(f"{row['name']}: {row.get('error_message')}")
        if row["run_type"] == "iteration":
            rounds.setdefault(row["run_name"], []).append(row)
    # Interleaving has shuffled them; the reader wants them as they stand in the source.
    order = sorted(rounds, key=lambda n: (rounds[n][0]["family_index"], rounds[n][0]["per_family_instance_index"]))
    for name in order:
        each = rounds[name]
        case, params = case_of(name)
        remarks = [f"{number(each[0][key])} {key.split()[-1]}" for key in each[0] if key.split()[-1] in WORDS]
        fields = {"group": NAME, "case": case, "better": "lower", "params": params, "note": ", ".join(remarks)}
        cycles = [key for key in each[0] if key.startswith("cycles/")]
        for key in cycles:
            yield Result(figure=key, unit="cycles", values=[row[key] for row in each], **fields)
        if not cycles:
            yield Result(figure="time", unit=each[0]["time_unit"], values=[row["cpu_time"] for row in each], **fields)
        for key in MEASURED.keys() & each[0].keys():
            figure, unit = MEASURED[key]
            yield Result(figure=figure, unit=unit, values=[row[key] for row in each], **fields)


def case_of(name):
    """"lookup/hit/sessions:65536/manual_time" as its words and its numbers."""
    words, params = [], {}
    for part in name.split("/"):
        if part == "manual_time" or part.startswith(("iterations:", "repeats:", "min_time:")):
            continue
        argument = re.fullmatch(r"(\w+):(\d+)", part)
        if argument:
            params[argument[1]] = int(argument[2])
        else:
            words.append(part)
    case = "/".join(words)
    said = (f"{number(value)} {key if value != 1 else key.removesuffix('s')}" for key, value in params.items())
    return ", ".join([case, *said]), params


def number(value):
    value = int(value)
    if value >= 1024 and value % 1024 == 0:
        return f"{value // 1024}k" if value < 1 << 20 else f"{value >> 20}M"
    return f"{value:,}"
