"""perf/harness/context.py: programs are read strictly and end with their group."""
import os
import sys
import tempfile
import time
import unittest

from harness.context import Context, ProgramFailed, read_lines


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "Z"


class Processes(unittest.TestCase):
    def setUp(self):
        self.context = Context(quick=True, rounds=1, seconds=10, root="/r", build_root="/r/build", work="/tmp", cores=[0, 1],
                               huge_mib=0, log=lambda _: None, note=lambda _: None)
        self.addCleanup(self.context.close)

    def python(self, code):
        return [sys.executable, "-c", code]

    def test_measurements(self):
        self.assertEqual(self.context.measure(self.python("print('{\"a\": 1}\\n\\n{\"a\": 2}')")), [{"a": 1}, {"a": 2}])

    def test_anything_else_on_stdout_is_refused(self):
        for text in ("EAL: hello", "[1]", '{"a": 1'):
            with self.assertRaisesRegex(ProgramFailed, "no JSON object"):
                read_lines(text)

    def test_a_failure_says_what_the_program_said(self):
        with self.assertRaisesRegex(ProgramFailed, "ended with 3: no such port"):
            self.context.run(self.python("import sys; print('no such port', file=sys.stderr); sys.exit(3)"))

    def test_one_that_does_not_end(self):
        with self.assertRaisesRegex(ProgramFailed, "did not end within 0.2 s"):
            self.context.run(self.python("import time; time.sleep(60)"), timeout=0.2)

    def test_what_was_started_ends_with_its_children(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "pid")
            started = self.context.start(["/bin/sh", "-c", f"sleep 60 & echo $! >{path}.new; mv {path}.new {path}; wait"])
            while not os.path.exists(path):
                time.sleep(0.01)
            with open(path, encoding="ascii") as file:
                child = int(file.read())
        self.context.close()
        self.assertIsNotNone(started.returncode)
        ends = time.monotonic() + 5
        while not gone(child) and time.monotonic() < ends:
            time.sleep(0.01)
        self.assertTrue(gone(child))

    def test_one_core_is_generator_and_device_under_test(self):
        self.assertEqual((self.context.generator_core, self.context.dut_cores), (0, [1]))
        self.context.cores = [3]
        self.assertEqual((self.context.generator_core, self.context.dut_cores), (3, [3]))


if __name__ == "__main__":
    unittest.main()
