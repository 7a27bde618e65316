#!/usr/bin/python3
"""Frames that no client sends: tags, wrong checksums, options, fragments, errors about translated sessions,
lies about who sends, garbage; over af_packet devices, pcap ones and af_xdp ones."""
import os
import random
import unittest

from case import ROOT
from frames import (ARP, ICMP, IP, TCP, UDP, Dot1Q, Ether, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6, Raw, STUN_COOKIE, WireCase, ip,
                    ip_of, neighbours, servers)
from scapy.layers.inet import IPOption_NOP, fragment
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrRouting)

CLIENT, CLIENT6 = "198.51.100.25", "2001:db8:0:51::25"
ACCESS, ACCESS6 = "131.107.155.110", "2001:db8:0:155::110"
AV, AV6 = "131.107.155.130", "2001:db8:0:155::130"
ACCESS_NODES = ["131.107.155.10", "131.107.155.11"]
ACCESS_NODES6 = ["2001:db8:0:155::10", "2001:db8:0:155::11"]
AV_NODES = ["131.107.155.30", "131.107.155.31"]
AV_NODES6 = ["2001:db8:0:155::30", "2001:db8:0:155::31"]
OURS, OURS6 = "192.0.2.1", "2001:db8:0:2::1"
EXTERNAL = [f"131.107.155.{n}" for n in (10, 11, 20, 21, 30, 31)] + [f"2001:db8:0:155::{n}" for n in (10, 11, 20, 21, 30, 31)]
INTERNAL = ["172.25.33.10", "172.25.33.11", "172.25.33.40", "fd00:33::10", "fd00:33::11"]
INSIDE = ["192.168.10.90", "192.168.10.91", "192.168.10.190", "192.168.10.254", "fd00:10::90", "fd00:10::91"]
EGRESS_MTU = 1400
FAMILIES = [(CLIENT, ACCESS, ACCESS_NODES), (CLIENT6, ACCESS6, ACCESS_NODES6)]
AV_FAMILIES = [(CLIENT, AV, AV_NODES), (CLIENT6, AV6, AV_NODES6)]


def sample():
    with open(os.path.join(ROOT, "rules/samples/lync-2010-reference.yaml"), encoding="utf-8") as file:
        text = file.read()
    changed = text.replace("dmz-x: {device: dmz, vlan: 10,", f"dmz-x: {{device: dmz, vlan: 10, mtu: {EGRESS_MTU},")
    assert changed != text
    return changed


def stun(transaction):
    return Raw(b"\x00\x01\x00\x00" + STUN_COOKIE + transaction)


def l4(packet):
    return packet.payload


class WireTests:
    """All tests; the classes below say over which devices."""

    topology = sample()

    @classmethod
    def prepare(cls):
        cls.ports = iter(range(30000, 45000))
        wan, dmz, lan = (cls.site.wires[d] for d in ("wan", "dmz", "lan"))
        wan.responders.append(neighbours(wan.mac, {None: ["192.0.2.254", "2001:db8:0:2::fe"]}))
        dmz.responders.append(neighbours(dmz.mac, {10: EXTERNAL, 20: INTERNAL, 30: ["10.45.16.40"]}))
        dmz.responders.append(servers(dmz.mac, set(EXTERNAL + INTERNAL)))
        lan.responders.append(neighbours(lan.mac, {None: INSIDE}))

    def open(self, client, vip, nodes, dport=443, sport=None):
        """A connection through a VIP: its SYN as sent, its SYN as the node saw it, the SYN-ACK as it came back.
        Told from all others by its sequence number, which no NAT changes."""
        sport, sequence = sport or next(self.ports), random.getrandbits(31)
        sent = self.send("wan", ip(client, vip) / TCP(sport=sport, dport=dport, flags="S", seq=sequence))
        arrived = self.expect("dmz", lambda p: p.dst in nodes and isinstance(l4(p), TCP) and l4(p).flags == "S" and
                              l4(p).seq == sequence and p.src in (vip, client), "SYN at a node", vlan=10)
        back = self.expect("wan", lambda p: p.dst == client and isinstance(l4(p), TCP) and l4(p).dport == sport, "SYN-ACK")
        self.assertEqual((back.src, l4(back).sport, l4(back).flags, l4(back).ack), (vip, dport, "SA", sequence + 1))
        return sent, arrived, back

    def exchange(self, client=CLIENT, vip=AV, sport=40000):
        """One STUN exchange through the A/V VIP. Sent again as clients do (RFC 5389 7.2.1): the ring of a
        pcap device holds some 30 frames, and what a burst pushes out of it no firewall ever sees."""
        transaction = random.randbytes(12)
        answers = lambda p: p.dst == client and transaction in p.original
        for _ in range(6):
            self.send("wan", ip(client, vip) / UDP(sport=sport, dport=3478) / stun(transaction))
            if self.wire("wan").wait(lambda f: ip_of(f) is not None and answers(ip_of(f)), timeout=1.0):
                break
        back = self.expect("wan", answers, "STUN answer")
        self.assertEqual((back.src, l4(back).sport, l4(back).dport), (vip, 3478, sport))

    # Tags

    def test_a_connection_crosses_the_trunk_with_full_nat(self):
        for client, vip, nodes in FAMILIES:
            sent, arrived, _ = self.open(client, vip, nodes)
            self.assertEqual(arrived.src, vip)
            self.assertEqual(l4(arrived).dport, 443)
            self.assertGreaterEqual(l4(arrived).sport, 1024)
            self.assertEqual(l4(arrived).seq, l4(sent).seq)

    def test_own_addresses_answer_on_their_own_vlan_only(self):
        dmz = self.wire("dmz")

        def ask(vlan, target, sender):
            dmz.forget()
            dmz.send(self.tagged(Ether(src=dmz.mac, dst="ff:ff:ff:ff:ff:ff"), vlan) /
                     ARP(hwsrc=dmz.mac, psrc=sender, pdst=target))
            return dmz.wait(lambda f: ARP in f and f[ARP].op == 2 and f[ARP].psrc == target, timeout=0.5)

        answer = ask(10, ACCESS, "131.107.155.10")
        self.assertIsNotNone(answer)
        self.assertEqual((answer[Dot1Q].vlan, answer[ARP].hwsrc), (10, self.macs["dmz"]))
        self.assertIsNotNone(ask(20, "172.25.33.110", "172.25.33.10"))
        for vlan, target, sender in ((20, ACCESS, "172.25.33.10"), (30, ACCESS, "10.45.16.40"),
                                     (10, "172.25.33.110", "131.107.155.10"), (None, ACCESS, "131.107.155.10"),
                                     (10, "131.107.155.10", "131.107.155.11")):
            self.assertIsNone(ask(vlan, target, sender), (vlan, target))

    def test_frames_of_no_interface_are_dropped(self):
        syn = IP(src="131.107.155.10", dst=CLIENT) / TCP(dport=80, flags="S", sport=next(self.ports))
        for vlan in (40, None, 4095):
            self.assert_counts("unknown-interface", lambda v=vlan: self.send("dmz", syn, v))
        double = Ether(src=self.wire("dmz").mac, dst=self.macs["dmz"]) / Dot1Q(vlan=10) / Dot1Q(vlan=10) / syn
        self.assert_counts("bad-ethernet", lambda: self.wire("dmz").send(double))
        self.assert_counts("not-for-us", lambda: self.wire("wan").send(
            Ether(src=self.wire("wan").mac, dst="02:00:00:00:bb:bb") / syn))

    # Headers

    def test_bad_headers_are_dropped_with_their_reason(self):
        # One of each, otherwise allowed, so that nothing but the header can be the reason.
        syn = lambda: TCP(sport=next(self.ports), dport=443, flags="S")
        for reason, packet in (
                ("bad-ip-checksum", IP(src=CLIENT, dst=ACCESS, chksum=0x1234) / syn()),
                ("ip-options", IP(src=CLIENT, dst=ACCESS, options=[IPOption_NOP()] * 4) / syn()),
                ("bad-ip-header", IP(src=CLIENT, dst=ACCESS, len=1000) / syn()),
                ("bad-ip-header", IP(src=CLIENT, dst=ACCESS, len=19) / syn()),
                ("bad-l4-header", IP(src=CLIENT, dst=ACCESS) / TCP(sport=next(self.ports), dport=443, flags="S", dataofs=15)),
                ("bad-l4-header", IP(src=CLIENT, dst=AV) / UDP(sport=next(self.ports), dport=3478, len=2000) / stun(b"0" * 12)),
                ("bad-l4-header", IPv6(src=CLIENT6, dst=AV6) / UDP(sport=next(self.ports), dport=3478, chksum=0) / stun(b"0" * 12)),
                ("bad-tcp-flags", IP(src=CLIENT, dst=ACCESS) / TCP(sport=next(self.ports), dport=443, flags="SF")),
                ("bad-tcp-flags", IP(src=CLIENT, dst=ACCESS) / TCP(sport=next(self.ports), dport=443, flags="")),
                ("unknown-protocol", IP(src=CLIENT, dst=ACCESS, proto=47) / Raw(b"0" * 20)),
                ("land", IP(src=ACCESS, dst=ACCESS) / syn()),
                ("bad-extension", IPv6(src=CLIENT6, dst=ACCESS6) / IPv6ExtHdrRouting(addresses=[ACCESS6]) / syn()),
                ("icmp-not-passed", IP(src=CLIENT, dst=ACCESS) / ICMP(type=5, code=1) / Raw(b"0" * 28)),
                ("icmp-not-passed", IP(src=CLIENT, dst=ACCESS) / ICMP(type=13)),
        ):
            with self.subTest(reason=reason, packet=packet.summary()):
                self.assert_counts(reason, lambda p=packet: self.send("wan", p))

    def test_padding_extensions_pass(self):
        sport = next(self.ports)
        self.send("wan", IPv6(src=CLIENT6, dst=ACCESS6) / IPv6ExtHdrDestOpt() / TCP(sport=sport, dport=443, flags="S"))
        arrived = self.expect("dmz", lambda p: p.dst in ACCESS_NODES6 and IPv6ExtHdrDestOpt in p and TCP in p,
                              "SYN behind an extension header", vlan=10)
        self.assertEqual((arrived.src, arrived[TCP].dport), (ACCESS6, 443))

    def test_a_wrong_transport_checksum_is_still_wrong_behind_the_nat(self):
        """Checksums are changed by what the addresses changed: an error on the way in is not made good."""
        transaction, sport = random.randbytes(12), next(self.ports)
        right = IP(src=CLIENT, dst=AV) / UDP(sport=sport, dport=3478) / stun(transaction)
        good = IP(bytes(right))[UDP].chksum
        right[UDP].chksum = good ^ 0x0100
        self.send("wan", right)
        frame = self.wire("dmz").wait(lambda f: transaction in f.original)
        self.assertIsNotNone(frame)
        arrived = ip_of(frame)
        self.assertIn(arrived.dst, AV_NODES)
        seen = l4(arrived).chksum
        del arrived[UDP].chksum
        self.assertNotEqual(IP(bytes(arrived))[UDP].chksum, seen)

    # Sizes and lives

    def test_the_last_hop_is_reported(self):
        for client, vip, _ in FAMILIES:
            sport = next(self.ports)
            sent = ip(client, vip, ttl=1) / TCP(sport=sport, dport=443, flags="S")
            self.assert_counts("ttl-expired", lambda p=sent: self.send("wan", p))
            sent = sent.__class__(bytes(sent))
            error = self.expect("wan", lambda p, c=client: p.dst == c and (ICMP in p or ICMPv6TimeExceeded in p), "time exceeded")
            self.assertEqual(error.src, OURS if client == CLIENT else OURS6)
            layer = error[ICMP] if client == CLIENT else error[ICMPv6TimeExceeded]
            self.assertEqual((layer.type, layer.code), (11, 0) if client == CLIENT else (3, 0))
            # Quoted as its sender emitted it.
            self.assertEqual(bytes(layer)[8:][:28], bytes(sent)[:28])

    def test_what_does_not_fit_is_reported_with_the_mtu(self):
        for client, vip, _ in AV_FAMILIES:
            sport = next(self.ports)
            head = 28 if client == CLIENT else 48
            fields = {"flags": "DF"} if client == CLIENT else {}

            def send(size, c=client, v=vip, s=sport, f=fields, h=head):
                self.send("wan", ip(c, v, **f) / UDP(sport=s, dport=3478) / Raw(b"\x00" * (size - h)))

            self.wire("dmz").forget()
            send(EGRESS_MTU)
            arrived = self.expect("dmz", lambda p, s=sport: UDP in p and p[UDP].sport == s, "what just fits", vlan=10)
            self.assertEqual(len(bytes(arrived)), EGRESS_MTU)
            self.assert_counts("too-big", lambda: send(EGRESS_MTU + 1))
            if client == CLIENT:
                error = self.expect("wan", lambda p: ICMP in p and p.dst == CLIENT, "fragmentation needed")
                self.assertEqual((error.src, error[ICMP].type, error[ICMP].code, error[ICMP].nexthopmtu),
                                 (OURS, 3, 4, EGRESS_MTU))
            else:
                error = self.expect("wan", lambda p: ICMPv6PacketTooBig in p and p.dst == CLIENT6, "packet too big")
                self.assertEqual((error.src, error[ICMPv6PacketTooBig].mtu), (OURS6, EGRESS_MTU))

    # ICMP errors about translated sessions

    def error(self, source, destination, kind, quoted):
        if ":" in source:
            layer = {"unreachable": ICMPv6DestUnreach(code=4), "too-big": ICMPv6PacketTooBig(mtu=1300)}[kind]
        else:
            layer = {"unreachable": ICMP(type=3, code=3), "too-big": ICMP(type=3, code=4, nexthopmtu=1300)}[kind]
        return ip(source, destination) / layer / Raw(bytes(quoted))

    def aged(self, packet):
        """A packet as the next router quotes it."""
        aged = packet.copy()
        if isinstance(aged, IP):
            aged.ttl -= 1
            del aged.chksum
        else:
            aged.hlim -= 1
        return bytes(aged.__class__(bytes(aged)))

    def quoted(self, packet):
        """What an ICMP error quotes, as bytes."""
        return bytes(packet.payload)[8:]

    def is_error(self, packet, destination):
        return packet.dst == destination and (
            ICMPv6DestUnreach in packet or ICMPv6PacketTooBig in packet or ICMP in packet and packet[ICMP].type == 3)

    def test_an_error_about_a_translated_session_is_translated_inside_and_out(self):
        for client, vip, nodes in FAMILIES:
            for kind in ("unreachable", "too-big"):
                with self.subTest(client=client, kind=kind):
                    self.setUp()
                    sent, arrived, back = self.open(client, vip, nodes)
                    node = arrived.dst
                    # From the node about the client's SYN: quotes it as the client sent it.
                    self.send("dmz", self.error(node, vip, kind, arrived), vlan=10)
                    out = self.expect("wan", lambda p, c=client: self.is_error(p, c), "error to the client")
                    self.assertEqual(out.src, vip, "the client has never heard of the node")
                    self.assertEqual(self.quoted(out), self.aged(sent))
                    # From the client about the node's SYN-ACK: quotes it as the node sent it.
                    self.send("wan", self.error(client, vip, kind, back))
                    into = self.expect("dmz", lambda p, n=node: self.is_error(p, n), "error to the node", vlan=10)
                    self.assertEqual(into.src, vip)
                    inner = into.__class__(self.quoted(into))
                    self.assertEqual((inner.src, inner.dst, inner[TCP].sport, inner[TCP].dport, inner[TCP].seq),
                                     (node, vip, 443, l4(arrived).sport, 1000))
                    # Its quoted checksum is the one that the node computed.
                    checksum = inner[TCP].chksum
                    del inner[TCP].chksum
                    self.assertEqual(inner.__class__(bytes(inner))[TCP].chksum, checksum)

    def test_an_error_about_nothing_is_dropped(self):
        quoted = IP(src=ACCESS, dst=CLIENT) / TCP(sport=443, dport=next(self.ports), flags="SA")
        self.assert_counts("icmp-no-session", lambda: self.send("wan", self.error(CLIENT, ACCESS, "unreachable", quoted)))
        quoted = IPv6(src=ACCESS6, dst=CLIENT6) / TCP(sport=443, dport=next(self.ports), flags="SA")
        self.assert_counts("icmp-no-session", lambda: self.send("wan", self.error(CLIENT6, ACCESS6, "too-big", quoted)))

    # Who sends

    def test_sources_that_lie_are_dropped_and_counted(self):
        syn = lambda: TCP(sport=next(self.ports), dport=443, flags="S")
        for reason, source in (("bogon-source", "10.1.1.1"), ("bogon-source", "127.0.0.1"), ("bogon-source", "0.0.0.0"),
                               ("bogon-source", "169.254.1.1"), ("bogon-source", "224.0.0.5"), ("bogon-source", "255.255.255.255"),
                               ("bogon-source", "240.0.0.1"), ("own-source", AV), ("own-source", OURS),
                               ("spoofed-source", "131.107.155.10"), ("spoofed-source", "131.107.155.99"),
                               ("bogon-source", "fe80::1"), ("bogon-source", "fc00::1"), ("bogon-source", "ff02::1"),
                               ("bogon-source", "::1"), ("bogon-source", "::"), ("bogon-source", "::ffff:198.51.100.25"),
                               ("own-source", AV6), ("spoofed-source", "2001:db8:0:155::10")):
            with self.subTest(source=source):
                destination = ACCESS6 if ":" in source else ACCESS
                self.assert_counts(reason, lambda s=source, d=destination: self.send("wan", ip(s, d) / syn()))
        for source in ("192.168.10.90", "172.25.33.10"):  # ours, and private: either is a good reason
            before = self.drops()
            self.send("wan", IP(src=source, dst=ACCESS) / syn())
            self.assertTrue(self.site.wires and self.grew(before, {"bogon-source", "spoofed-source"}), source)
        for device, vlan, source in (("dmz", 10, CLIENT), ("dmz", 20, "131.107.155.10"), ("dmz", 10, "172.25.33.10"),
                                     ("dmz", 10, "192.168.10.90"), ("lan", None, CLIENT), ("lan", None, "131.107.155.10")):
            with self.subTest(device=device, vlan=vlan, source=source):
                self.assert_counts("spoofed-source", lambda d=device, v=vlan, s=source: self.send(
                    d, IP(src=s, dst="198.51.100.80") / TCP(sport=next(self.ports), dport=80, flags="S"), v))

    def grew(self, before, names):
        for _ in range(100):
            now = self.drops()
            grown = {n for n in now if now[n] != before.get(n, 0)}
            if grown:
                return grown <= names
        return False

    def test_tcp_needs_a_beginning(self):
        # To what is not allowed anyhow, and back to a client out of nothing.
        for destination in ("131.107.155.10", "192.168.10.90"):
            self.assert_counts("not-a-syn", lambda d=destination: self.send(
                "wan", IP(src=CLIENT, dst=d) / TCP(sport=next(self.ports), dport=443, flags="A", seq=1, ack=1)))
        self.assert_counts("not-a-syn", lambda: self.send(
            "wan", IP(src=CLIENT, dst="131.107.155.11") / TCP(sport=443, dport=next(self.ports), flags="SA", seq=1, ack=1)))
        # Just after the start: a full-NAT connection from before ends at once and cleanly.
        sport = next(self.ports)
        self.assert_counts("restart-reset", lambda: self.send(
            "wan", IP(src=CLIENT, dst=ACCESS) / TCP(sport=sport, dport=443, flags="A", seq=77, ack=99)))
        reset = self.expect("wan", lambda p: TCP in p and p[TCP].dport == sport, "reset")
        self.assertIn("R", str(reset[TCP].flags))
        self.assertEqual((reset.src, reset[TCP].seq), (ACCESS, 99))

    def test_a_segment_outside_the_window_is_dropped(self):
        sent, _, back = self.open(CLIENT, ACCESS, ACCESS_NODES)
        sport = l4(sent).sport
        self.send("wan", IP(src=CLIENT, dst=ACCESS) / TCP(sport=sport, dport=443, flags="A", seq=l4(back).ack, ack=l4(back).seq + 1))
        self.assert_counts("tcp-out-of-window", lambda: self.send(
            "wan", IP(src=CLIENT, dst=ACCESS) / TCP(sport=sport, dport=443, flags="R", seq=l4(back).ack + (1 << 30))))
        # And the connection lives.
        self.wire("dmz").forget()
        self.send("wan", IP(src=CLIENT, dst=ACCESS) / TCP(sport=sport, dport=443, flags="PA", seq=l4(back).ack, ack=l4(back).seq + 1) /
                  Raw(b"still here"))
        self.expect("dmz", lambda p: b"still here" in p.original, "data after a forged reset", vlan=10)

    def test_own_addresses_answer_ping(self):
        for source, target in ((CLIENT, OURS), (CLIENT, ACCESS), (CLIENT6, OURS6), (CLIENT6, ACCESS6)):
            self.wire("wan").forget()
            if ":" in target:
                self.send("wan", IPv6(src=source, dst=target) / ICMPv6EchoRequest(id=7, seq=9, data=b"0123456789"))
            else:
                self.send("wan", IP(src=source, dst=target) / ICMP(type=8, id=7, seq=9) / Raw(b"0123456789"))
            reply = self.expect("wan", lambda p, t=target, s=source: p.src == t and p.dst == s, f"echo of {target}")
            self.assertEqual(bytes(reply.payload)[0], 129 if ":" in target else 0)
            self.assertEqual(bytes(reply.payload)[4:], b"\x00\x07\x00\x090123456789")

    # All of it

    def test_garbage_does_no_harm(self):
        seed = int(os.environ.get("PORTCULLIS_SEED") or int.from_bytes(os.urandom(4), "big"))
        print(f"seed {seed}", flush=True)
        r = random.Random(seed)
        # Garbage with a source port that is nearly this one begins sessions: none of them on a port of other tests.
        sent, _, _ = self.open(CLIENT, ACCESS, ACCESS_NODES, sport=0xc800)
        wan, dmz = self.wire("wan"), self.wire("dmz")
        head = lambda w, d, v=None: self.tagged(Ether(src=w.mac, dst=self.macs[d]), v)
        sound = [(wan, bytes(head(wan, "wan") / p)) for p in (
            sent, IP(src=CLIENT, dst=AV) / UDP(sport=555, dport=3478) / stun(b"1" * 12),
            IPv6(src=CLIENT6, dst=ACCESS6) / IPv6ExtHdrDestOpt() / TCP(dport=443, flags="S"),
            self.error(CLIENT, ACCESS, "unreachable", sent), self.error(CLIENT6, ACCESS6, "too-big", IPv6(src=ACCESS6, dst=CLIENT6) / TCP()),
            IP(src=CLIENT, dst=ACCESS) / ICMP(type=8), ARP(psrc="192.0.2.9", pdst=OURS, hwsrc=wan.mac),
            IPv6(src="2001:db8:0:2::9", dst=OURS6, hlim=255) / ICMPv6ND_NS(tgt=OURS6) / ICMPv6NDOptSrcLLAddr(lladdr=wan.mac))]
        sound += [(dmz, bytes(head(dmz, "dmz", 10) / p)) for p in (
            IP(src="131.107.155.30", dst=CLIENT) / UDP(sport=50001, dport=50001) / Raw(b"media"),
            ARP(psrc="131.107.155.10", pdst="131.107.155.1", hwsrc=dmz.mac))]
        for round_ in range(40):
            for _ in range(100):
                wire, frame = r.choice(sound)
                data = bytearray(frame)
                if r.random() < 0.15:
                    data = bytearray(data[:12] + r.randbytes(r.randrange(2, 1400)))
                for _ in range(r.randrange(0, 6)):
                    data[r.randrange(12 if len(data) > 14 else 0, len(data))] = r.randrange(256)
                if r.random() < 0.2:
                    data = data[:r.randrange(14, len(data) + 1)]
                if r.random() < 0.1:
                    data += r.randbytes(r.randrange(0, 1514 - len(data)) if len(data) < 1514 else 0)
                wire.send(bytes(data))
            if round_ % 4 == 0:
                self.setUp()  # what has been heard so far would only slow the search
                self.exchange(sport=41000)
        self.assertTrue(self.firewall.dataplane.alive())
        self.exchange(sport=41000)  # behind the last of the garbage
        self.open(CLIENT, ACCESS, ACCESS_NODES)
        self.assert_every_packet_is_accounted_for()


class AfPacket(WireTests, WireCase):
    """As in the rest of the lab. These devices reassemble fragments, so that none is ever seen.
    More workers than one: an error, an answer and a spoofed source must find their owner first."""

    workers = 3


class Pcap(WireTests, WireCase):
    vdev = "net_pcap{number},rx_iface_in={interface},tx_iface={interface},phy_mac=1"

    def test_fragments_are_dropped(self):
        whole = IP(src=CLIENT, dst=AV) / UDP(sport=next(self.ports), dport=3478) / Raw(b"0" * 1200)
        pieces = fragment(whole, fragsize=800)
        self.assertEqual(len(pieces), 2)
        for piece in pieces:
            self.assert_counts("fragment", lambda p=piece: self.send("wan", p))
        for offset in (0, 100):
            self.assert_counts("fragment", lambda o=offset: self.send(
                "wan", IPv6(src=CLIENT6, dst=AV6) / IPv6ExtHdrFragment(nh=17, offset=o, m=1) / Raw(b"0" * 64)))


class AfXdp(Pcap):
    """XDP in the driver, packets copied: what every veth can do."""

    vdev = "net_af_xdp{number},iface={interface}"


if __name__ == "__main__":
    unittest.main(verbosity=2)
