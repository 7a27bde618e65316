"""Wires whose far ends are played by hand: raw frames in, raw frames out, nodes that answer for themselves.

    client frames ── w-wan ──┐
    nodes, tagged ── w-dmz ──┤ firewall
    servers       ── w-lan ──┘
"""
import logging
import os
import shutil
import socket
import struct
import tempfile
import threading
import time
import unittest

import yaml

from case import Accounting, Firewall, Network, take_down_when_ended

logging.getLogger("scapy").setLevel(logging.ERROR)
# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

SO_RCVBUFFORCE = 33
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
TP_STATUS_VLAN_VALID = 0x10
STUN_COOKIE = b"\x21\x12\xa4\x42"


def ip_of(frame):
    return frame.getlayer(IP) or frame.getlayer(IPv6)


def ip(source, destination, **fields):
    """An IP header of the addresses' family; ttl means the hop limit too."""
    if ":" in source:
        if "ttl" in fields:
            fields["hlim"] = fields.pop("ttl")
        return IPv6(src=source, dst=destination, **fields)
    return IP(src=source, dst=destination, **fields)


def checksums_good(frame):
    """Recomputed by scapy and compared: IPv4 header, TCP, UDP and ICMP."""
    packet = ip_of(frame)
    again = packet.__class__(bytes(packet))
    for layer in again.layers():
        for field in ("chksum", "cksum"):
            if field in again[layer].fields:
                again[layer].delfieldval(field)  # not from fields: the layer would answer with the bytes it was read from
        if layer in (TCP, UDP, ICMP) or layer.__name__.startswith("ICMPv6"):
            break  # what an ICMP error quotes may be cut short
    again = packet.__class__(bytes(again))
    if TCP in packet and packet[TCP].chksum == 0xffff and again[TCP].chksum == 0:
        again[TCP].chksum = 0xffff  # the same in one's complement, and what Linux writes
    return bytes(again) == bytes(packet)


class Wire:
    """The far end of one device: sends frames, keeps what it hears, lets a responder answer."""

    def __init__(self, host, device, mac):
        self.device, self.mac = device, mac
        self.socket = self.open(host)
        self.socket.settimeout(0.1)
        self.lock = threading.Lock()
        self.heard = []  # (monotonic, scapy frame)
        self.responders = []
        self.ended = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def open(self, host):
        opened = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        opened.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        opened.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)  # or bursts are lost here
        opened.bind((self.device, 3))
        return opened

    def receive(self):
        """The next frame that came in, None for one of our own."""
        data, extra, _, sender = self.socket.recvmsg(65536, 256)
        if sender[2] == PACKET_OUTGOING:
            return None
        # The kernel takes the tag off; it comes beside the frame.
        for level, kind, value in extra:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", value[:20])
                if status & TP_STATUS_VLAN_VALID:
                    data = data[:12] + struct.pack("!HH", 0x8100, tci) + data[12:]
        return data

    def listen(self):
        while not self.ended:
            try:
                data = self.receive()
            except socket.timeout:
                continue
            except OSError:
                return
            if data is None:
                continue
            frame = Ether(data)
            with self.lock:
                self.heard.append(frame)
            for responder in self.responders:
                answer = responder(frame)
                if answer is not None:
                    self.send(answer)

    def send(self, frame):
        self.socket.send(bytes(frame))

    def forget(self):
        with self.lock:
            self.heard.clear()

    def frames(self, matches):
        with self.lock:
            return [f for f in self.heard if matches(f)]

    def wait(self, matches, timeout=10.0):
        """The first frame that matches, or None. Looks at each frame once: on a busy machine the listener
        needs the interpreter more than we do."""
        deadline = time.monotonic() + timeout
        seen = 0
        while True:
            with self.lock:
                fresh = self.heard[seen:]
            seen += len(fresh)
            found = next((f for f in fresh if matches(f)), None)
            if found is not None or time.monotonic() > deadline:
                return found
            time.sleep(0.01)

    def close(self):
        self.ended = True
        self.thread.join(2)
        self.socket.close()


def answer_to(frame, mac):
    """The Ethernet header, tag included, of an answer."""
    head = Ether(src=mac, dst=frame.src)
    return head / Dot1Q(vlan=frame[Dot1Q].vlan) if Dot1Q in frame else head


def neighbours(mac, held):
    """Answers ARP and ND: held is {vlan: addresses}; vlan None is untagged."""
    def respond(frame):
        mine = held.get(frame[Dot1Q].vlan if Dot1Q in frame else None, ())
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst in mine and frame[ARP].psrc != frame[ARP].pdst:
            return answer_to(frame, mac) / ARP(op=2, hwsrc=mac, psrc=frame[ARP].pdst, hwdst=frame.src, pdst=frame[ARP].psrc)
        if ICMPv6ND_NS in frame and frame[ICMPv6ND_NS].tgt in mine and frame[IPv6].src != "::":
            return (answer_to(frame, mac) / IPv6(src=frame[ICMPv6ND_NS].tgt, dst=frame[IPv6].src, hlim=255) /
                    ICMPv6ND_NA(tgt=frame[ICMPv6ND_NS].tgt, R=0, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=mac))
        return None
    return respond


def servers(mac, addresses):
    """Nodes: a SYN gets a SYN-ACK, a STUN binding request its answer, segments with data an echo of them."""
    def respond(frame):
        packet = ip_of(frame)
        if packet is None or packet.dst not in addresses:
            return None
        back = answer_to(frame, mac) / ip(packet.dst, packet.src, ttl=64)
        if TCP in frame and isinstance(packet.payload, TCP):
            tcp = frame[TCP]
            if tcp.flags == "S":
                return back / TCP(sport=tcp.dport, dport=tcp.sport, flags="SA", seq=1000, ack=tcp.seq + 1, window=65535)
        elif UDP in frame and isinstance(packet.payload, UDP) and frame[UDP].dport == 3478:
            data = bytes(frame[UDP].payload)
            if data[:2] == b"\x00\x01":
                return (back / UDP(sport=3478, dport=frame[UDP].sport) /
                        Raw(b"\x01\x01\x00\x00" + data[4:20]))
        return None
    return respond


class HandSite(Network):
    """A firewall's devices, their far ends in one namespace without addresses."""

    def __init__(self, directory, topology):
        super().__init__(directory)
        self.topology = topology

    def __enter__(self):
        super().__enter__()
        try:
            self.firewall, self.far = self.host("fw"), self.host("wires")
            for host in (self.firewall, self.far):
                host.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
            self.wires = {}
            for number, device in enumerate(sorted({i["device"] for i in self.topology["interfaces"].values()})):
                self.wire(self.firewall, f"pc-{device}", self.far, f"w-{device}")
                self.wires[device] = Wire(self.far, f"w-{device}", f"02:00:00:00:aa:{number:02x}")
        except BaseException:
            self.close()
            raise
        return self

    def close(self):
        for wire in getattr(self, "wires", {}).values():
            wire.close()
        self.wires = {}
        super().close()


class WireCase(Accounting, unittest.TestCase):
    """A firewall between wires; `topology` is text, `vdev` a pattern of number and kernel interface."""

    topology = ""
    vdev = None
    workers = 1

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise SystemExit("end-to-end tests make network namespaces: run them as root")
        cls.directory = tempfile.mkdtemp(prefix="portcullis-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.topology_file = os.path.join(cls.directory, "topology.yaml")
        with open(cls.topology_file, "w", encoding="utf-8") as file:
            file.write(cls.topology)
        cls.site = HandSite(cls.directory, yaml.safe_load(cls.topology))
        take_down_when_ended(cls.site)
        cls.enterClassContext(cls.site)
        cls.firewall = Firewall(cls.site, workers=cls.workers)
        if cls.vdev:
            cls.firewall.write_config(vdev=cls.vdev)
        cls.prepare()
        cls.firewall.start()
        cls.firewall.push(cls.topology_file)
        cls.find_firewall()

    @classmethod
    def tearDownClass(cls):
        # Before the site is taken down: a data plane that died under what it was sent is a failure.
        if not cls.firewall.dataplane.alive():
            raise AssertionError("the data plane has ended:\n" + cls.firewall.dataplane.output()[-2000:])

    @classmethod
    def prepare(cls):
        """Responders, before anything starts."""

    @classmethod
    def find_firewall(cls):
        """Learns the devices' MAC addresses by ARP, and waits for all of them to hear."""
        cls.macs = {}
        for interface in cls.site.topology["interfaces"].values():
            device, vlan = interface["device"], interface.get("vlan")
            own = interface["addresses"][0].split("/")[0]
            wire = cls.site.wires[device]
            asked = cls.tagged(Ether(src=wire.mac, dst="ff:ff:ff:ff:ff:ff"), vlan) / ARP(
                hwsrc=wire.mac, psrc="0.0.0.0", pdst=own)
            for _ in range(20):
                wire.send(asked)
                found = wire.wait(lambda f, a=own: ARP in f and f[ARP].op == 2 and f[ARP].psrc == a, timeout=0.5)
                if found:
                    break
            assert found, f"no ARP answer for {own} on {device}"
            cls.macs[device] = found[ARP].hwsrc

    @staticmethod
    def tagged(head, vlan):
        return head if vlan is None else head / Dot1Q(vlan=vlan)

    def setUp(self):
        for wire in self.site.wires.values():
            wire.forget()

    def wire(self, device):
        return self.site.wires[device]

    def send(self, device, packet, vlan=None):
        """An IP packet, from the far end of a device; returned as sent (checksums filled in)."""
        built = packet.__class__(bytes(packet))
        wire = self.wire(device)
        wire.send(self.tagged(Ether(src=wire.mac, dst=self.macs[device]), vlan) / built)
        return built

    def expect(self, device, matches, what, vlan=None):
        """The IP packet of the first frame that matches, tagged as said, its checksums right."""
        frame = self.wire(device).wait(lambda f: ip_of(f) is not None and matches(ip_of(f)))
        self.assertIsNotNone(frame, f"{what}: nothing on {device}; there was: "
                             f"{[f.summary() for f in self.wire(device).frames(lambda f: True)][-8:]}")
        self.assertEqual(frame[Dot1Q].vlan if Dot1Q in frame else None, vlan, what)
        self.assertTrue(checksums_good(frame), f"{what}: wrong checksum in {frame.summary()}")
        return ip_of(frame)

    def assert_counts(self, reason, act, times=1):
        """What `act` does counts exactly so many drops of one reason, and no others."""
        before = self.drops()
        act()
        deadline = time.monotonic() + 3
        while (now := self.drops()).get(reason, 0) < before.get(reason, 0) + times and time.monotonic() < deadline:
            time.sleep(0.02)
        # After the last: were there more than that?
        time.sleep(0.05)
        now = self.drops()
        grown = {name: now[name] - before.get(name, 0) for name in now if now[name] != before.get(name, 0)}
        self.assertEqual(grown, {reason: times})

    def drops(self):
        out = {}
        for c in self.firewall.json("counters")["counters"]:
            if c["name"].startswith("drop."):
                name = c["name"].removeprefix("drop.")
                out[name] = out.get(name, 0) + c["value"]
        return out
