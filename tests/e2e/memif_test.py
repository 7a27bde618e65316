#!/usr/bin/python3
"""Traffic through the data plane over memif, by perf/traffic: sessions open in both directions, packets come
back translated as the policy says, none is lost at a low rate, and the counters add up. No speed is asserted.

Each run has a data plane of its own, which ends before the generator does: DPDK 22.11's memif driver unmaps
what a worker may be polling when its peer leaves."""
import json
import os
import shutil
import sys
import tempfile
import unittest

import yaml

from case import HLB, ROOT, Accounting, Firewall, Network, take_down_when_ended, wait_until

sys.path.insert(0, os.path.join(ROOT, "perf"))
# pylint: disable=wrong-import-position
from harness.two_processes import memif, two_devices

FLOWS = 300
RATE = 4000  # half of it in a direction: the rings hold half a second of that


class TwoPorts(Network):
    """No wires: both devices are memif sockets in the directory. The namespace is empty."""

    def __init__(self, directory, topology):
        super().__init__(directory)
        self.topology = yaml.safe_load(topology)

    def __enter__(self):
        super().__enter__()
        self.firewall = self.host("fw")
        return self


class Memif(Accounting, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise SystemExit("end-to-end tests make network namespaces: run them as root")
        cls.directory = tempfile.mkdtemp(prefix="portcullis-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        with open(HLB, encoding="utf-8") as file:
            topology = two_devices(file.read())
        path = os.path.join(cls.directory, "topology.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(topology)
        cls.site = TwoPorts(cls.directory, topology)
        take_down_when_ended(cls.site)
        cls.enterClassContext(cls.site)
        cls.firewall = Firewall(cls.site)
        cls.firewall.write_config(vdev=memif("{number}", "server", cls.socket("{interface}")))
        cls.firewall.start()
        cls.firewall.push(path)  # and stays, for the starts to come
        cls.stop_firewall()

    @classmethod
    def stop_firewall(cls):
        cls.firewall.control.stop()
        cls.firewall.dataplane.stop()

    @classmethod
    def socket(cls, interface):
        return os.path.join(cls.directory, f"{interface}.sock")

    def run_traffic(self, scenario, *arguments):
        """A data plane and a run of the generator; its JSON lines. Both go on until the test ends."""
        self.firewall.start()
        self.addCleanup(self.stop_firewall)
        generator = self.site.firewall.start(
            f"traffic-{self._testMethodName}", os.path.join(self.firewall.build, "perf/traffic/traffic"),
            "--core", min(os.sched_getaffinity(0)), "--huge", "off", "--flows", FLOWS, "--check-every", 1,
            "--scenario", os.path.join(ROOT, f"perf/traffic/scenarios/{scenario}.conf"),
            "--client-port", memif(0, "client", self.socket("pc-wan")),
            "--node-port", memif(1, "client", self.socket("pc-dmz")),
            "--rate", RATE, "--warm-up", 0, "--seconds", 0.7, "--linger", "on", *arguments)
        # Cleanups run last in, first out: the data plane ends before its peer.
        self.addCleanup(generator.stop)
        self.addCleanup(self.firewall.dataplane.stop)
        wait_until(lambda: '"sessions"' in generator.output() or not generator.alive(), "the generator to finish", timeout=60)
        self.assertTrue(generator.alive(), generator.output())
        # Beside its JSON there is what the memif driver says.
        *trials, sessions = (json.loads(line) for line in generator.output().splitlines() if line.startswith("{"))
        self.assertEqual((sessions["measure"], sessions["flows"], sessions["dead"]), ("sessions", FLOWS, 0))
        return trials

    def check(self, scenario, sizes, *arguments):
        """What holds for every run; returns the sums of its trials' counts."""
        trials = self.run_traffic(scenario, "--sizes", sizes, *arguments)
        self.assertEqual([t["size"] for t in trials], sizes.split(","))
        for trial in trials:
            self.assertGreater(trial["established"], 0)
            self.assertEqual({k: trial[k] for k in ("lost", "unsent", "doubled")}, {"lost": 0, "unsent": 0, "doubled": 0}, trial)
            self.assertEqual(trial["checked"], trial["established"] + trial.get("fresh_sent", 0))
            self.assertGreater(trial["latency_us"]["p50"], 0)
        total = {key: sum(t.get(key, 0) for t in trials) for key in ("established", "fresh_sent", "denied_sent")}
        self.assertEqual(self.counter("sessions-started"), FLOWS + total["fresh_sent"])
        # Two packets of each flow opened it, two more asked after it.
        self.assertGreaterEqual(self.counter("tx"), total["established"] + total["fresh_sent"] + 4 * FLOWS)
        self.assertEqual(self.counter("drop.no-rule"), total["denied_sent"])
        self.assert_every_packet_is_accounted_for()
        return total

    def test_full_nat(self):
        self.check("access", "64,1500")

    def test_full_nat_ipv6(self):
        self.check("access6", "84")

    def test_dnat(self):
        self.check("av", "imix")

    def test_new_sessions_and_denied_packets(self):
        total = self.check("av6", "72", "--direction", "out", "--fresh", 10, "--denied", 20)
        self.assertGreater(total["fresh_sent"], 0)
        self.assertGreater(total["denied_sent"], 0)

    def test_what_comes_back_wrong_is_an_error(self):
        """The generator's own verdict: it must not take what this policy makes for another's."""
        with self.assertRaisesRegex(AssertionError, "packets came back wrong"):
            self.run_traffic("av", "--nat", "full")


if __name__ == "__main__":
    unittest.main()
