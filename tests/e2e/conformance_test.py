#!/usr/bin/python3
"""Application conformance with the programs that people use: in mode enforce what speaks the protocol of its port
works and what does not is refused before its server has seen it; in mode watch and off everything passes.

sipp has no TLS in Debian: stunnel speaks it for sipp. A tunnel in well-formed DNS passes, as iodine with TXT shows;
with records that no resolver asks for it does not. gnutls-cli stands for clients with another TLS than OpenSSL."""
import os
import time
import unittest

import programs
from case import ACCESS_VIP, AV_VIP, CLIENT, INTERNET, WEB_VIP, clients, stun_request, tcp_socket, udp_socket, wait_until
from conformance_case import ACCESS_NODE, AV_NODE, PUBLISHED, REVERSE_PROXY
from programs_case import ANY, DNS, RTP_PORT, ProgramsCase
from recorder import Recorder

PARTNER = INTERNET["partner"][0]
BANNER_PORT = 50030


class Programs(ProgramsCase):
    @classmethod
    def start_firewall(cls):
        edge = cls.site.edges[0]
        cls.start_xmpp()
        cls.banner = Recorder(edge, AV_NODE, BANNER_PORT, greets=b"220 mail.example ESMTP\r\n")
        cls.addClassCleanup(cls.banner.close)
        super().start_firewall()

    # What conforms works

    def test_tls_of_openssl(self):
        for version in ("-tls1", "-tls1_2", "-tls1_3"):
            for name in (["-servername", PUBLISHED["access"]], ["-noservername"]):
                with self.subTest(version=version, name=name):
                    old = ["-cipher", "DEFAULT:@SECLEVEL=0"] if version == "-tls1" else []
                    self.works("access-443", lambda v=version, n=name, o=old: programs.openssl(
                        self.internet, ACCESS_VIP, 443, v, *n, *o))
        for service, vip, name in (("web-conferencing-443", WEB_VIP, "web"), ("reverse-proxy-443", REVERSE_PROXY, "proxy")):
            self.works(service, lambda v=vip, n=name: programs.openssl(self.internet, v, 443, "-servername", PUBLISHED[n]))

    def test_tls_of_gnutls(self):
        for version in ("TLS1.2", "TLS1.3"):
            for name in (["--sni-hostname", "a." + PUBLISHED["access"]], []):
                with self.subTest(version=version, name=name):
                    self.works("access-443", lambda v=version, n=name: programs.gnutls(
                        self.internet, ACCESS_VIP, 443, f"NORMAL:-VERS-ALL:+VERS-{v}", *n))

    def test_https_and_http_through_the_reverse_proxy(self):
        def twice(url, *options):
            inside = self.judged("proxied-https")["matched"]
            result = programs.curl(self.internet, url, *options)
            self.assertGreater(self.judged("proxied-https")["matched"], inside)
            return result

        name = PUBLISHED["proxy"]
        self.works("reverse-proxy-443", lambda: twice(f"https://{name}/", "--resolve", f"{name}:443:{REVERSE_PROXY}"))
        self.works("reverse-proxy-80", lambda: twice(f"http://{REVERSE_PROXY}/"))
        self.works("crl", lambda: clients.http(self.edge, ACCESS_NODE, INTERNET["crl"][0], 80))

    def test_xmpp_between_two_prosodies(self):
        self.xmpp_in_both_directions()

    def test_turn_over_udp_and_tcp(self):
        self.works("av-3478", lambda: clients.stun(self.internet, CLIENT, AV_VIP, 3478))
        self.works("av-3478", lambda: programs.uclient(self.internet, AV_VIP, 3478))
        self.works("av-443", lambda: programs.uclient(self.internet, AV_VIP, 443, "-t"))

    def test_a_call_by_sipp(self):
        self.works("access-5061", lambda: programs.sip_call(self.internet, PARTNER, ACCESS_VIP, PUBLISHED["access"]))

    def test_dns_by_dig(self):
        server = self.start_dns()
        self.works("dns-udp", lambda: clients.dns(self.edge, ACCESS_NODE, DNS, 53))
        self.works("dns-tcp", lambda: clients.dns_tcp(self.edge, ACCESS_NODE, DNS, 53))
        server.stop()

    def test_rtp_after_a_check_and_by_itself(self):
        def stream(checked):
            port = 40010 + checked
            if checked:
                with udp_socket(self.internet, CLIENT, port) as ice:
                    ice.sendto(stun_request()[0], (AV_NODE, RTP_PORT))
            worked, said = programs.rtp(self.internet, CLIENT, port, AV_NODE, RTP_PORT)
            heard = self.heard_media()
            return worked and heard >= 55, f"{heard} of 60 packets; {said}"

        for checked in (True, False):
            with self.subTest(checked=checked):
                self.works("media-udp", lambda c=checked: stream(c), sessions=(1, 1))

    # What does not is refused, or only noted

    def test_abuse_is_refused(self):
        self.abuse("enforce")

    def test_abuse_is_watched(self):
        self.enter("watch")
        self.abuse("watch")

    def test_abuse_is_nobodys_business(self):
        self.enter("off")
        self.abuse("off")

    def test_a_server_that_speaks_first_is_refused(self):
        def wait():
            sock = self.closed(tcp_socket(self.internet, CLIENT))
            with self.assertRaises(ConnectionResetError):
                sock.connect((AV_NODE, BANNER_PORT))
                sock.recv(100)

        since = time.time()
        self.watching("media-tcp", wait, refused=(1, 1))
        self.assert_logged("media-tcp", since, "server-first")

    def test_rtp_alone_is_not_enough(self):
        """Five datagrams with RTP's pattern, each of a stream of its own."""
        def send():
            with udp_socket(self.internet, CLIENT, 40044) as sock:
                for _ in range(8):
                    sock.sendto(b"\x80\x00" + os.urandom(60), (AV_NODE, RTP_PORT))
                    time.sleep(0.01)
            return self.heard_media()

        since = time.time()
        heard = self.watching("media-udp", send, refused=ANY)
        self.assertLess(heard, 8)
        self.assert_logged("media-udp", since, "no-continuity")

    def test_tunnels_in_dns(self):
        """A query for NULL or PRIVATE is nothing that an Edge Server asks; one for TXT looks like any other."""
        server = programs.iodined(self.internet, DNS)
        self.addCleanup(server.stop)
        for record, passes in (("NULL", False), ("PRIVATE", False), ("TXT", True)):
            with self.subTest(record=record):
                act = lambda r=record, p=passes: programs.iodine(self.edge, DNS, r, 10 if p else 4)
                worked, said = self.watching("dns-udp", act, **({"matched": ANY} if passes else {"refused": (1, 200)}))
                self.assertEqual(worked, passes, said)

    # A push

    def test_a_push_does_not_touch_what_has_been_judged(self):
        self.enter("watch")
        judged, undecided = (self.closed(tcp_socket(self.internet, CLIENT)) for _ in range(2))
        judged.connect((AV_NODE, 443))
        # nginx answers what is no TLS and closes; coturn stays.
        judged.sendall(b"SSH-2.0-x\r\n")
        undecided.connect((ACCESS_VIP, 443))
        wait_until(lambda: self.denies("av-443"), "the log entry", timeout=3)
        self.firewall.push(self.topology)
        self.forget()
        judged.sendall(b"still not TURN")
        wait_until(lambda: self.reached(AV_NODE, 443)[0] == b"still not TURN", "what a judged session sends", timeout=2)
        undecided.sendall(b"SSH-2.0-x\r\n")
        with self.assertRaises(ConnectionResetError):
            undecided.recv(100)
        wait_until(lambda: self.reached(ACCESS_NODE, 443)[1], "the server to be told", timeout=2)
        self.assertEqual(self.reached(ACCESS_NODE, 443), (b"", True))


if __name__ == "__main__":
    unittest.main(verbosity=2)
