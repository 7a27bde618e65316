"""perf/harness/__main__.py: arguments, groups that fail or take too long, and what a quick run shares out."""
import contextlib
import io
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import types
import unittest

from harness import __main__ as harness
from harness.results import Result


def one_result():
    return Result(group="g", case="c", figure="f", unit="u", values=[1])


def group(run, **fields):
    return types.SimpleNamespace(NAME="g", TITLE="The g", run=run, **fields)


def run(module, limit=5, quick=True):
    return harness.run_group(module, quick, None, 5, limit, 0, lambda _: None)


class Groups(unittest.TestCase):
    def test_results_and_notes(self):
        def work(context):
            context.note("no X, because Y")
            yield one_result()
        out = run(group(work))
        self.assertEqual((len(out.results), out.notes, out.failed), (1, ["no X, because Y"], ""))

    def test_a_failure_keeps_what_was_measured(self):
        def work(_context):
            yield one_result()
            raise RuntimeError("no such device")
        out = run(group(work))
        self.assertEqual(len(out.results), 1)
        self.assertEqual(out.failed, "RuntimeError: no such device")

    def test_one_that_takes_too_long_is_cut_off_and_its_processes_end(self):
        started = []

        def work(context):
            yield one_result()
            started.append(context.start(["sleep", "60"]))
            try:
                time.sleep(60)
            except Exception:  # pylint: disable=broad-exception-caught
                time.sleep(60)  # a group that swallows what it should not
        began = time.monotonic()
        out = run(group(work), limit=0.2, quick=False)
        self.assertLess(time.monotonic() - began, 20)
        self.assertIn("cut off", out.failed)
        self.assertEqual(len(out.results), 1)
        self.assertIsNotNone(started[0].returncode)

    def test_in_a_quick_run_that_is_no_failure_where_something_was_measured(self):
        def measures(_context):
            yield one_result()
            time.sleep(60)

        def measures_nothing(_context):
            time.sleep(60)
            yield one_result()
        out = run(group(measures), limit=0.2)
        self.assertEqual((len(out.results), out.failed), (1, ""))
        self.assertIn("cut off", out.notes[0])
        self.assertIn("cut off", run(group(measures_nothing), limit=0.2).failed)

    def test_its_directory_is_there_and_then_gone(self):
        seen = []

        def work(context):
            seen.append(context.work)
            context.note(f"{context.work.is_dir()}")
            return []
        self.assertEqual(run(group(work)).notes, ["True"])
        self.assertFalse(os.path.exists(seen[0]))

    def test_what_is_no_result_is_refused(self):
        self.assertIn("no Result", run(group(lambda _: [3])).failed)

    def test_saying_nothing_is_a_failure(self):
        self.assertIn("neither", run(group(lambda _: [])).failed)

    def test_a_module_that_cannot_be_loaded_is_a_failed_group(self):
        out = run(harness.BrokenGroup("x", ImportError("no module y")))
        self.assertEqual((out.name, out.failed), ("x", "ImportError: no module y"))

    def test_shares_of_a_quick_run(self):
        # Enough for all: each has what it asks for, and may overrun into what nobody asks for.
        self.assertEqual(harness.share([20, 30], 170), (20, 140))
        # Too little: all give way alike, and nobody eats into the others' part.
        self.assertEqual(harness.share([100, 100, 140], 170), (50, 50))
        self.assertEqual(harness.share([140], 85), (85, 85))
        # An overrun before must not leave nothing at all.
        self.assertEqual(harness.share([30], 0)[1], 1)

    def test_present_groups_have_what_the_harness_asks(self):
        for name, module in harness.find_groups().items():
            self.assertNotIsInstance(module, harness.BrokenGroup, getattr(module, "error", ""))
            self.assertEqual(name, module.NAME)
            self.assertTrue(module.TITLE)
            self.assertTrue(callable(module.run))


# A run of its own: one group whose process sleeps, and huge pages that are files.
WHOLE_RUN = """
import os, sys, types
from harness import __main__ as harness, machine
from harness.results import Result
directory, way = sys.argv[1:]
machine.HUGE_PAGES = directory
os.geteuid = lambda: 0
harness.build = lambda log: None
def work(context):
    process = context.start(["sleep", "60"])
    with open(directory + "/started", "w") as file:
        file.write(str(process.pid))
    if way == "wait":
        process.wait()
    if way == "fail":
        raise RuntimeError("no such device")
    yield Result(group="g", case="c", figure="f", unit="u", values=[1])
harness.find_groups = lambda: {"g": types.SimpleNamespace(NAME="g", TITLE="The g", HUGE_MIB=64, run=work)}
sys.exit(harness.main(["--out", directory + "/out"]))
"""


class WholeRun(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        for name in ("nr_hugepages", "free_hugepages"):
            (self.directory / name).write_text("3", encoding="ascii")

    def start(self, way):
        process = subprocess.Popen([sys.executable, "-c", WHOLE_RUN, str(self.directory), way], stderr=subprocess.PIPE,
                                   text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def end(self, process):
        """The status, what was said, and that nothing is left as it should not be."""
        _, said = process.communicate(timeout=30)
        self.assertEqual((self.directory / "nr_hugepages").read_text(encoding="ascii"), "3")
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.directory / "started").read_text(encoding="ascii")), 0)
        return process.returncode, said

    def test_all_went_well(self):
        status, _ = self.end(self.start("go"))
        self.assertEqual(status, 0)
        self.assertIn("The g", (self.directory / "out/report.md").read_text(encoding="utf-8"))

    def test_a_group_failed(self):
        status, _ = self.end(self.start("fail"))
        self.assertEqual(status, 1)
        self.assertIn("no such device", (self.directory / "out/report.md").read_text(encoding="utf-8"))

    def test_ended_from_outside(self):
        process = self.start("wait")
        ends = time.monotonic() + 20
        while not (self.directory / "started").exists() and time.monotonic() < ends:
            time.sleep(0.01)
        self.assertEqual((self.directory / "nr_hugepages").read_text(encoding="ascii"), "32")
        process.send_signal(signal.SIGTERM)
        status, said = self.end(process)
        self.assertEqual(status, 2)
        self.assertIn("ended by SIGTERM", said)
        self.assertFalse((self.directory / "out/report.md").exists())


class Arguments(unittest.TestCase):
    groups = {"a": group(None), "b": group(None)}

    def refused(self, *argv):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit) as end:
            harness.read_arguments(argv, self.groups)
        self.assertEqual(end.exception.code, 2)
        return said.getvalue()

    def test_a_full_run_writes_the_committed_report_others_do_not(self):
        self.assertEqual(harness.read_arguments([], self.groups).out, harness.ROOT / "perf")
        for argv in (["--quick"], ["--only", "a"]):
            self.assertEqual(harness.read_arguments(argv, self.groups).out, harness.BUILD / "report")
        self.assertEqual(harness.read_arguments(["--quick", "--out", "/x/y"], self.groups).out, pathlib.Path("/x/y"))

    def test_only(self):
        self.assertEqual(list(harness.read_arguments(["--only", "b"], self.groups).groups), ["b"])
        self.assertEqual(list(harness.read_arguments(["--only", "b,a"], self.groups).groups), ["a", "b"])
        self.assertIn("no group 'c'; there are: a, b", self.refused("--only", "a,c"))

    def test_what_is_refused(self):
        self.assertIn("--fast", self.refused("--fast"))
        self.assertIn("not a directory", self.refused("--out", __file__))


if __name__ == "__main__":
    unittest.main()
