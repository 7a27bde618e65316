"""The lab's network: namespaces on this machine that stand for the Internet, the perimeter and the
corporate network, wired to the devices of a firewall under test.

    internet ── wan ──┐
    edge1, edge2, rp ── switch, a bridge for each leg ── dmz-… ──┤ firewall
    corporate ── lan ─┘

A Network is a context manager: whatever happens inside, every process it started is ended by its
process id and every namespace it made is deleted. Names carry the maker's process id, so labs do
not meet each other.
"""
import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000


class LabError(Exception):
    """Something the lab needed did not work; the text says what to do."""


def run(*argv, check=True, **kwargs):
    result = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kwargs)
    if check and result.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: {result.stderr.strip() or result.stdout.strip()}")
    return result


class Process:
    """A program in one namespace, its output in a file."""

    def __init__(self, popen, name, log):
        self.popen, self.name, self.log = popen, name, log

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def stop(self, sig=signal.SIGTERM, timeout=5.0):
        if self.alive():
            try:
                os.killpg(self.pid, sig)
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.popen.wait()
            except ProcessLookupError:
                self.popen.wait()
        return self.popen.returncode

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Host:
    """One namespace."""

    def __init__(self, network, name):
        self.network, self.name = network, name
        self.netns = f"pc{os.getpid()}-{name}"

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.netns, *map(str, argv)]

    def run(self, *argv, check=True, timeout=30, **kwargs):
        return run(*self.argv(*argv), check=check, timeout=timeout, **kwargs)

    def ip(self, *argv):
        return run("ip", "-n", self.netns, *argv)

    def start(self, name, *argv, env=None, stdin=subprocess.DEVNULL):
        return self.network.start(f"{self.name}-{name}", self.argv(*argv), env=env, stdin=stdin)

    def addresses(self, device, *addresses):
        for address in addresses:
            # nodad: an address is of use at once, not a second later.
            flags = ["nodad"] if ":" in address else []
            self.ip("addr", "add", address, "dev", device, *flags)

    def route(self, prefix, via):
        self.ip("-6" if ":" in prefix + via else "-4", "route", "add", prefix, "via", via)

    def socket(self, *args):
        """A socket of this process that lives in the host's namespace."""
        import socket  # pylint: disable=import-outside-toplevel

        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", encoding="ascii") as home, \
                open(f"/run/netns/{self.netns}", encoding="ascii") as there:
            if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
                raise LabError(f"cannot enter {self.netns}: {os.strerror(ctypes.get_errno())}")
            try:
                return socket.socket(*args)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)


class Network:
    def __init__(self, directory):
        self.directory = directory  # logs and captures; made by the caller, kept by the caller
        self.hosts = {}
        self.processes = []

    def __enter__(self):
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: run it as root")
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()
        for host in self.hosts.values():
            run("ip", "netns", "del", host.netns, check=False)
        self.hosts.clear()

    def start(self, name, argv, env=None, stdin=subprocess.DEVNULL):
        log = os.path.join(self.directory, f"{name}.log")
        with open(log, "ab") as out:
            popen = subprocess.Popen(argv, stdin=stdin, stdout=out, stderr=out, start_new_session=True,
                                     env=None if env is None else {**os.environ, **env})
        process = Process(popen, name, log)
        self.processes.append(process)
        return process

    def host(self, name):
        host = Host(self, name)
        self.hosts[name] = host  # first: whoever ends us meanwhile deletes what is there
        run("ip", "netns", "add", host.netns)
        # No addresses but those the lab gives: neither the kernel's link-local traffic nor its RAs.
        host.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.default.accept_ra=0",
                 "net.ipv4.ip_nonlocal_bind=0", "net.ipv4.conf.all.rp_filter=0",
                 "net.ipv4.conf.default.rp_filter=0",
                 # Outside the media range, where the source port decides (SEMANTICS decision 5).
                 "net.ipv4.ip_local_port_range=20000 45000")
        host.ip("link", "set", "lo", "up")
        return host

    def wire(self, a, device_a, b, device_b):
        """A veth pair between two hosts, its offloads off: veth would send partial checksums and
        segments larger than the MTU, which no wire carries."""
        run("ip", "link", "add", device_a, "netns", a.netns, "type", "veth", "peer", "name", device_b,
            "netns", b.netns)
        for host, device in ((a, device_a), (b, device_b)):
            host.run("ethtool", "-K", device, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
                     "txvlan", "off", "rxvlan", "off", check=False)
            host.ip("link", "set", device, "up")


def wait_until(condition, what, timeout=10.0, interval=0.05):
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise LabError(f"waited {timeout:.0f} s for {what}")
