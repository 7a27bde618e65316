#!/usr/bin/python3
"""Application conformance over IPv6 and with two workers, both families at once; and what the wires carry of sessions
that are enforced, as tshark reads it: right checksums, and resets that both ends must believe."""
import socket
import struct
import time
import unittest

import programs
from case import ACCESS_VIP, AV_VIP, CLIENT, INTERNET, WEB_VIP, clients, stun_request, tcp_socket, udp_socket, wait_until
from conformance_case import ACCESS_NODE, AV_NODE, PUBLISHED, REVERSE_PROXY, UNPUBLISHED, six
from lab.capture import ACK, RST, SYN, Wires
from programs_case import DNS, RTP_PORT, ProgramsCase
from recorder import Recorder

MEDIA_PORT = 50020  # for TCP
# Clients that the hash of addresses spreads over both workers.
SOURCES = [f"198.51.100.{n}" for n in range(100, 106)] + [f"2001:db8:0:51::{n}" for n in range(100, 106)]


class Programs6(ProgramsCase):
    workers = 2
    at = staticmethod(six)

    @classmethod
    def start_firewall(cls):
        cls.site.internet.addresses("lo", *(f"{a}/{128 if ':' in a else 32}" for a in SOURCES))
        cls.start_xmpp()
        cls.addClassCleanup(Recorder(cls.site.edges[0], six(AV_NODE), MEDIA_PORT, echoes=True).close)
        super().start_firewall()

    def test_tls(self):
        web, access = PUBLISHED["web"], PUBLISHED["access"]
        for options in (["-tls1_2", "-servername", access], ["-tls1_3", "-servername", access], ["-noservername"]):
            with self.subTest(options=options):
                self.works("access-443", lambda o=options: programs.openssl(self.internet, six(ACCESS_VIP), 443, *o))
        self.works("web-conferencing-443", lambda: programs.openssl(self.internet, six(WEB_VIP), 443, "-servername", web))
        self.works("access-443", lambda: programs.gnutls(self.internet, six(ACCESS_VIP), 443, "NORMAL", "--sni-hostname", access))

    def test_https_and_http(self):
        name, proxy = PUBLISHED["proxy"], f"[{six(REVERSE_PROXY)}]"
        self.works("reverse-proxy-443", lambda: programs.curl(
            self.internet, f"https://{name}/", "--resolve", f"{name}:443:{proxy}", source=six(CLIENT)))
        self.works("reverse-proxy-80", lambda: programs.curl(self.internet, f"http://{proxy}/", source=six(CLIENT)))
        self.works("crl", lambda: clients.http(self.edge, six(ACCESS_NODE), six(INTERNET["crl"][0]), 80))

    def test_turn(self):
        self.works("av-3478", lambda: clients.stun(self.internet, six(CLIENT), six(AV_VIP), 3478))
        self.works("av-3478", lambda: programs.uclient(self.internet, six(AV_VIP), 3478))
        self.works("av-443", lambda: programs.uclient(self.internet, six(AV_VIP), 443, "-t"))

    def test_xmpp_between_two_prosodies(self):
        self.xmpp_in_both_directions()

    def test_media_over_tcp(self):
        """A STUN check framed by its length (RFC 4571) gets its echo; SSH does not get so far."""
        def exchange():
            check = stun_request()[0]
            framed = struct.pack("!H", len(check)) + check
            sock = self.closed(tcp_socket(self.internet, six(CLIENT)))
            sock.connect((six(AV_NODE), MEDIA_PORT))
            sock.sendall(framed)
            answer = sock.recv(len(framed), socket.MSG_WAITALL)
            return answer == framed, answer

        self.works("media-tcp", exchange, sessions=(1, 1))
        self.forget()
        since = time.time()
        self.watching("media-tcp", lambda: programs.ssh(self.internet, six(AV_NODE), MEDIA_PORT), refused=(1, 1))
        self.assert_logged("media-tcp", since, "wrong-protocol", b"SSH-2.0-")
        wait_until(lambda: self.reached(six(AV_NODE), MEDIA_PORT)[1], "the server to be told", timeout=5)
        self.assertEqual(self.reached(six(AV_NODE), MEDIA_PORT), (b"", True))

    def test_a_call_by_sipp(self):
        partner = six(INTERNET["partner"][0])
        self.works("access-5061", lambda: programs.sip_call(self.internet, partner, six(ACCESS_VIP), PUBLISHED["access"]))

    def test_dns_by_dig(self):
        server = self.start_dns()
        self.works("dns-udp", lambda: clients.dns(self.edge, six(ACCESS_NODE), six(DNS), 53))
        self.works("dns-tcp", lambda: clients.dns_tcp(self.edge, six(ACCESS_NODE), six(DNS), 53))
        server.stop()

    def test_rtp_after_a_check(self):
        def stream():
            with udp_socket(self.internet, six(CLIENT), 40010) as ice:
                ice.sendto(stun_request()[0], (six(AV_NODE), RTP_PORT))
            worked, said = programs.rtp(self.internet, six(CLIENT), 40010, six(AV_NODE), RTP_PORT)
            heard = self.heard_media()
            return worked and heard >= 55, f"{heard} of 60 packets; {said}"

        self.works("media-udp", stream, sessions=(1, 1))

    def test_abuse_is_refused(self):
        self.abuse("enforce")

    def of_workers(self, name):
        return {c["worker"]: c["value"] for c in self.firewall.json("counters")["counters"]
                if c["name"] == name and c["worker"] != "main"}

    def test_both_workers_judge(self):
        """Clients of both families: of each one session that conforms, and one that does not."""
        before = {name: self.of_workers(name) for name in ("sessions-started", "drop.not-conformant")}

        def act():
            worked = []
            for source in SOURCES:
                vip = six(WEB_VIP) if ":" in source else WEB_VIP
                worked.append(programs.openssl(self.internet, vip, 443, "-servername", PUBLISHED["web"], source=source)[0])
                worked.append(not programs.socat(self.internet, vip, 443, "no hello, but long enough", source=source)[0])
            return worked

        count = len(SOURCES)
        self.assertEqual(self.watching("web-conferencing-443", act, matched=(count, count), refused=(count, count)), [True] * 2 * count)
        for name, counts in before.items():
            now = self.of_workers(name)
            self.assertTrue(all(now[worker] > counts[worker] for worker in (0, 1)), f"{name}: {counts}, then {now}")

    def test_the_wires(self):
        """Of each session that is refused both ends get a reset with the sequence number that they wait for; the
        server's end has got nothing before it."""
        web, proxy = PUBLISHED["web"], PUBLISHED["proxy"]
        evil = ("-servername", UNPUBLISHED)
        since = time.time()
        with Wires(self.site, whole=True) as wires:
            for change in (str, six):
                vip, published = change(WEB_VIP), change(REVERSE_PROXY)
                self.assertTrue(programs.openssl(self.internet, vip, 443, "-servername", web)[0])
                self.assertTrue(programs.openssl(self.internet, published, 443, "-servername", proxy)[0])
                self.assertFalse(programs.openssl(self.internet, vip, 443, *evil)[0])
                self.assertFalse(programs.openssl(self.internet, published, 443, *evil)[0])
            self.assertFalse(programs.ssh(self.internet, six(ACCESS_VIP), 443)[0])
            self.assertFalse(programs.socat(self.internet, six(AV_VIP), 443, "no TURN at all, but long enough")[0])
            logged = lambda: [d for d in self.firewall.json("denies")["denies"] if "service" in d and d["unix_ms"] >= since * 1000 - 1]
            wait_until(lambda: len(logged()) >= 6, "the log entries", timeout=5)
        packets = {device: [p for p in wires.packets(device) if p.proto != "other"] for device in wires.points}
        for device in ("wan", "dmz-x", "dmz-p", "lan"):
            self.assertGreater(len(packets[device]), 20, device)
            self.assertEqual([p for p in packets[device] if not p.checksums_good], [], device)
        inside = packets["dmz-x"] + packets["dmz-p"]
        refused = {(d["src"], d["sport"]) for d in logged()}
        self.assertEqual(len(refused), 6)
        for client in refused:
            syn = next(p for p in packets["wan"] if p.flags & SYN and (p.src, p.sport) == client)
            # Translated or not, the sequence number is the same.
            behind = next(p for p in inside if p.flags & (SYN | ACK) == SYN and p.seq == syn.seq)
            with self.subTest(session=syn.tuple(), behind=behind.tuple()):
                self.assert_ended(packets["wan"], syn, to_client=True)
                self.assert_ended(inside, behind, to_client=False)
                self.assertEqual(sum(p.payload for p in inside if p.tuple() == behind.tuple()), 0)

    def assert_ended(self, packets, syn, to_client):
        there = [p for p in packets if p.tuple() == syn.tuple()]
        back = [p for p in packets if (p.src, p.sport, p.dst, p.dport) == (syn.dst, syn.dport, syn.src, syn.sport)]
        receiver, sender = (there, back) if to_client else (back, there)
        resets = [p for p in sender if p.flags & RST]
        self.assertNotEqual(resets, [], "no reset")
        # RFC 5961 3.2: only this one ends it at once.
        waits_for = {p.ack for p in receiver if p.flags & ACK}
        self.assertTrue(any(p.seq in waits_for for p in resets), f"{resets}, waiting for {waits_for}")
        first = min(p.time for p in resets)
        self.assertEqual([p for p in sender if p.time > first and not p.flags & RST], [], "more after the reset")


if __name__ == "__main__":
    unittest.main(verbosity=2)
