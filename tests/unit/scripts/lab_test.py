#!/usr/bin/python3
"""What the lab and the wire tests judge by: which checksums are wrong and which are only written otherwise; and what of
a flow is on the wires, held against the policy's answer."""
import logging
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../../../scripts"), os.path.join(HERE, "../../e2e")]
sys.dont_write_bytecode = True
logging.getLogger("scapy").setLevel(logging.ERROR)

# pylint: disable=wrong-import-position
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from frames import checksums_good
from lab import capture
from lab.flows import Flow, Outcome

ENDS = (IP(src="203.0.113.21", dst="203.0.113.1"), IPv6(src="2001:db8:0:113::21", dst="2001:db8:0:113::1"))


def frame(ip, l4, checksum=None):
    whole = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / l4
    whole = Ether(bytes(whole))
    if checksum is not None:
        whole[l4.__class__].chksum = checksum
    return whole


def syn_ack_of_checksum_zero(ip):
    """The window takes up what is missing."""
    missing = frame(ip, TCP(sport=443, dport=61186, flags="SA", window=0))[TCP].chksum
    return TCP(sport=443, dport=61186, flags="SA", window=missing)


class Checksums(unittest.TestCase):
    def judged(self, frames):
        """By tshark as the lab asks it, and by scapy as the wire tests do."""
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "one.pcap")
            wrpcap(path, frames)
            return [p.checksums_good for p in capture.read(path)], [checksums_good(f) for f in frames]

    def test_tcp(self):
        for ip in ENDS:
            plain, zero = TCP(sport=443, dport=20000, flags="SA"), syn_ack_of_checksum_zero(ip)
            self.assertEqual(frame(ip, zero)[TCP].chksum, 0)
            frames = [frame(ip, plain), frame(ip, zero), frame(ip, zero, 0xffff),
                      frame(ip, plain, 0xffff), frame(ip, plain, 0), frame(ip, zero, 1), frame(ip, zero, 0xfffe)]
            expected = [True] * 3 + [False] * 4
            self.assertEqual(self.judged(frames), (expected, expected))

    def test_udp(self):
        for ip in ENDS:
            datagram = UDP(sport=3478, dport=20000) / b"media"
            right = frame(ip, datagram)[UDP].chksum
            expected = [True, False]
            self.assertEqual(self.judged([frame(ip, datagram), frame(ip, datagram, right ^ 0x0100)]), (expected, expected))

    def test_ip_header(self):
        good = frame(ENDS[0], TCP(sport=443, dport=20000, flags="SA"))
        bad = good.copy()
        bad[IP].chksum ^= 1
        self.assertEqual(self.judged([good, bad]), ([True, False], [True, False]))


class WhatTheWiresSay(unittest.TestCase):
    """The judge of the main job: each way in which a flow can go wrong is a problem, and nothing else is."""
    CLIENT, VIP, NODE = "198.51.100.25", "203.0.113.10", "203.0.113.12"
    FULL = {"verdict": "allow", "nat": "full", "reason": "", "rule": "r",
            "translated": {"src": VIP, "sport": None, "dst": NODE, "dport": 443, "candidates": [NODE]}}
    NONE = {"verdict": "allow", "nat": "none", "reason": "", "rule": "r",
            "translated": {"src": CLIENT, "sport": 33310, "dst": VIP, "dport": 443, "candidates": []}}
    DENY = {"verdict": "deny", "nat": "none", "reason": "", "translated": None}

    @staticmethod
    def packet(src, sport, dst, dport, time=1.0, good=True, first=True, proto="tcp"):
        return capture.Packet(time, proto, src, sport, dst, dport, good, first, 0, 0, 0, 0)

    def problems(self, answer, wan, dmz, worked=True):
        flow = Flow("a flow", None, "internet", None, "tcp", self.CLIENT, self.VIP, 443, worked, "said", 0.5, 2.0)
        outcome = Outcome(flow, answer, {"wan": wan, "dmz": dmz}, "wan")
        self.assertTrue(all(isinstance(line, str) for line in outcome.lines()))
        self.assertEqual(next(outcome.lines()).startswith("FAIL"), bool(outcome.problems))
        return outcome.problems

    def one(self, text, *args, **kwargs):
        problems = self.problems(*args, **kwargs)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def setUp(self):
        self.sent = self.packet(self.CLIENT, 33310, self.VIP, 443)
        self.reply = self.packet(self.VIP, 443, self.CLIENT, 33310, 1.3, first=False)
        self.arrived = self.packet(self.VIP, 41713, self.NODE, 443, 1.1)
        self.answer = self.packet(self.NODE, 443, self.VIP, 41713, 1.2, first=False)

    def test_an_allowed_flow_that_arrives_translated(self):
        wan, dmz = [self.sent, self.reply], [self.arrived, self.answer]
        self.assertEqual(self.problems(self.FULL, wan, dmz), [])
        self.one("the client says: said", self.FULL, wan, dmz, worked=False)
        self.one("no reply on both sides", self.FULL, [self.sent], dmz)
        self.one("no reply on both sides", self.FULL, wan, [self.arrived])
        self.one("wrong checksum", self.FULL, wan,
                 dmz + [self.packet(self.NODE, 443, self.VIP, 41713, good=False, first=False)])

    def test_what_arrives_otherwise_has_not_arrived(self):
        wan = [self.sent, self.reply]
        wrong = [
            self.packet(self.CLIENT, 33310, self.NODE, 443, 1.1),  # its source is not ours
            self.packet(self.VIP, 41713, "203.0.113.13", 443, 1.1),  # no node of the service
            self.packet(self.VIP, 41713, self.NODE, 444, 1.1),
            self.packet(self.VIP, 41713, self.NODE, 443, 1.1, proto="udp"),
            self.packet(self.VIP, 41713, self.NODE, 443, 1.1, first=False),
            self.packet(self.VIP, 41713, self.NODE, 443, 0.9),  # before it was sent
            self.packet(self.VIP, 41713, self.NODE, 443, 2.5),  # after the flow
        ]
        for packet in wrong:
            self.one("nothing arrived", self.FULL, wan, [packet, self.answer])
        self.one("nothing arrived", self.FULL, wan, [])
        reserved = [self.packet(self.VIP, 1023, self.NODE, 443, 1.1),
                    self.packet(self.NODE, 443, self.VIP, 1023, 1.2, first=False)]
        self.one("reserved source port 1023", self.FULL, wan, reserved)

    def test_without_nat_the_source_port_stays(self):
        wan = [self.sent, self.reply]
        through = self.packet(self.CLIENT, 33310, self.VIP, 443, 1.1)
        self.assertEqual(self.problems(self.NONE, wan, [through]), [])
        self.one("nothing arrived", self.NONE, wan, [self.packet(self.CLIENT, 33311, self.VIP, 443, 1.1)])

    def test_of_a_denied_flow_nothing_comes_out(self):
        self.assertEqual(self.problems(self.DENY, [self.sent], [], worked=False), [])
        self.one("yet the client got an answer", self.DENY, [self.sent], [])
        for packet in (self.packet(self.CLIENT, 33310, self.VIP, 443), self.packet(self.CLIENT, 33310, self.NODE, 443),
                       self.packet(self.CLIENT, 40000, self.NODE, 443), self.packet(self.VIP, 33310, self.NODE, 443)):
            self.one("denied, and yet on dmz", self.DENY, [self.sent], [packet], worked=False)
        stranger = self.packet("198.51.100.26", 33311, self.NODE, 443)
        self.assertEqual(self.problems(self.DENY, [self.sent], [stranger], worked=False), [])

    def test_a_client_that_sent_nothing_proves_nothing(self):
        for answer in (self.FULL, self.DENY):
            self.one("the client sent nothing", answer, [], [], worked=False)
            self.one("the client sent nothing", answer, [self.packet(self.CLIENT, 33310, self.VIP, 444)], [], worked=False)


if __name__ == "__main__":
    unittest.main()
