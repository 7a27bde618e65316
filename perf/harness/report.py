"""report.md, report.json and the pictures, from what the groups gave."""
import dataclasses
import json
import os

from . import plot
from .results import Result


@dataclasses.dataclass
class Group:
    """What became of one group."""
    name: str
    title: str
    results: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)
    failed: str = ""  # why, where it did
    seconds: float = 0.0
    taken: str = ""  # when, and at which commit, where it was not this run


def unfit_build(options):
    """Why a build is not worth measuring (`meson introspect --buildoptions`), "" if it is."""
    values = {option["name"]: option["value"] for option in json.loads(options)}
    if values.get("b_sanitize", "none") not in ("none", "", []):
        return f"built with -fsanitize={values['b_sanitize']}"
    if values.get("optimization") not in ("2", "3"):
        return f"built with -O{values.get('optimization')} ({values.get('buildtype')})"
    if values.get("b_coverage"):
        return "built for coverage"
    return ""


def number(value):
    """Three digits that matter, thousands apart; nothing is rounded to 0."""
    if value is None:
        return "–"
    size = abs(value)
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 0.1:
        return f"{value:.2f}"
    return f"{value:.3g}"


def amount(value, unit):
    return f"{number(value)} {unit}" if unit else number(value)


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(header, rows, right=()):
    """A Markdown table; the columns of `right` are set to the right."""
    rule = ["--:" if i in right else "---" for i in range(len(header))]
    return ["| " + " | ".join(cell(c) for c in row) + " |" if row is not rule else "|" + "|".join(rule) + "|"
            for row in [header, rule, *rows]]


def judged_row(result):
    sign = "≥" if result.judged_better == "higher" else "≤"
    unit = result.unit if result.judged == "median" else ""
    measured = amount(result.judged_value, unit)
    if result.judged == "ratio":
        measured += f" × {result.floor_name}" if result.ratio == "value/floor" else f" of {result.floor_name}"
    reached = {"goal": "yes, the goal", "must": "yes; the goal not" if result.goal is not None else "yes",
               "not reached": "**no**"}[result.verdict]

    def threshold(value):
        return "–" if value is None else f"{sign} {amount(value, unit)}"
    return [f"{result.group}: {result.case}, {result.figure}", measured, threshold(result.must), threshold(result.goal),
            reached]


def spread(result):
    if len(result.values) == 1:
        return number(result.median)
    return f"{number(result.median)} ({number(result.minimum)}–{number(result.maximum)})"


def ratio(result):
    if result.ratio_median is None:
        return "–"
    ratios = result.ratios()
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    return f"{result.ratio_median:.2f} ({min(ratios):.2f}–{max(ratios):.2f})"


def group_section(group):
    out = [f"## {group.title}", ""]
    if group.taken:
        out += [f"Kept from an earlier run: {group.taken}.", ""]
    if group.failed:
        out += [f"**Failed**: {group.failed}", ""]
    if group.results:
        rows, floors, ratios = [], any(r.floor for r in group.results), any(r.ratio for r in group.results)
        noted = any(r.note for r in group.results)
        header = ["case", "figure", "unit", "median (min–max)"]
        header += ["floor"] if floors else []
        header += ["ratio"] if ratios else []
        header += ["note"] if noted else []
        for r in group.results:
            row = [r.case, r.figure, r.unit, spread(r)]
            row += [f"{number(r.floor_median)} {r.floor_name}" if r.floor else "–"] if floors else []
            row += [ratio(r)] if ratios else []
            row += [r.note] if noted else []
            rows.append(row)
        out += table(header, rows, right=(3,)) + [""]
    out += [f"- {note}" for note in group.notes]
    return out + ([""] if group.notes else [])


def machine_rows(facts):
    m, t = facts["machine"], facts["tree"]
    tsc = f"{m['tsc_mhz']:,.0f} MHz" if m["tsc_mhz"] else "not constant"
    rows = [
        ["date", facts["date"]],
        ["command", f"`{facts['command']}`, {facts['seconds']:.0f} s"],
        ["commit", f"`{t['commit'][:12]}`" + (f", with changes in {', '.join(t['changed'][:5])}"
                                             f"{' …' if len(t['changed']) > 5 else ''}" if t["dirty"] else "")],
        ["processor", f"{m['model']}, {m['cores']} cores, TSC {tsc}, {', '.join(m['vector'])}, cache {m['cache']}"
         + (", virtual machine" if m["virtual"] else "")],
        ["cores", f"isolated: {m['isolated']}; governor: {m['governor']}; NUMA nodes: {m['numa_nodes']}"],
        ["memory", f"{m['memory_mib']:,} MiB" if m["memory_mib"] else "unknown"],
        ["software", f"{m['system']}, Linux {m['kernel']}, DPDK {m['dpdk']}, {m['compiler']}"],
    ]
    return rows


HOW_TO_READ = """\
Values are medians of all rounds, with the lowest and the highest. A floor was measured in the same round as
the value next to it, and a ratio is the median of the rounds' ratios: on a machine that others use too, only
ratios may be compared from run to run. Cycles are TSC cycles, packet I/O included. How each figure is taken:
[README.md](README.md)."""


def markdown(facts, groups, pictures):
    results = [r for group in groups for r in group.results]
    judged = [r for r in results if r.verdict]
    out = ["# Portcullis: measured", ""]
    if facts["quick"]:
        out += ["A **quick** run: few rounds of few cases. A look at the whole, not a verdict.", ""]
    failed = [group for group in groups if group.failed]
    if failed:
        out += [f"**Failed groups: {', '.join(group.name for group in failed)}**; their sections say why.", ""]
    if judged:
        out += table(["figure", "measured", "must", "goal", "reached?"], [judged_row(r) for r in judged],
                     right=(1, 2, 3)) + [""]
    out += [HOW_TO_READ, "", "## What was measured, and where", ""]
    out += table(["", ""], machine_rows(facts)) + [""]
    for picture in pictures:
        out += [f"![{picture.title}]({picture.name}.svg)", ""]
    for group in groups:
        out += group_section(group)
    return "\n".join(out).rstrip() + "\n"


def as_json(facts, groups):
    return json.dumps({
        **facts,
        "groups": [{"name": g.name, "title": g.title, "seconds": g.seconds, "failed": g.failed or None,
                    "taken": g.taken, "notes": g.notes, "results": [r.as_dict() for r in g.results]} for g in groups],
    }, indent=1, ensure_ascii=False) + "\n"


def kept(directory, names):
    """The groups of the report in `directory` but those of `names`, each marked with when it was taken."""
    path = os.path.join(directory, "report.json")
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        old = json.load(file)
    when = f"{old['date']}, commit {old['tree']['commit'][:12]}, `{old['command']}`"
    fields = [field.name for field in dataclasses.fields(Result)]
    return [Group(name=g["name"], title=g["title"], notes=g["notes"], failed=g["failed"] or "", seconds=g["seconds"],
                  taken=g.get("taken") or when, results=[Result(**{f: r[f] for f in fields}) for r in g["results"]])
            for g in old["groups"] if g["name"] not in names]


def _put(directory, name, text):
    """Whole or not at all: a reader never sees half a report."""
    path = os.path.join(directory, name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def write(directory, facts, groups):
    subtitle = f"{facts['tree']['commit'][:12]}, {facts['date']}"
    drawn = list(plot.draw([r for group in groups for r in group.results], subtitle))
    pictures = [picture for picture, _ in drawn]
    for stale in plot.unused_names(pictures, os.listdir(directory)):
        os.remove(os.path.join(directory, stale))
    for picture, text in drawn:
        _put(directory, f"{picture.name}.svg", text)
    _put(directory, "report.json", as_json(facts, groups))
    _put(directory, "report.md", markdown(facts, groups, pictures))
