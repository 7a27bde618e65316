"""Devices under test between two veth pairs: the Linux kernel with nftables, or our data plane over af_xdp.

    namespace "gen", generator's core     namespace "dut", the core under test
    traffic, clients' side ── wan ═══════ wan ──┐
    traffic, nodes' side   ── dmz ═══════ dmz ──┤ the kernel with `portcullis rules --nft`, or our data plane
                               (dmz.10, … ──────┘ the sample's other interfaces, unused)

Netdevs, MAC addresses, policy and generator are the same for both; one at a time has the netdevs: while our data
plane has its XDP programs there, the kernel behind them sees nothing. Everything set here (addresses, sysctls,
steering) belongs to the namespaces and is gone with them.

Whose core the work of a veth pair is done on, is a matter of NAPI. By default the sender does the receiver's
work too, a softirq for each packet, and the generator's core would do most of the kernel's forwarding. So:
- kernel: its two netdevs have NAPI (GRO on) in threads, and these are pinned to the core under test; receiving,
  conntrack, NAT, routing and sending all happen there.
- our data plane: its sockets poll the netdevs' NAPI themselves (af_xdp's preferred busy polling, for which
  interrupts are deferred), so receiving is done by the worker, on its core.
What comes back to the generator is its own to receive.
"""
import contextlib
import os
import shlex
import shutil
import subprocess

from . import two_processes
from .context import ProgramFailed

COMMAND = "#$ "  # in the header of a ruleset: a command that the host has to run
MAC = "02:00:00:00:00:01"  # of both netdevs of the device under test
OFFLOADS = ("tx", "rx", "tso", "gso", "gro", "txvlan", "rxvlan")  # what no wire carries
ROUTER, NODES = "192.0.2.254", [f"203.0.113.{n}" for n in (11, 12, 21, 22, 31, 32)]
# Of DPDK's documentation of af_xdp, "Preferred busy polling".
DEFER = {"napi_defer_hard_irqs": 2, "gro_flush_timeout": 200000}


def run(*argv, stdin=None):
    result = subprocess.run([str(a) for a in argv], input=stdin, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ProgramFailed(f"{' '.join(map(str, argv))}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout


def missing():
    """What is not installed, or None."""
    return next((program for program in ("nft", "ethtool") if shutil.which(program) is None), None)


def inside(namespace, *argv):
    return ["ip", "netns", "exec", namespace, *argv]


class Wires:
    """The two namespaces and what lies between them; a context manager that leaves nothing behind."""

    def __init__(self):
        self.dut, self.gen = (f"perf{os.getpid()}-{name}" for name in ("dut", "gen"))

    def __enter__(self):
        try:
            for namespace in (self.dut, self.gen):
                run("ip", "netns", "add", namespace)
                run("ip", "-n", namespace, "link", "set", "lo", "up")
            for device in two_processes.SIDES:
                self.add(device)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for namespace in (self.dut, self.gen):
            with contextlib.suppress(ProgramFailed):
                run("ip", "netns", "del", namespace)

    def add(self, device):
        # One queue: the socket's. A program on one queue would miss the others'.
        queues = ("numrxqueues", 1, "numtxqueues", 1)
        run("ip", "link", "add", device, "netns", self.dut, *queues, "type", "veth",
            "peer", "name", device, "netns", self.gen, *queues)
        for namespace in (self.dut, self.gen):
            for offload in OFFLOADS:  # not every kernel has all of them
                with contextlib.suppress(ProgramFailed):
                    run(*inside(namespace, "ethtool", "-K", device, offload, "off"))
        # The generator speaks for its side; the kernel there does not.
        run(*inside(self.gen, "sysctl", "-qw", f"net.ipv6.conf.{device.replace('.', '/')}.disable_ipv6=1"))
        run("ip", "-n", self.dut, "link", "set", device, "address", MAC, "up")
        run("ip", "-n", self.gen, "link", "set", device, "up")

    def mac_of_generator(self, device):
        return run(*inside(self.gen, "cat", f"/sys/class/net/{device}/address")).strip()

    def set(self, device, attribute, value):
        """An attribute of the device under test's netdev, in sysfs."""
        run(*inside(self.dut, "sh", "-c", f"echo {value} > /sys/class/net/{device}/{attribute}"))


def napi_threads():
    """The kernel's NAPI threads: process id -> name."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            name = file.read().strip()
            if name.startswith("napi/"):
                found[int(pid)] = name
    return found


class Bench(two_processes.Bench):
    """As its base, over veth, and with the kernel as a device under test."""

    def __init__(self, context, wires):
        super().__init__(context)
        self.directory = self.directory / "veth"  # the group has two benches
        self.directory.mkdir()
        self.wires = wires
        self.kernel_is_set_up = False

    def set_up_kernel(self):
        """Once: addresses, routes and ruleset, as the exported file says."""
        topology = self.directory / "kernel.yaml"
        sample = (self.context.root / two_processes.SAMPLE).read_text(encoding="utf-8")
        topology.write_text(two_processes.two_devices(sample), encoding="utf-8")
        ruleset = self.context.run([self.program("portcullis"), "rules", topology, "--nft"])
        commands = [line[len(COMMAND):] for line in ruleset.splitlines() if line.startswith(COMMAND)]
        # Named as VLAN devices, of which not every kernel knows; no packet ever takes them.
        for device in sorted({word for line in commands for word in line.split() if word.startswith("dmz.")}):
            self.wires.add(device)
        for line in commands:
            run(*inside(self.wires.dut, *shlex.split(line)))
        run(*inside(self.wires.dut, "nft", "-f", "-"), stdin=ruleset)
        # A NIC would have verified the checksums; our data plane leaves those of TCP and UDP to the ends, too.
        run(*inside(self.wires.dut, "sysctl", "-qw", "net.netfilter.nf_conntrack_checksum=0"))
        for device, addresses in zip(two_processes.SIDES, ([ROUTER], NODES)):
            for address in addresses:
                run("ip", "-n", self.wires.dut, "neighbour", "replace", address, "lladdr",
                    self.wires.mac_of_generator(device), "dev", device, "nud", "permanent")
        self.kernel_is_set_up = True

    def start_kernel(self):
        if not self.kernel_is_set_up:
            self.set_up_kernel()
        before = napi_threads()
        for device in two_processes.SIDES:
            run(*inside(self.wires.dut, "ethtool", "-K", device, "gro", "on"))
            self.wires.set(device, "threaded", 1)
        threads = set(napi_threads()) - set(before)
        if len(threads) != len(two_processes.SIDES):
            raise ProgramFailed(f"{len(threads)} NAPI threads have started where one for each netdev was expected")
        for thread in threads:
            os.sched_setaffinity(thread, {self.context.dut_cores[0]})

    def stop_kernel(self):
        for device in two_processes.SIDES:
            # In this order: without NAPI there is nothing whose threads could be ended.
            self.wires.set(device, "threaded", 0)
            run(*inside(self.wires.dut, "ethtool", "-K", device, "gro", "off"))

    def start_dataplane(self, sessions=65536):
        self.number += 1
        if self.image is None:
            self.make_image()
        devices = [(side, f"net_af_xdp{n},iface={side}") for n, side in enumerate(two_processes.SIDES)]
        config = self.write_config(devices, sessions=sessions)
        peer = self.directory / "peer.sock"
        peer.unlink(missing_ok=True)
        self.process = self.start_process(inside(self.wires.dut, self.program("portcullis-dataplane"), "--config", config),
                                          [peer], "dataplane")
        for side in two_processes.SIDES:
            for attribute, value in DEFER.items():
                self.wires.set(side, attribute, value)

    def stop(self):
        if self.process is not None:
            for side in two_processes.SIDES:
                for attribute in DEFER:
                    self.wires.set(side, attribute, 0)
        super().stop()

    def traffic(self, scenario, *arguments, timeout=120):
        if self.process is not None and self.process.poll() is not None:
            raise ProgramFailed(f"the device under test has ended (exit {self.process.returncode})")
        ports = [f"net_af_xdp{n},iface={side}" for n, side in enumerate(two_processes.SIDES)]
        argv = inside(self.wires.gen, self.program("traffic"), "--core", self.context.generator_core,
                      "--scenario", self.scenario(scenario), "--client-port", ports[0], "--node-port", ports[1],
                      "--peer-mac", MAC, *arguments)
        return self.context.measure(argv, timeout=timeout)
