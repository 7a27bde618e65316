"""Measures everything and writes the report: perf/README.md.

Builds release, reserves huge pages (and puts back what it found), runs each group's cases interleaved with
their floors, and writes report.md, report.json and pictures. Needs root. Exit status: 0 all groups ran,
1 a group failed (the report says which and why), 2 nothing was measured.
"""
import argparse
import atexit
import contextlib
import importlib
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from . import machine, report
from .context import Context
from .results import Result

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
QUICK_SECONDS = 170  # of the 180 that a quick run may take; the rest is for taking down and the report
FULL_SECONDS = 45 * 60  # for one group: far more than any needs, so that one that hangs does not hang all
ROUNDS, QUICK_ROUNDS = 7, 3


class Ended(BaseException):
    """Somebody asked this run to end."""


class OutOfTime(BaseException):
    """A group has used up its time. Not an Exception: what a group catches must not swallow it."""


class BrokenGroup:
    """Stands in for a group that cannot be loaded: it fails, and the others go on."""
    ORDER = 99

    def __init__(self, name, error):
        self.NAME, self.error = name, error  # pylint: disable=invalid-name
        self.TITLE = f"{name} (cannot be loaded)"  # pylint: disable=invalid-name

    def run(self, _context):
        raise self.error


def find_groups(directory=pathlib.Path(__file__).parent):
    """The groups present: every group_X.py beside this file, by its NAME, in order of ORDER and NAME."""
    groups = {}
    for path in sorted(directory.glob("group_*.py")):
        try:
            module = importlib.import_module(f"{__package__}.{path.stem}")
            groups[module.NAME] = module
        except Exception as error:  # pylint: disable=broad-exception-caught
            groups[path.stem.removeprefix("group_")] = BrokenGroup(path.stem.removeprefix("group_"), error)
    return dict(sorted(groups.items(), key=lambda item: (getattr(item[1], "ORDER", 50), item[0])))


def read_arguments(argv, groups):
    parser = argparse.ArgumentParser(prog="perf/run", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true",
                        help="within 3 minutes: fewer cases, fewer and shorter rounds; a look, not a verdict")
    parser.add_argument("--only", metavar="GROUP[,GROUP]", action="append", default=[],
                        help=f"run only these groups: {', '.join(groups) or 'none is there'}")
    parser.add_argument("--out", metavar="DIR", type=pathlib.Path,
                        help="write the report there; default: perf/ for a full run of all groups, build/report/ else")
    parser.add_argument("--rounds", metavar="N", type=int, choices=range(1, 100),
                        help=f"of each figure; {ROUNDS}, or {QUICK_ROUNDS} with --quick, unless said")
    parser.add_argument("--keep", action="store_true",
                        help="keep what the report that is there says of other groups, with the date it was taken")
    parser.add_argument("--list", action="store_true", help="say which groups there are, and end")
    arguments = parser.parse_args(argv)
    names = [name for part in arguments.only for name in part.split(",")]
    unknown = [name for name in names if name not in groups]
    if unknown:
        parser.error(f"--only: no group {', '.join(map(repr, unknown))}; there are: {', '.join(groups) or 'none'}")
    arguments.groups = {name: module for name, module in groups.items() if not names or name in names}
    if arguments.out is None:
        arguments.out = BUILD / "report" if arguments.quick or names else ROOT / "perf"
    if arguments.out.exists() and not arguments.out.is_dir():
        parser.error(f"--out: {arguments.out} is not a directory")
    return arguments


def build(log):
    """Installs what is missing and builds. ValueError where what is in build/ is not worth measuring."""
    for step in (["scripts/setup", "--perf"], ["scripts/build"]):
        log(" ".join(step))
        if subprocess.run(step, cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
            raise ValueError(f"{' '.join(step)} failed; its message is above")
    options = subprocess.run(["meson", "introspect", "--buildoptions", str(BUILD)], capture_output=True, text=True,
                             check=True).stdout
    problem = report.unfit_build(options)
    if problem:
        raise ValueError(f"{BUILD} is {problem}, and only a release build is worth measuring; "
                         f"remove {BUILD} and run this again, or: meson configure {BUILD} -Dbuildtype=release")


@contextlib.contextmanager
def time_limit(seconds):
    """Raises OutOfTime after that long, wherever the code within is."""
    def over(*_):
        raise OutOfTime
    former = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.1))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)


def run_group(module, quick, rounds, seconds, limit, huge_mib, log):
    """One group, whatever happens to it, as report.Group."""
    out = report.Group(name=module.NAME, title=module.TITLE)
    work = tempfile.mkdtemp(prefix=f"portcullis-perf-{module.NAME}-")
    context = Context(quick=quick, rounds=rounds or (QUICK_ROUNDS if quick else ROUNDS), seconds=seconds, root=ROOT,
                      build_root=BUILD, work=work, cores=machine.cores(), huge_mib=huge_mib,
                      log=lambda text: log(f"{module.NAME}: {text}"), note=out.notes.append)
    began = time.monotonic()
    try:
        with time_limit(limit):
            for result in module.run(context):
                if not isinstance(result, Result):
                    raise TypeError(f"run() gave {result!r}, which is no Result")
                out.results.append(result)
    except OutOfTime:
        text = f"cut off after {limit:.0f} s; what it had measured by then is below"
        if quick and out.results:
            out.notes.append(text)  # a look: what a slow machine has no time for is no failure
        else:
            out.failed = text
    except Exception as error:  # pylint: disable=broad-exception-caught
        out.failed = f"{type(error).__name__}: {error}"
        log(traceback.format_exc())
    finally:
        context.close()
        shutil.rmtree(work, ignore_errors=True)
        out.seconds = time.monotonic() - began
    if not out.failed and not out.results and not out.notes:
        out.failed = "gave neither a result nor a note"
    log(f"{module.NAME}: {'FAILED: ' + out.failed if out.failed else f'{len(out.results)} figures'} "
        f"in {out.seconds:.0f} s")
    return out


def share(asked, left):
    """(seconds to plan with, seconds after which it is cut off) of the first group of `asked`, their QUICK_SECONDS,
    where `left` seconds are left for all of them."""
    scale = min(1.0, left / sum(asked))
    return asked[0] * scale, max(1.0, left - sum(asked[1:]) * scale)


def run_groups(arguments, huge_mib, log):
    """Every group of `arguments`, one after the other. In a quick run, what one leaves the next may use."""
    modules, out, ends = list(arguments.groups.values()), [], time.monotonic() + QUICK_SECONDS
    for number, module in enumerate(modules):
        seconds, limit = FULL_SECONDS, FULL_SECONDS
        if arguments.quick:
            asked = [getattr(each, "QUICK_SECONDS", 30) for each in modules[number:]]
            seconds, limit = share(asked, ends - time.monotonic())
        out.append(run_group(module, arguments.quick, arguments.rounds, seconds, limit, huge_mib, log))
    return out


def main(argv):
    arguments = read_arguments(argv, find_groups())
    if arguments.list:
        for name, module in arguments.groups.items():
            print(f"{name:12} {module.TITLE}")
        return 0

    def log(text):
        print(f"perf: {text}", file=sys.stderr, flush=True)

    if os.geteuid() != 0:
        log("root is needed, for huge pages and network namespaces; run: sudo perf/run")
        return 2
    if not arguments.groups:
        log("there is no group to run")
        return 2

    def ended(number, _frame):
        for each in machine.ENDING_SIGNALS:  # asking twice must not disturb the taking down
            signal.signal(each, signal.SIG_IGN)
        raise Ended(signal.Signals(number).name)
    for number in machine.ENDING_SIGNALS:
        signal.signal(number, ended)
    try:
        build(log)
        out = arguments.out.resolve()
        out.mkdir(parents=True, exist_ok=True)
        date, tree, began = machine.now(), machine.tree(ROOT), time.monotonic()
        need = max(getattr(module, "HUGE_MIB", 1024) for module in arguments.groups.values())
        pages = machine.HugePages(need, log=log)
        atexit.register(pages.put_back)  # should a signal come just as `finally` begins
        try:
            pages.reserve()
            done = run_groups(arguments, pages.mib, log)
        finally:
            pages.put_back()
        facts = {"date": date, "command": shlex.join(["perf/run", *argv]), "quick": arguments.quick,
                 "seconds": time.monotonic() - began, "machine": machine.describe(), "tree": tree}
        if arguments.keep:
            order = list(find_groups())
            done += report.kept(out, {group.name for group in done})
            done.sort(key=lambda group: order.index(group.name) if group.name in order else len(order))
        report.write(out, facts, done)
    except Ended as signalled:
        log(f"ended by {signalled}; everything is taken down, no report written")
        return 2
    except (OSError, ValueError) as error:
        log(str(error))
        return 2
    log(f"report: {out / 'report.md'}")
    return 1 if any(group.failed for group in done) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
