"""The pictures of a report, as SVG that reads on white and on dark ground.

A picture is drawn only when there is a line for it: results that differ in its x (a key of Result.params)
and in nothing else, two points or more. So a group draws by saying in `params` what it varied.
"""
import dataclasses
import html
import itertools
import math


@dataclasses.dataclass(frozen=True)
class Picture:
    name: str  # of the file
    title: str
    x: str  # the key in Result.params
    x_label: str
    units: tuple  # which Result.unit is drawn
    y_label: str
    x_log: bool = False
    y_log: bool = False
    x_ordinal: bool = False  # places side by side, whatever their distance; 100 is "max"
    groups: tuple = ()  # only these; all where empty
    by_figure: bool = True  # another figure is another line


PICTURES = (
    Picture("rate-sessions", "Rate against sessions", "sessions", "sessions held", ("Mpps",), "rate (Mpps)", x_log=True),
    Picture("rate-rules", "Rate against rules", "rules", "rules in the policy", ("Mpps",), "rate (Mpps)", x_log=True),
    Picture("rate-packet", "Rate against packet size", "packet", "packet size (bytes on the wire, without FCS)",
            ("Mpps",), "rate (Mpps)", x_log=True),
    Picture("latency-reload", "Latency under reload", "percentile", "percentile of the packets (%)", ("µs",),
            "latency (µs)", y_log=True, x_ordinal=True, groups=("reload",), by_figure=False),
)

MOST_LINES = 8
# Told apart by people who see colours differently too, and on both grounds (Okabe and Ito, darkened a little).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8559a", "#b58900", "#3a9bd9", "#7f7f7f", "#8c6d31")
DASHES = ("", "6 3", "2 3", "8 3 2 3")
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 40, 60
LEGEND_LINE = 18


@dataclasses.dataclass
class Line:
    label: str
    points: list  # (x, median, minimum, maximum), by x


def lines_of(picture, results):
    """The lines of `picture`: the results that are alike in all but its x. A floor has a line of its own."""
    alike = {}
    for result in results:
        x = result.params.get(picture.x)
        if result.unit not in picture.units or isinstance(x, bool) or not isinstance(x, (int, float)):
            continue
        if picture.groups and result.group not in picture.groups:
            continue
        if picture.x_log and x <= 0:
            continue
        rest = tuple(sorted((k, str(v)) for k, v in result.params.items() if k != picture.x))
        figure = result.figure if picture.by_figure else "latency"
        alike.setdefault((result.group, figure, rest), {})[x] = result
    out = [(key, by_x) for key, by_x in alike.items() if len(by_x) > 1]
    # The longest say most.
    out = sorted(out, key=lambda item: -len(item[1]))[:MOST_LINES]
    varied = _varied([key for key, _ in out])
    lines = []
    for key, by_x in out:
        points = [(x, r.median, r.minimum, r.maximum) for x, r in sorted(by_x.items())]
        lines.append(Line(_label(key, varied), points))
    lines.sort(key=lambda line: line.label)
    floors = {}
    for _, by_x in out:
        name = next(iter(by_x.values())).floor_name
        if name and name not in floors and all(r.floor and r.floor_name == name for r in by_x.values()):
            floors[name] = [(x, r.floor_median, min(r.floor), max(r.floor)) for x, r in sorted(by_x.items())]
    lines += [Line(f"floor: {name}", points) for name, points in sorted(floors.items())]
    return lines[:MOST_LINES]


def _varied(keys):
    """The params in which the lines differ: only these are worth a word in the legend."""
    values = {}
    for _, _, rest in keys:
        for name, value in rest:
            values.setdefault(name, set()).add(value)
    return {name for name, seen in values.items()
            if len(seen) > 1 or any(name not in dict(rest) for _, _, rest in keys)}


def _label(key, varied):
    group, figure, rest = key
    words = [f"{name} {value}" if value.replace(".", "", 1).isdigit() else value
             for name, value in rest if name in varied]
    return f"{group} {figure}" + (": " + ", ".join(words) if words else "")


def short(number):
    """An axis label: 64k is 65,536 and 64K is 64,000, so only round numbers are shortened."""
    for size, sign in ((1 << 20, "Mi"), (1 << 10, "Ki")):
        if number >= size and number % size == 0:
            return f"{int(number) // size}{sign}"
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if number >= size and number * 10 % size == 0:
            return f"{number / size:g}{sign}"
    return f"{number:g}"


class Axis:
    """Values to pixels between `first` and `last` (pixels), linear or logarithmic."""

    def __init__(self, values, first, last, log=False, from_zero=False, ordinal=False):
        self.first, self.last, self.log = first, last, log
        self.order = {value: i for i, value in enumerate(sorted(set(values)))} if ordinal else None
        if ordinal:
            values = self.order.values()
        low, high = min(values), max(values)
        if log:
            low, high = math.log10(low), math.log10(high)
            room = (high - low) * 0.03 or 0.5
            self.low, self.high = low - room, high + room
        else:
            self.low = 0 if from_zero else low - ((high - low) * 0.03 or 1)
            self.high = (high + (high - self.low) * 0.06) or 1

    def at(self, value):
        place = math.log10(value) if self.log else self.order[value] if self.order else value
        return self.first + (place - self.low) / (self.high - self.low) * (self.last - self.first)

    def ticks(self):
        if self.log:
            decades = range(math.floor(self.low), math.ceil(self.high) + 1)
            steps = (1, 2, 5) if self.high - self.low < 2.5 else (1,)
            values = [step * 10.0 ** decade for decade in decades for step in steps]
            return [v for v in values if self.low <= math.log10(v) <= self.high]
        rough = (self.high - self.low) / 6
        scale = 10.0 ** math.floor(math.log10(rough))
        step = next(s * scale for s in (1, 2, 2.5, 5, 10) if s * scale >= rough * 0.999)
        first = math.ceil(self.low / step)
        return [i * step for i in range(first, math.floor(self.high / step) + 1)]


def svg(picture, lines, subtitle=""):
    """The text of the picture."""
    ys = [y for line in lines for point in line.points for y in point[1:] if not picture.y_log or y > 0]
    xs = sorted({point[0] for line in lines for point in line.points})
    bottom = HEIGHT - BOTTOM
    x_axis = Axis(xs, LEFT, WIDTH - RIGHT, picture.x_log, ordinal=picture.x_ordinal)
    y_axis = Axis(ys, bottom, TOP, picture.y_log, from_zero=not picture.y_log)
    height = HEIGHT + LEGEND_LINE * len(lines)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        # No ground of its own, and a grey that reads on white and on black alike: what the reader's page is,
        # a picture in it cannot know.
        '<style>.ink{fill:#767676}.line{stroke:#767676}.grid{stroke:#888;stroke-opacity:.3}</style>',
        f'<text class="ink" x="{LEFT}" y="18" font-size="15" font-weight="bold">{html.escape(picture.title)}</text>',
        f'<text class="ink" x="{WIDTH - RIGHT}" y="18" text-anchor="end" font-size="11">{html.escape(subtitle)}</text>',
    ]
    for tick in y_axis.ticks():
        y = y_axis.at(tick)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
                   f'<text class="ink" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(tick)}</text>')
    previous = -math.inf
    for tick in xs if len(xs) <= 12 or picture.x_ordinal else x_axis.ticks():
        x = x_axis.at(tick)
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        if x - previous >= 34:  # else the labels would run into each other
            out.append(f'<text class="ink" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
                       f'{"max" if picture.x_ordinal and tick == 100 else short(tick)}</text>')
            previous = x
    out.append(f'<path class="line" fill="none" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>'
               f'<text class="ink" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{bottom + 38}" text-anchor="middle">'
               f'{html.escape(picture.x_label)}{", logarithmic" if picture.x_log else ""}</text>'
               f'<text class="ink" transform="translate(16 {(TOP + bottom) / 2}) rotate(-90)" text-anchor="middle">'
               f'{html.escape(picture.y_label)}{", logarithmic" if picture.y_log else ""}</text>')
    for index, line in enumerate(lines):
        out += _draw(line, index, x_axis, y_axis, picture.y_log)
    return "\n".join(out + ["</svg>", ""])


def _draw(line, index, x_axis, y_axis, y_log):
    colour = COLOURS[index % len(COLOURS)]
    dash = DASHES[3 if line.label.startswith("floor:") else 0]
    points = [p for p in line.points if not y_log or min(p[1:]) > 0]
    path = "L".join(f"{x_axis.at(x):.1f} {y_axis.at(y):.1f}" for x, y, _, _ in points)
    style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}" fill="none"'
    out = [f'<path d="M{path}" {style}/>'] if points else []
    for x, y, low, high in points:
        at = x_axis.at(x)
        out.append(f'<path d="M{at:.1f} {y_axis.at(low):.1f}V{y_axis.at(high):.1f}" stroke="{colour}"/>'
                   f'<circle cx="{at:.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{colour}"/>')
    y = HEIGHT - 8 + LEGEND_LINE * index
    out.append(f'<path d="M{LEFT} {y - 4}h24" {style}/>'
               f'<text class="ink" x="{LEFT + 32}" y="{y}">{html.escape(line.label)}</text>')
    return out


def draw(results, subtitle=""):
    """(picture, SVG text) for each picture that has a line."""
    results = list(results)
    for picture in PICTURES:
        lines = lines_of(picture, results)
        if any(y > 0 for line in lines for _, y, _, _ in line.points) or (lines and not picture.y_log):
            yield picture, svg(picture, lines, subtitle)


def unused_names(pictures, files):
    """Of `files`, the pictures of an earlier report that this one does not have."""
    drawn = {f"{picture.name}.svg" for picture in pictures}
    known = {f"{picture.name}.svg" for picture in PICTURES}
    return sorted(name for name in itertools.chain(files) if name in known - drawn)
