"""perf/pktgen/bench.yaml: accepted, the sample's but for what it says is different, and open to what is sent.

    topology_test.py PORTCULLIS SOURCE-ROOT
"""
import configparser
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import yaml

PORTCULLIS, ROOT = sys.argv[1:3]
FOLDER = os.path.join(ROOT, "perf", "pktgen")
BENCH = os.path.join(FOLDER, "bench.yaml")
SAMPLE = os.path.join(ROOT, "rules", "samples", "lync-2013-single-director.yaml")


def load(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def addresses():
    """lib/addresses.lua, read by Lua itself."""
    script = (f'local a = dofile("{FOLDER}/lib/addresses.lua") '
              'print(a.outside.neighbour, a.inside.neighbour, a.vip, a.node, a.port, a.clients.first, a.latency_port, a.denied_port)')
    out = subprocess.run(["lua5.4", "-e", script], check=True, capture_output=True, text=True).stdout.split()
    names = ("gateway", "inside_neighbour", "vip", "node", "port", "first_client", "latency_port", "denied_port")
    values = dict(zip(names, out, strict=True))
    return values


class Topology(unittest.TestCase):
    def test_is_accepted_without_findings(self):
        result = subprocess.run([PORTCULLIS, "check", BENCH], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"findings +none")

    def test_is_the_sample_but_for_what_it_names(self):
        bench, sample = load(BENCH), load(SAMPLE)
        for name, interface in bench["interfaces"].items():
            interface = {k: v for k, v in interface.items() if k not in ("device", "vlan")}
            theirs = {k: v for k, v in sample["interfaces"][name].items() if k not in ("device", "vlan")}
            self.assertEqual(interface, theirs, name)
        self.assertEqual(bench["interfaces"].keys(), sample["interfaces"].keys())
        same = lambda topology: {k: v for k, v in topology.items() if k not in ("interfaces", "service-settings", "site-rules", "conformance")}
        self.assertEqual(same(bench), same(sample))

    def test_devices_are_those_of_dataplane_conf(self):
        config = configparser.ConfigParser()
        with open(os.path.join(FOLDER, "dataplane.conf"), encoding="utf-8") as file:
            config.read_string("[top]\n" + file.read())
        devices = {section.removeprefix("device.") for section in config.sections() if section.startswith("device.")}
        self.assertEqual(devices, {i["device"] for i in load(BENCH)["interfaces"].values()})

    def test_push_loop_can_add_its_rule(self):
        self.assertEqual(list(load(BENCH))[-1], "site-rules")
        with open(os.path.join(FOLDER, "push-loop"), encoding="utf-8") as file:
            rule = re.search(r"echo '(  - deny: .*)'", file.read()).group(1)
        with open(BENCH, encoding="utf-8") as file:
            text = file.read() + rule + "\n"
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            result = subprocess.run([PORTCULLIS, "check", file.name], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_what_pktgen_sends_gets_its_verdict(self):
        a = addresses()
        flows = [
            ("traffic", "internet", a["first_client"], a["vip"], a["port"], "allow"),
            ("latency in", "internet", a["gateway"], a["node"], a["latency_port"], "allow"),
            ("latency out", "edge-external", a["node"], a["gateway"], a["latency_port"], "allow"),
            ("flood", "internet", a["first_client"], a["vip"], a["denied_port"], "deny"),
        ]
        lines = [json.dumps({"id": name, "in": zone, "proto": "udp", "src": src, "sport": 50000, "dst": dst, "dport": int(port)})
                 for name, zone, src, dst, port, _ in flows]
        result = subprocess.run([PORTCULLIS, "trace", BENCH, "--batch", "-"], input="\n".join(lines) + "\n",
                                capture_output=True, text=True, check=True)
        answers = {answer["id"]: answer for answer in map(json.loads, result.stdout.splitlines())}
        for name, *_, expected in flows:
            self.assertEqual(answers[name]["verdict"], expected, answers[name])
        traffic = answers["traffic"]
        self.assertEqual(traffic["nat"], "dnat")
        self.assertEqual(traffic["translated"]["candidates"], [a["node"]])
        # The neighbours that Pktgen plays are the ones that the firewall will ask for.
        for neighbour, zone, src, dst in ((a["inside_neighbour"], "internet", a["gateway"], a["node"]),
                                          (a["gateway"], "edge-external", a["node"], a["gateway"])):
            result = subprocess.run([PORTCULLIS, "trace", BENCH, "--in", zone, "--proto", "udp", "--src", src, "--json",
                                     "--dst", f"{dst}:{a['latency_port']}"], capture_output=True, text=True, check=True)
            self.assertEqual(json.loads(result.stdout)["egress"]["next_hop"], neighbour)


unittest.main(argv=[sys.argv[0]])
