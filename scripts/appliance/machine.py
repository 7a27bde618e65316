"""The guest from boot to a running firewall: what an operator does on a new machine, by our own scripts."""
import re
import unittest

from lab.network import LabError, wait_until

from .console import SLOW
from .prediction import Rss
from .site import MACS, frames

SCRIPTS = "/mnt/scripts"
HUGE_PAGES = "640M"
CONTROL = ("--socket", "/run/portcullis/control.sock", "--peer", "/run/portcullis/peer.sock", "--state-dir", "/var/lib/portcullis")


class Accounts(frames.Accounting, unittest.TestCase):
    """The end-to-end tests' own rule."""


class Machine:
    """Each step asserts what it did; `check(text, holds, detail)` keeps the account."""

    def __init__(self, console, check):
        self.console, self.check = console, check
        self.pids = {}

    def script(self, name, *argv, check=True):
        return self.console.run(f"{SCRIPTS}/{name}", *argv, check=check)

    def drivers(self):
        """PCI address -> driver, of scripts/nic list."""
        rows = [line.split() for line in self.script("nic", "list")["out"].splitlines()[1:]]
        return {row[0]: row[1] for row in rows}

    def find_nics(self):
        """{device: PCI address}, by the MAC addresses that QEMU was given."""
        look = 'for i in /sys/class/net/*; do echo "${i##*/} $(cat $i/address) $(readlink -f $i/device)"; done'

        def found():
            out = {}
            for line in self.console.run("sh", "-c", look)["out"].splitlines():
                words = line.split()
                for device, mac in MACS.items():
                    if len(words) == 3 and words[1] == mac:
                        address = re.findall(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", words[2])[-1]
                        out[device] = (words[0], address)
            return out if len(out) == len(MACS) else None

        nics = wait_until(found, "the guest's kernel to find both NICs", timeout=SLOW, interval=0.5)
        self.interfaces = {device: interface for device, (interface, _) in nics.items()}
        self.addresses = {device: address for device, (_, address) in nics.items()}

    def bind(self):
        """scripts/host-check, hugepages and nic, with the refusal that matters most."""
        before = self.script("host-check", check=False)
        self.check("scripts/host-check fails before huge pages are reserved", before["code"] == 1 and
                   re.search(r"^fail +huge pages", before["out"], re.M), before["out"])
        self.script("hugepages", "set", HUGE_PAGES)
        interface, address = self.interfaces["wan"], self.addresses["wan"]
        kernel = self.drivers()[address]
        run = self.console.run
        run("ip", "link", "set", interface, "up")
        run("ip", "addr", "add", "192.0.2.1/24", "dev", interface)
        run("ip", "route", "add", "default", "via", "192.0.2.254")
        refused = self.script("nic", "bind", address, check=False)
        self.check("scripts/nic refuses the NIC of the default route", refused["code"] == 1 and "default route" in refused["err"] and
                   self.drivers()[address] == kernel, refused["err"])
        run("ip", "addr", "flush", "dev", interface)
        run("ip", "link", "set", interface, "down")
        self.script("nic", "bind", *self.addresses.values())
        now = self.drivers()
        self.check(f"scripts/nic bind: both NICs from {kernel} to vfio-pci",
                   all(now[a] == "vfio-pci" for a in self.addresses.values()), str(now))
        after = self.script("host-check", check=False)["out"]
        # The test needs less memory than the data plane takes by default.
        failures = [line for line in after.splitlines() if line.startswith("fail") and "huge pages" not in line]
        self.check("scripts/host-check: nothing but the default amount of huge pages is missing", not failures, after)
        return kernel

    def start_firewall(self):
        self.pids["dataplane"] = self.console.start("dataplane", "/mnt/portcullis-dataplane", "--config", "/tmp/dataplane.conf")
        self.wait_for("dataplane", "/run/portcullis/peer.sock")
        self.pids["control"] = self.console.start("control", "/mnt/portcullis-control", *CONTROL)
        self.wait_for("control", "/run/portcullis/control.sock")
        self.console.run("/mnt/portcullis", "push", "/mnt/topology.yaml")

    def runs(self, name):
        """In state other than zombie: the agent does not wait for what it started."""
        state = self.console.run("ps", "-o", "stat=", "-p", str(self.pids[name]), check=False)["out"].strip()
        return state != "" and not state.startswith("Z")

    def wait_for(self, name, socket):
        def ready():
            if not self.runs(name):
                raise LabError(f"{name} ended at its start:\n{self.console.log(name)[-3000:]}")
            return self.console.run("test", "-e", socket, check=False)["code"] == 0

        wait_until(ready, f"{name} to open {socket}", timeout=SLOW, interval=0.5)

    def rss(self):
        """{device: Rss}, of the devices that hash, as they say themselves."""
        out = {}
        for interface in self.console.json("interfaces")["interfaces"]:
            said = re.match(r"RSS by (source|destination), table of (\d+)", interface["steering"])
            if said:
                out[interface["device"]] = Rss(said[1], int(said[2]), len(interface["queue_rx"]))
        return out

    def check_accounts(self):
        accounts = Accounts()
        accounts.firewall = self.console
        wrong = settled(accounts.imbalances)
        self.check("the counters add up: every packet that came was sent, dropped for a reason, or consumed", not wrong, "\n".join(wrong))

    def stop_firewall(self):
        for name in ("control", "dataplane"):
            self.console.run("kill", str(self.pids[name]))
            wait_until(lambda name=name: not self.runs(name), f"{name} to end", timeout=SLOW, interval=0.5)

    def unbind(self, kernel):
        self.script("nic", "unbind", *self.addresses.values())
        now = self.drivers()
        self.check(f"scripts/nic unbind: both NICs back with {kernel}", all(now[a] == kernel for a in self.addresses.values()), str(now))
        self.script("hugepages", "restore")
        pages = self.console.run("cat", "/proc/sys/vm/nr_hugepages")["out"].strip()
        self.check("scripts/hugepages restore: none are reserved, as before", pages == "0", pages)


def settled(imbalances, rounds=10):
    """Counters are exact only while nothing is on its way: a probe or an ARP answer may be."""
    for _ in range(rounds):
        if not (wrong := imbalances()):
            break
    return wrong
