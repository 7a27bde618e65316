#!/usr/bin/python3
"""Sessions that have been judged stay so, whatever becomes of the firewall: pushes from watch to enforce and back, and
a data plane that is killed. What they send goes on byte for byte; what begins, or is not judged yet, is held to the
policy that runs."""
import unittest

from case import ACCESS_VIP, AV_VIP, CLIENT, tcp_socket, udp_socket, wait_until
from conformance_case import ACCESS_NODE, AV_NODE, PUBLISHED, six
from evasion_case import SERVICES, SSH, EvasionCase, hello, stun
from recorder import DatagramRecorder, Recorder
from traffic import Stream

RANGE_PORT = 50040
HELLO = hello(PUBLISHED["access"])
FULL_NAT = ("web-conferencing-443", "access-5269")
BETWEEN = 4096  # bytes that each stream must bring back before the next thing happens


class Judged(EvasionCase):
    workers = 2

    @classmethod
    def start_firewall(cls):
        edge = cls.site.edges[0]
        probers = [str(g.ip) for g in cls.site.gateways("edge-external")]
        for address in (AV_NODE, six(AV_NODE)):
            for port in (3478, RANGE_PORT):
                cls.addClassCleanup(DatagramRecorder(edge, address, port, probers, echoes=True).close)
        super().start_firewall()

    @classmethod
    def record(cls, host, address, port):
        # A server that speaks before the client has finished would be a judgement too.
        quiet = (address, port) == (ACCESS_NODE, 443)
        recorder = Recorder(host, address, port, echoes=not quiet)
        cls.addClassCleanup(recorder.close)
        if quiet:
            cls.quiet = recorder
        return recorder

    def connect(self, vip, port):
        address, source = (six(vip), six(CLIENT)) if self.ipv6 else (vip, CLIENT)
        sock = self.closed(tcp_socket(self.site.internet, source, timeout=15))
        sock.connect((address, port))
        return sock

    def stream(self, service, first):
        made = Stream(f"{service}, {first[:8]}, IPv6 {self.ipv6}", self.connect(*SERVICES[service][:2]), first)
        self.addCleanup(made.close)
        return made

    def datagrams(self):
        """(socket, first datagram): sessions to the A/V VIP and to the range, genuine and foreign."""
        return [(self.closed(udp_socket(self.site.internet, six(CLIENT) if v6 else CLIENT, timeout=10)),
                 (six(vip) if v6 else vip, port), first)
                for vip, port in ((AV_VIP, 3478), (AV_NODE, RANGE_PORT)) for first in (stun(), SSH) for v6 in (False, True)]

    def echoed(self, sock, to, data):
        sock.sendto(data, to)
        return sock.recv(2048) == data

    def assert_datagrams_held(self, sessions):
        """Of what begins now the genuine is answered, and the rest is dropped."""
        before = self.counter("drop.not-conformant")
        for sock, to, first in sessions:
            if first == SSH:
                sock.sendto(first, to)
            else:
                self.assertTrue(self.echoed(sock, to, first), to)
        foreign = [sock for sock, _, first in sessions if first == SSH]
        wait_until(lambda: self.counter("drop.not-conformant") >= before + len(foreign), "datagrams to be dropped", timeout=5)
        for sock in foreign:
            sock.setblocking(False)
            with self.assertRaises(BlockingIOError):
                sock.recv(2048)

    def go_on(self, streams):
        """Each brings back what it sends now."""
        targets = [(s, s.received + BETWEEN) for s in streams]
        for stream, target in targets:
            wait_until(lambda s=stream, t=target: s.received >= t or s.wrong, f"{stream.name} to go on", timeout=30)
            self.assertIsNone(stream.wrong, stream.name)

    def assert_held(self, service):
        """What begins now and does not conform is reset, and its server gets nothing; what conforms works."""
        self.recorder(service).forget()
        for bad, _ in SERVICES[service][4]:
            with self.assertRaises(ConnectionResetError, msg=f"{service} {bad[:8]}"):
                sock = self.connect(*SERVICES[service][:2])
                sock.sendall(bad)
                sock.recv(1)
        self.assertLessEqual(sum(map(len, self.recorder(service).streams())), sum(may for _, may in SERVICES[service][4]))
        good = self.stream(service, SERVICES[service][3][0])
        self.go_on([good])
        good.finish()

    def both(self, services=tuple(SERVICES)):
        for service in services:
            for self.ipv6 in (False, True):
                yield service

    def test_pushes_from_watch_to_enforce_and_back(self):
        self.enter("watch")
        before = self.all_judged()
        streams = [self.stream(service, first) for service in self.both() for first in (SERVICES[service][3][0], SSH)]
        datagrams = self.datagrams()
        self.go_on(streams)
        for sock, to, first in datagrams:
            self.assertTrue(self.echoed(sock, to, first), (to, first))
        for service in self.both():
            grown = lambda s=service: [self.judged(s)[name] - before[s][name] for name in ("matched", "watched")]
            wait_until(lambda g=grown: g() == [2, 2], f"all sessions of {service} to be judged", timeout=5)
        # Not judged yet: nothing said, and the beginning of a hello.
        self.ipv6 = False
        silent, foreign, genuine = (self.connect(ACCESS_VIP, 443) for _ in range(3))
        for sock in (foreign, genuine):
            sock.sendall(HELLO[:5])
        wait_until(lambda: self.quiet.streams() == [HELLO[:5]] * 2, "the beginnings to arrive", timeout=5)

        self.firewall.push(self.topology)
        for sock in (silent, foreign):
            with self.assertRaises(ConnectionResetError):
                sock.sendall(SSH)
                sock.recv(1)
        genuine.sendall(HELLO[5:])
        wait_until(lambda: sorted(self.quiet.streams()) == [HELLO[:5], HELLO], "the rest of the hello to arrive", timeout=5)
        self.go_on(streams)
        for sock, to, _ in datagrams:
            self.assertTrue(self.echoed(sock, to, b"still here"), to)
        for service in self.both():
            self.assert_held(service)
        self.assert_datagrams_held(self.datagrams())

        self.enter("watch")
        new = [self.stream(service, SSH) for service in self.both()]
        self.go_on(streams + new)
        self.firewall.push(self.topology)
        self.go_on(streams + new)
        for sock, to, _ in datagrams:
            self.assertTrue(self.echoed(sock, to, b"and here"), to)
        for stream in streams + new:
            stream.finish()
        self.assert_every_packet_is_accounted_for()

    def test_a_killed_data_plane(self):
        """TCP whose translation is known from the packet is picked up, judged or not; UDP begins anew."""
        self.enter("watch")
        foreign = [self.stream(service, SSH) for service in self.both()]
        old = self.datagrams()
        for sock, to, first in old:
            self.assertTrue(self.echoed(sock, to, first))
        self.go_on(foreign)
        self.firewall.push(self.topology)
        streams = foreign + [self.stream(service, SERVICES[service][3][0]) for service in self.both()]
        self.go_on(streams)
        self.firewall.kill(self.firewall.dataplane)
        self.firewall.start_dataplane()
        self.wait_until_forwarding()
        kept = [s for s in streams if not s.name.startswith(FULL_NAT)]
        self.assertEqual(len(kept), 12)
        self.go_on(kept)
        for stream in streams:
            if stream in kept:
                stream.finish()
            else:
                wait_until(lambda s=stream: s.wrong, f"{stream.name} to end", timeout=30)
                self.assertIsInstance(stream.wrong, ConnectionResetError, stream.name)
        for service in self.both():
            self.assert_held(service)
        self.assert_datagrams_held(old)


if __name__ == "__main__":
    unittest.main(verbosity=2)
