#!/usr/bin/python3
"""`portcullis rules --nft` in the kernel: every sample's ruleset loads, and the kernel then says of a flow what
`portcullis trace` says, first packet and reply.

The kernel is the firewall of a namespace, set up by the commands in the ruleset's own header; a second
namespace holds the far ends of its wires. Flows are raw packets, each with a number of its own inside.
"""
import collections
import ipaddress
import json
import os
import random
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from case import ROOT, LabError, Network, take_down_when_ended

sys.path.insert(0, os.path.join(ROOT, "tests/verdicts"))
# pylint: disable=wrong-import-position
import oracle
from frames import PACKET_OUTGOING, SO_RCVBUFFORCE, ip
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

PORTCULLIS = os.path.join(os.environ["PORTCULLIS_BUILD"], "control/cli/portcullis")
SAMPLES = os.path.join(ROOT, "rules/samples")
COMMAND = "#$ "  # the host's part, in the header of a ruleset
MARK = b"flow"
CT_FLUSH = struct.pack("=IHHII", 20, 1 << 8 | 2, 0x5, 1, 0) + bytes(4)  # IPCTNL_MSG_CT_DELETE of everything


def portcullis(*argv, stdin=None):
    result = subprocess.run([PORTCULLIS, *argv], input=stdin, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise LabError(f"portcullis {' '.join(argv)}: {result.stderr}")
    return result.stdout


class Kernel(Network):
    """A namespace with the ruleset and the addresses of a sample, and one with the far ends."""

    def __init__(self, directory, sample):
        super().__init__(directory)
        self.sample = sample
        self.ruleset = portcullis("rules", sample, "--nft")
        with open(sample, encoding="utf-8") as file:
            interfaces = oracle.yaml.safe_load(file)["interfaces"].values()
        self.zones = {}
        for interface in interfaces:
            name = interface["device"] + (f".{interface['vlan']}" if interface.get("vlan") else "")
            self.zones.update(dict.fromkeys(interface["zones"], name))
        self.networks = [ipaddress.ip_interface(a).network for i in interfaces for a in i["addresses"]]
        self.wires = {}
        self.netlink = None

    def __enter__(self):
        super().__enter__()
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    def build(self):
        self.kernel, self.far = self.host("fw"), self.host("far")
        self.far.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        for n, name in enumerate(sorted(set(self.zones.values()))):
            # A veth pair may be called as a VLAN device would be; the ruleset knows names only.
            self.wire(self.kernel, name, self.far, f"far{n}")
            # No ARP and ND: whatever leaves needs no neighbour.
            self.kernel.ip("link", "set", name, "arp", "off")
            self.wires[name] = Far(self.far, f"far{n}")
        for line in self.ruleset.splitlines():
            if line.startswith(COMMAND):
                self.kernel.run(*shlex.split(line[len(COMMAND):]))
        self.load()
        links = json.loads(self.kernel.run("ip", "-j", "link").stdout)
        self.macs = {link["ifname"]: link["address"] for link in links if link["ifname"] in self.wires}
        self.netlink = self.kernel.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER

    def load(self, *options):
        self.kernel.run("nft", *options, "-f", "-", input=self.ruleset)

    def forget_connections(self):
        self.netlink.send(CT_FLUSH)
        answer = self.netlink.recv(4096)
        error = struct.unpack_from("=i", answer, 16)[0]
        if error:
            raise LabError(f"conntrack was not flushed: {os.strerror(-error)}")

    def send(self, wire, packet):
        self.wires[wire].send(Ether(dst=self.macs[wire], src="02:00:00:00:00:01") / packet)

    def heard(self):
        """(wire, number in the payload, packet) of all that came out since the last time."""
        time.sleep(0.1)
        return [(name, *found) for name, wire in self.wires.items() for found in wire.heard()]

    def close(self):
        for wire in self.wires.values():
            wire.socket.close()
        self.wires.clear()
        if self.netlink:
            self.netlink.close()
        super().close()


class Far:
    """The far end of a wire. Read when asked: what the kernel forwards is there once send() returns, or soon."""

    def __init__(self, host, device):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
        self.socket.bind((device, 3))
        self.socket.setblocking(False)

    def send(self, frame):
        self.socket.send(bytes(frame))

    def heard(self):
        while True:
            try:
                data, sender = self.socket.recvfrom(65536)
            except BlockingIOError:
                return
            at = data.rfind(MARK)
            if sender[2] != PACKET_OUTGOING and at >= 0:
                packet = Ether(data).payload
                # An ICMP error quotes a flow, and is none.
                if any(packet.haslayer(kind) for kind in (TCP, UDP, ICMPv6EchoRequest)) or (
                        packet.haslayer(ICMP) and packet[ICMP].type == 8):
                    yield int.from_bytes(data[at + len(MARK):at + len(MARK) + 4], "big"), packet


def layer4(packet):
    return next((packet[l] for l in (TCP, UDP) if packet.haslayer(l)), None)


def tuple_of(packet):
    top, ports = packet.getlayer(IP) or packet.getlayer(IPv6), layer4(packet)
    if ports is None:
        return str(top.src), str(top.dst)
    return f"{top.src} {ports.sport}", f"{top.dst} {ports.dport}"


def first_packet(flow, number):
    packet = ip(flow["src"], flow["dst"])
    if flow["proto"] == "tcp":
        packet /= TCP(sport=flow["sport"], dport=flow["dport"], flags="S", seq=1000)
    elif flow["proto"] == "udp":
        packet /= UDP(sport=flow["sport"], dport=flow["dport"])
    elif ":" in flow["src"]:
        packet /= ICMPv6EchoRequest(id=flow["sport"])
    else:
        packet /= ICMP(id=flow["sport"])
    return packet / Raw(MARK + number.to_bytes(4, "big"))


def reply(packet, number):
    top, ports = packet.getlayer(IP) or packet.getlayer(IPv6), layer4(packet)
    answer = ip(top.dst, top.src)
    if isinstance(ports, TCP):
        answer /= TCP(sport=ports.dport, dport=ports.sport, flags="SA", seq=5000, ack=1001)
    else:
        answer /= UDP(sport=ports.dport, dport=ports.sport)
    return answer / Raw(MARK + number.to_bytes(4, "big"))


class Flows:
    """Flows in and around each rule: inside it, and with one thing changed."""

    def __init__(self, kernel, rng):
        self.kernel, self.rng = kernel, rng
        self.world = oracle.World(kernel.sample)
        known, strangers = oracle.hosts(self.world)
        self.everyone = known + strangers
        # What the kernel's routing keeps for itself, whatever the ruleset says: broadcasts, and of IPv6
        # the routers' anycast address.
        self.special = {str(a) for n in kernel.networks for a in (n.network_address, n.broadcast_address)}

    def address(self, prefixes, zone, version):
        """One of the prefixes or, if there are none, of the zone."""
        if prefixes:
            network = ipaddress.ip_network(self.rng.choice(prefixes))
            return str(network[self.rng.randrange(network.num_addresses)])
        members = [a for a in self.everyone if self.world.zone(a) == zone and ipaddress.ip_address(a).version == version]
        return self.rng.choice(members) if members else None

    def port(self, ports):
        return self.rng.choice((ports["first"], ports["last"], self.rng.randint(ports["first"], ports["last"])))

    def inside(self, rule):
        version = 4 if rule["family"] == "ipv4" else 6
        flow = {"in": rule["from"], "proto": rule["transport"],
                "src": self.address(rule["sources"], rule["from"], version),
                "dst": self.address(rule["destinations"], rule["to"], version),
                "sport": self.port(rule["source_ports"]) or 1, "dport": self.port(rule["destination_ports"]) or 1}
        if rule["source_ports"] == {"first": 0, "last": 65535}:
            flow["sport"] = self.rng.randrange(1024, 65536)
        if flow["proto"] == "icmp":
            flow["dport"] = 0
        return flow

    def changed(self, flow):
        flow = dict(flow)
        field = self.rng.choice(("in", "proto", "src", "dst", "sport", "dport"))
        if field == "in":
            flow["in"] = self.rng.choice(sorted(self.kernel.zones))
        elif field == "proto":
            flow["proto"] = "udp" if flow["proto"] == "tcp" else "tcp"
        elif field in ("src", "dst"):
            flow[field] = self.rng.choice([a for a in self.everyone if (":" in a) == (":" in flow["src"])])
        elif flow["proto"] != "icmp":
            flow[field] = (flow[field] + self.rng.choice((-1, 1))) % 65535 or 1
        return flow

    def sample(self):
        """(flow, the policy's answer); no two share source and source port, so each is a connection of its
        own however it is translated."""
        rules = json.loads(portcullis("rules", self.kernel.sample, "--json"))["rules"]
        flows, taken, own = [], set(), set(own_addresses(self.kernel.ruleset))
        for rule in rules * 3:
            flow = self.inside(rule)
            if None in flow.values():
                continue
            for candidate in (flow, self.changed(flow), self.changed(flow)):
                key = candidate["proto"], candidate["src"], candidate["sport"]
                # Echo to us is answered, within a rate, whatever the rules say.
                if (key in taken or candidate["src"] == candidate["dst"] or {candidate["src"], candidate["dst"]} &
                        self.special or candidate["proto"] == "icmp" and candidate["dst"] in own):
                    continue
                taken.add(key)
                flows.append(candidate)
        answers = portcullis("trace", self.kernel.sample, "--batch", "-", stdin="\n".join(map(json.dumps, flows)))
        return list(zip(flows, map(json.loads, answers.splitlines())))


def own_addresses(ruleset):
    for line in ruleset.splitlines():
        words = line.split()
        if line.startswith(COMMAND + "ip address"):
            yield words[4].split("/")[0]


class Ruleset(unittest.TestCase):
    """One lab for each sample and test."""
    maxDiff = None

    def with_each_sample(self, check):
        for name in sorted(os.listdir(SAMPLES)):
            if not name.endswith(".yaml"):
                continue
            with self.subTest(sample=name):
                self.with_lab(os.path.join(SAMPLES, name), check)

    @staticmethod
    def with_lab(topology, check):
        directory = tempfile.mkdtemp(prefix="portcullis-nft-")
        try:
            with Kernel(directory, topology) as kernel:
                take_down_when_ended(kernel)
                check(kernel)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def test_loads_and_loads_again(self):
        def check(kernel):
            kernel.load("--check")
            kernel.load()
            listed = json.loads(kernel.kernel.run("nft", "-j", "list", "table", "inet", "portcullis").stdout)
            comments = {e["rule"].get("comment") for e in listed["nftables"] if "rule" in e}
            rules = json.loads(portcullis("rules", kernel.sample, "--json"))["rules"]
            self.assertEqual([r["id"] for r in rules if r["id"] not in comments], [])
        self.with_each_sample(check)

    def test_nodes_get_their_share_of_new_clients(self):
        """Weights 3 and 1, one packet of each of 1,000 clients."""
        with open(os.path.join(SAMPLES, "lync-2013-scaled-hlb.yaml"), encoding="utf-8") as file:
            text = file.read()
        weighted = re.sub(r"(edge1: \{)", r"\1weight: 3, ", text)
        self.assertNotEqual(weighted, text)

        def check(kernel):
            for n in range(1000):
                flow = {"src": f"198.51.{100 + n // 250}.{1 + n % 250}", "sport": 40000, "proto": "udp"}
                kernel.send("wan", first_packet({**flow, "dst": "203.0.113.30", "dport": 3478}, n))
            nodes = collections.Counter(packet.dst for _, _, packet in kernel.heard())
            self.assertEqual(sum(nodes.values()), 1000)
            self.assertEqual(set(nodes), {"203.0.113.31", "203.0.113.32"})
            self.assertAlmostEqual(nodes["203.0.113.31"], 750, delta=70)  # five standard deviations
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(weighted)
            file.flush()
            self.with_lab(file.name, check)

    def test_verdicts_and_translations_are_those_of_trace(self):
        self.with_each_sample(self.check_verdicts)

    def check_verdicts(self, kernel):
        seed = int(os.environ.get("PORTCULLIS_SEED", random.randrange(1 << 32)))
        print(f"{os.path.basename(kernel.sample)}: PORTCULLIS_SEED={seed}", file=sys.stderr)
        flows = Flows(kernel, random.Random(seed)).sample()
        for kind in ("allow", "deny"):
            self.assertGreater(sum(a["verdict"] == kind for _, a in flows), 60)
        for kind in ("dnat", "full"):
            self.assertGreater(sum(a["nat"] == kind for _, a in flows), 5)
        problems = []
        for begin in range(0, len(flows), 100):
            problems += self.check_round(kernel, flows[begin:begin + 100], begin)
            kernel.forget_connections()
        self.assertEqual(problems, [])

    def check_round(self, kernel, flows, begin):
        for n, (flow, _) in enumerate(flows, begin):
            kernel.send(kernel.zones[flow["in"]], first_packet(flow, n))
        arrived = {}
        for wire, number, packet in kernel.heard():
            arrived.setdefault(number, []).append((wire, packet))
        problems = []
        for n, (flow, answer) in enumerate(flows, begin):
            problem = self.first_problem(answer, [tuple_of(p) for _, p in arrived.get(n, [])])
            if problem:
                problems.append((flow, answer["verdict"], answer["rule"] or answer["reason"], problem))
        # Replies, of what came out and has ports.
        expected = {}
        for n, (flow, _) in enumerate(flows, begin):
            if len(arrived.get(n, [])) == 1 and flow["proto"] != "icmp":
                wire, packet = arrived[n][0]
                kernel.send(wire, reply(packet, n))
                expected[n] = (f"{flow['dst']} {flow['dport']}", f"{flow['src']} {flow['sport']}")
        replies = {number: tuple_of(packet) for _, number, packet in kernel.heard()}
        for n, wanted in expected.items():
            if replies.get(n) != wanted:
                problems.append((flows[n - begin][0], f"the reply should be {wanted}, is {replies.get(n)}"))
        return problems

    @staticmethod
    def first_problem(answer, seen):
        """What is wrong with the tuples that came out, or None."""
        if answer["verdict"] == "deny":
            return f"came out as {seen}" if seen else None
        if len(seen) != 1:
            return f"came out {len(seen)} times: {seen}"
        translated = answer["translated"]
        (source, *source_port), (destination, *port) = (end.split() for end in seen[0])
        wrong = []
        if source != translated["src"]:
            wrong.append(f"source {source}, not {translated['src']}")
        if destination not in (translated["candidates"] or [translated["dst"]]):
            wrong.append(f"destination {destination}, not {translated['candidates'] or translated['dst']}")
        if port and int(port[0]) != translated["dport"]:
            wrong.append(f"destination port {port[0]}")
        if source_port and translated["sport"] is None and int(source_port[0]) < 1024:
            wrong.append(f"translated to the reserved source port {source_port[0]}")
        if source_port and translated["sport"] is not None and int(source_port[0]) != translated["sport"]:
            wrong.append(f"source port {source_port[0]}, not {translated['sport']}")
        return "; ".join(wrong) or None


if __name__ == "__main__":
    unittest.main(verbosity=2)
