"""What a group is given: where things are, how long it has, and processes that end with it."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time


class ProgramFailed(Exception):
    """A program ended badly or said what cannot be read."""


def read_lines(text, program="program"):
    """The JSON objects a program printed, one a line; anything else on its stdout is an error."""
    out = []
    for line in filter(str.strip, text.splitlines()):
        try:
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise ProgramFailed(f"{program} printed a line that is no JSON object: {line[:200]!r}")
        out.append(value)
    return out


class Context:
    """quick    a short look instead of a full run: fewer cases, fewer and shorter rounds
    rounds   how many rounds, each with its floor next to it
    seconds  what the group may take; left() says what remains. In a quick run it is cut off after that
    root     the source tree; build_root its build directory; build the benchmark programs in there
    work     a directory of its own, gone afterwards
    cores    the cores to use, best first: isolated ones first, second threads last
    huge_mib free huge pages, in MiB
    """

    def __init__(self, *, quick, rounds, seconds, root, build_root, work, cores, huge_mib, log, note):
        self.quick, self.rounds, self.seconds = quick, rounds, seconds
        self.root, self.build_root = pathlib.Path(root), pathlib.Path(build_root)
        self.build = self.build_root / "perf"
        self.work = pathlib.Path(work)
        self.cores, self.huge_mib = list(cores), huge_mib
        self._log, self._note = log, note
        self._processes = []
        self._ends = time.monotonic() + seconds

    # PEERS of one machine: generator and sink on the first core, the device under test on the others.
    @property
    def generator_core(self):
        return self.cores[0]

    @property
    def dut_cores(self):
        return self.cores[1:] or self.cores

    def left(self):
        return self._ends - time.monotonic()

    def log(self, text):
        """Progress, for who watches."""
        self._log(text)

    def note(self, text):
        """For the report: what could not be run and why, or what a reader must know."""
        self._note(text)

    def start(self, argv, **options):
        """A process that is ended with the group at the latest. `options` as for subprocess.Popen."""
        options.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([str(a) for a in argv], start_new_session=True, **options)
        self._processes.append(process)
        return process

    def stop(self, process, seconds=5):
        """Ends `process` and what it started: asked first, then not."""
        for number, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, seconds)):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(wait)
        # The leader may be gone and leave children.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        if process in self._processes:
            self._processes.remove(process)

    def run(self, argv, timeout=120, **options):
        """Runs to the end; the text of stdout. ProgramFailed with the end of stderr if it fails."""
        program = os.path.basename(str(argv[0]))
        process = self.start(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise ProgramFailed(f"{program} did not end within {timeout} s") from None
        finally:
            self.stop(process)
        if process.returncode != 0:
            said = "\n".join(err.strip().splitlines()[-8:]) or "(nothing on stderr)"
            raise ProgramFailed(f"{program} ended with {process.returncode}: {said}")
        return out

    def measure(self, argv, timeout=120, **options):
        """Runs to the end; its measurements: the JSON objects on stdout, one a line."""
        return read_lines(self.run(argv, timeout, **options), os.path.basename(str(argv[0])))

    def close(self):
        for process in reversed(list(self._processes)):
            self.stop(process)
