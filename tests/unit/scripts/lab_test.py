#!/usr/bin/python3
"""What the lab and the wire tests judge packets by: which checksums are wrong and which are only written otherwise."""
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


if __name__ == "__main__":
    unittest.main()
