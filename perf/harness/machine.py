"""The machine and the tree that were measured, and the huge pages a run needs."""
import contextlib
import datetime
import os
import platform
import re
import signal
import subprocess

HUGE_PAGE_BYTES = 2 << 20
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HUGE_PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB"


def _read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


def _command(*argv, cwd=None):
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def parse_list(text):
    """"0-2,5" of sysfs as [0, 1, 2, 5]."""
    out = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        out.extend(range(int(first), int(last or first) + 1))
    return out


def order_cores(cores, siblings, isolated):
    """`cores` in the order in which to use them: isolated ones first, a core's second thread last."""
    def second_thread(core):
        return core != min(siblings.get(core, [core]))
    return sorted(cores, key=lambda core: (second_thread(core), core not in isolated, core))


def cores():
    usable = sorted(os.sched_getaffinity(0))
    base = "/sys/devices/system/cpu"
    siblings = {c: parse_list(_read(f"{base}/cpu{c}/topology/thread_siblings_list", str(c))) for c in usable}
    return order_cores(usable, siblings, parse_list(_read(f"{base}/isolated")))


def parse_cpuinfo(text):
    """Of /proc/cpuinfo: the model, the flags that matter here, and the TSC's rate."""
    first = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    flags = first.get("flags", "").split()
    # With a constant TSC the kernel takes loops_per_jiffy from it: BogoMIPS is twice the TSC's MHz.
    tsc = float(first["bogomips"]) / 2 if "constant_tsc" in flags and "bogomips" in first else None
    return {
        "model": first.get("model name", "unknown"),
        "tsc_mhz": tsc,
        "cache": first.get("cache size", "unknown"),
        "vector": [f for f in ("sse4_2", "avx2", "avx512f", "avx512bw", "avx512vl") if f in flags],
        "virtual": "hypervisor" in flags,
    }


def describe():
    memory = re.search(r"MemTotal:\s+(\d+)", _read("/proc/meminfo"))
    release = re.search(r'PRETTY_NAME="?([^"\n]*)', _read("/etc/os-release"))
    return {
        **parse_cpuinfo(_read("/proc/cpuinfo")),
        "cores": len(os.sched_getaffinity(0)),
        "isolated": _read("/sys/devices/system/cpu/isolated") or "none",
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "not visible",
        "numa_nodes": len(parse_list(_read("/sys/devices/system/node/online", "0"))),
        "memory_mib": int(memory.group(1)) // 1024 if memory else None,
        "kernel": platform.release(),
        "system": release.group(1) if release else "unknown",
        "dpdk": _command("pkg-config", "--modversion", "libdpdk") or "unknown",
        "compiler": (_command("c++", "--version").splitlines() or ["unknown"])[0],
    }


def parse_status(text, own):
    """The paths of `git status --porcelain` that a report speaks of: all but the `own`, which it writes."""
    return [line[3:] for line in text.splitlines() if line[3:] not in own and not line[3:].startswith(tuple(own))]


def tree(root):
    """The commit that was measured, and whether the tree differs from it."""
    git = ("git", "-c", f"safe.directory={root}")
    commit = _command(*git, "rev-parse", "HEAD", cwd=root)
    if not commit:
        return {"commit": "not a git checkout", "dirty": False, "changed": []}
    # The report of an earlier run is no change of what is measured.
    own = ["perf/report.md", "perf/report.json"]
    status = subprocess.run([*git, "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=False)
    changed = [p for p in parse_status(status.stdout, own) if not re.fullmatch(r"perf/[\w-]+\.svg", p)]
    return {"commit": commit, "dirty": bool(changed), "changed": changed}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


@contextlib.contextmanager
def undisturbed():
    """A signal that comes meanwhile is handled afterwards: between a change and the note of how to undo it,
    and in the undoing, no handler's exception may come."""
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {*ENDING_SIGNALS, signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class HugePages:
    """At least `mib` of free 2 MiB huge pages from reserve() to put_back(), which restores what was found.

    `mib` is what there is in the end: a machine that is short of memory gives less, and what needs more
    says so itself. Nothing is changed where enough are free already."""

    def __init__(self, mib, base=None, log=print):
        self.wanted, self.base, self.log = -(-mib * (1 << 20) // HUGE_PAGE_BYTES), base or HUGE_PAGES, log
        self.found = None  # the number to put back
        self.mib = 0

    def _get(self, name):
        return int(_read(os.path.join(self.base, name), "0") or 0)

    def _set(self, number):
        with open(os.path.join(self.base, "nr_hugepages"), "w", encoding="ascii") as file:
            file.write(str(number))

    def reserve(self):
        if not os.path.isdir(self.base):
            self.log(f"huge pages: this kernel has none of 2 MiB ({self.base} is missing)")
            return
        total, free = self._get("nr_hugepages"), self._get("free_hugepages")
        if free >= self.wanted:
            self.log(f"huge pages: {free * 2} MiB are free, enough; nothing to change")
        else:
            with undisturbed():
                try:
                    self._set(total + self.wanted - free)
                    self.found = total
                except OSError as error:
                    self.log(f"huge pages: cannot reserve any: {error}")
            free = self._get("free_hugepages")
            self.log(f"huge pages: {free * 2} MiB free of {self.wanted * 2} wanted")
        self.mib = free * 2

    def put_back(self):
        with undisturbed():
            if self.found is None:
                return
            try:
                self._set(self.found)
                self.log(f"huge pages: put back to {self.found}")
            except OSError as error:
                self.log(f"huge pages: could not put {self.found} back: {error}; "
                         f"do: echo {self.found} > {self.base}/nr_hugepages")
            self.found = None
