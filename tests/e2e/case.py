"""What the end-to-end tests share: a lab around a firewall, with the sample pushed.

Each test file is a program of its own (meson runs it as root) and builds its lab once for the class.
"""
import os
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from lab import clients, services
from lab.firewall import ROOT, Firewall
from lab.network import LabError, Network, wait_until
from lab.sites import INTERNET, Site

HLB = os.path.join(ROOT, "rules/samples/lync-2013-scaled-hlb.yaml")
ACCESS_VIP, WEB_VIP, AV_VIP, INTERNAL_VIP = "203.0.113.10", "203.0.113.20", "203.0.113.30", "10.20.0.10"
AV_NODES = {"203.0.113.31": "edge1", "203.0.113.32": "edge2"}
CLIENT = INTERNET["client"][0]


def take_down_when_ended(site):
    """Ended from outside (meson does so at its time limit), a test still takes its lab down. unittest
    takes an exception for a failed test and goes on; hence no exception here."""
    def ended(number, _frame):
        site.close()
        shutil.rmtree(site.directory, ignore_errors=True)
        os._exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ended)


class Accounting:
    """What any test asks of `self.firewall`."""

    def counter(self, name):
        return sum(c["value"] for c in self.firewall.json("counters")["counters"] if c["name"] == name)

    def closed(self, sock):
        """The socket, closed when the test ends."""
        self.addCleanup(sock.close)
        return sock

    def imbalances(self):
        """Where the counts do not add up (dataplane/counters.h), as sentences. Only idle they are exact."""
        threads = {}
        for c in self.firewall.json("counters")["counters"]:
            threads.setdefault(c["worker"], {})[c["name"]] = c["value"]
        inflow = ("rx", "originated", "handed-in", "from-main", "from-workers")
        outflow = ("tx", "consumed", "handed-out", "punted", "to-workers", "waiting")
        out = []
        for thread, c in threads.items():
            came = sum(c.get(n, 0) for n in inflow)
            went = sum(c.get(n, 0) for n in outflow) + sum(v for n, v in c.items() if n.startswith("drop."))
            if came != went:
                out.append(f"thread {thread}: {came} came, {went} went: {c}")
        total = lambda name: sum(c.get(name, 0) for c in threads.values())
        for given, taken in (("handed-out", "handed-in"), ("punted", "from-workers"), ("to-workers", "from-main")):
            if total(given) != total(taken):
                out.append(f"{given} {total(given)}, {taken} {total(taken)}")
        drops = sum(v for c in threads.values() for n, v in c.items() if n.startswith("drop."))
        came, went = total("rx") + total("originated"), total("tx") + drops + total("consumed") + total("waiting")
        if came != went:
            out.append(f"in total: {came} came, {went} went")
        self.assertGreater(total("rx"), 0)
        return out

    def assert_every_packet_is_accounted_for(self):
        """Probes and ARP never rest for long: a moment in which nothing is half way must be met soon."""
        deadline = time.monotonic() + 10
        while (wrong := self.imbalances()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(wrong, [])

    def running(self):
        return self.firewall.json("status")["dataplane"]["running"]


class FirewallCase(Accounting, unittest.TestCase):
    """One site, its services and a firewall for all tests of a class."""

    topology = HLB
    workers = 1
    with_services = True

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise SystemExit("end-to-end tests make network namespaces: run them as root")
        cls.directory = tempfile.mkdtemp(prefix="portcullis-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.site = Site(cls.directory, cls.topology)
        take_down_when_ended(cls.site)
        cls.enterClassContext(cls.site)
        if cls.with_services:
            services.start_all(cls.site)
        cls.firewall = Firewall(cls.site, workers=cls.workers)
        cls.start_firewall()

    @classmethod
    def start_firewall(cls):
        cls.firewall.start()
        cls.firewall.push(cls.topology)
        cls.wait_until_forwarding()

    @classmethod
    def wait_until_forwarding(cls):
        wait_until(lambda: clients.https(cls.site.internet, CLIENT, ACCESS_VIP, 443, clients.SILENCE)[0],
                   "the first connection through the firewall", timeout=20)

    def variant(self, name, change):
        """A copy of the topology file, its text changed by a function."""
        with open(self.topology, encoding="utf-8") as file:
            text = change(file.read())
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


def stun_request():
    """A binding request (RFC 5389) and its transaction id."""
    transaction = os.urandom(12)
    return struct.pack("!HHI", 1, 0, 0x2112A442) + transaction, transaction


def stun_answer(data):
    """The transaction id of a binding answer, success or error; None for anything else."""
    if len(data) < 20 or data[:2] not in (b"\x01\x01", b"\x01\x11"):
        return None
    return data[8:20]


def udp_socket(host, address, port=0, timeout=2.0):
    s = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.settimeout(timeout)
    return s


def tcp_socket(host, address, port=0, timeout=2.0):
    s = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    s.settimeout(timeout)
    return s
