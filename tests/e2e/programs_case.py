"""What the tests with the programs that people use share: their servers, and how the services are abused."""
import json
import threading
import time

from case import ACCESS_VIP, AV_VIP, CLIENT, INTERNET, services, udp_socket, wait_until
import programs
from conformance_case import ACCESS_NODE, AV_NODE, PUBLISHED, REVERSE_PROXY, UNPUBLISHED, WEB_NODE, ConformanceCase, six
from stranger import RST, Ear

DNS = INTERNET["dns"][0]
RTP_PORT = 50010
ANY = (1, 20)  # sessions


class ProgramsCase(ConformanceCase):
    """Servers of one family, but for the Web Conferencing and the reverse proxy's, which have both."""

    with_services = False
    # Which address of a host: that of IPv4 as it is, or `six`.
    at = str

    @classmethod
    def start_firewall(cls):
        site, edge, at = cls.site, cls.site.edges[0], cls.at
        cls.internet = site.internet
        services.nginx(edge, [(address, 443) for node in (ACCESS_NODE, WEB_NODE) for address in (node, six(node))], [])
        services.start_reverse_proxy(site)
        services.start_corporate(site)
        services.nginx(site.internet, [], [(at(INTERNET["crl"][0]), 80)])
        programs.turn(edge, at(AV_NODE), 443)
        programs.sip_server(edge, at(ACCESS_NODE))
        cls.media = udp_socket(edge, at(AV_NODE), RTP_PORT, timeout=1.0)
        cls.addClassCleanup(cls.media.close)
        # What leaves the firewall toward the perimeter: payload and resets.
        cls.lock, cls.arrived = threading.Lock(), []
        for device in ("dmz-x", "dmz-p"):
            cls.addClassCleanup(Ear(site.switch, device, cls.hear).close)
        super().start_firewall()

    @classmethod
    def hear(cls, packet):
        if packet.payload or packet.flags & RST:
            with cls.lock:
                cls.arrived.append(packet)

    def reached(self, address, port):
        """Payload that has come to a server, and whether it was reset, since forget()."""
        with self.lock:
            # Not our probes of the nodes.
            own = [p for p in self.arrived if (p.dst, p.dport) == (address, port) and p.payload[:2] != b"\x00\x01"]
        return b"".join(p.payload for p in own), any(p.flags & RST for p in own)

    def forget(self):
        with self.lock:
            self.arrived.clear()

    def works(self, service, act, sessions=ANY):
        worked, said = self.watching(service, act, matched=sessions)
        self.assertTrue(worked, said)

    @classmethod
    def start_xmpp(cls):
        """A partner's server, and the one on the Edge Server."""
        edge, node = cls.site.edges[0], cls.at(ACCESS_NODE)
        cls.partner = cls.at(INTERNET["xmpp"][0])
        cls.xmpp = programs.prosody(cls.site.internet, cls.partner, cls.partner)
        programs.prosody(edge, node, cls.at(ACCESS_VIP))
        # Of several IPv6 addresses the kernel would take another to call back from.
        way = json.loads(edge.run("ip", "-json", "route", "get", cls.partner).stdout)[0]
        edge.run("ip", "route", "replace", cls.partner, "via", way["gateway"], "dev", way["dev"], "src", node)

    def xmpp_in_both_directions(self):
        out = self.judged("xmpp-out")
        self.works("access-5269", lambda: programs.xmpp_ping(self.internet, self.xmpp, self.partner, self.at(ACCESS_VIP)))
        now = self.judged("xmpp-out")
        self.assertGreater(now["matched"], out["matched"], "the other server called back, and answered")
        self.assertEqual(now["refused"], out["refused"])

    def start_dns(self):
        """At the address of this family."""
        address = self.at(DNS)
        process = self.internet.start("dnsmasq", "dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts",
                                      "--conf-file=/dev/null", "--bind-interfaces", "--user=root", "--pid-file=",
                                      "--address=/crl.example/198.51.100.80", f"--listen-address={address}")
        self.addCleanup(process.stop)
        services.wait_listening(self.internet, process, "udp", address, 53)
        return process

    def heard_media(self):
        """Datagrams at the A/V node that look like RTP, until nothing more comes."""
        count = 0
        self.media.settimeout(0.3)
        try:
            while True:
                data, _ = self.media.recvfrom(2048)
                count += data[0] >> 6 == 2
        except OSError:
            return count

    def negatives(self):
        """Service, its server, how it is abused, why that is refused, and how it begins."""
        here, at = self.internet, self.at
        access, av, proxy, node, av_node = map(at, (ACCESS_VIP, AV_VIP, REVERSE_PROXY, ACCESS_NODE, AV_NODE))
        return [
            ("access-443", (node, 443), lambda: programs.ssh(here, access, 443), "wrong-protocol", b"SSH-2.0-"),
            ("access-443", (node, 443), lambda: programs.socat(here, access, 443, "raw bytes, and more of them"),
             "wrong-protocol", b"raw bytes"),
            ("reverse-proxy-443", (proxy, 443),
             lambda: programs.curl(here, f"http://{programs.bracket(proxy)}:443/", source=at(CLIENT)), "wrong-protocol", b"GET / HTTP"),
            ("reverse-proxy-443", (proxy, 443), lambda: programs.openssl(here, proxy, 443, "-servername", UNPUBLISHED),
             "name-not-published", b"\x16\x03"),
            ("reverse-proxy-443", (proxy, 443), lambda: programs.openssl(here, proxy, 443, "-noservername"), "name-missing",
             b"\x16\x03"),
            ("access-443", (node, 443), lambda: self.stunnel_elsewhere(access), "name-not-published", b"\x16\x03"),
            ("reverse-proxy-80", (proxy, 80), lambda: programs.openssl(here, proxy, 80), "wrong-protocol", b"\x16\x03"),
            ("av-443", (av_node, 443), lambda: programs.openssl(here, av, 443, "-servername", PUBLISHED["access"]),
             "wrong-protocol", b"\x16\x03"),
            ("av-3478", (av_node, 3478), lambda: programs.socat(here, av, 3478, "junk" * 20, "UDP"), "wrong-protocol",
             b"junkjunk"),
            ("media-udp", (av_node, RTP_PORT), lambda: programs.socat(here, av_node, RTP_PORT, "junk" * 20, "UDP"),
             "wrong-protocol", b"junkjunk"),
        ]

    def stunnel_elsewhere(self, address):
        """HTTP in a tunnel of stunnel to a name that is not published."""
        tunnel = programs.stunnel(self.internet, "elsewhere", f"client = yes\naccept = 127.0.0.1:5080\n"
                                  f"connect = {address}:443\nlocal = {self.at(CLIENT)}\nsni = {UNPUBLISHED}")
        try:
            services.wait_listening(self.internet, tunnel, "tcp", "127.0.0.1", 5080)
            result = self.internet.run("curl", "-sS", "--max-time", "2", "http://127.0.0.1:5080/", check=False)
            return result.returncode == 0, result.stderr
        finally:
            tunnel.stop()

    def abuse(self, mode):
        counts = {"enforce": {"refused": ANY}, "watch": {"watched": ANY}, "off": {}}[mode]
        for number, (service, server, act, reason, begins) in enumerate(self.negatives()):
            with self.subTest(mode=mode, number=number, service=service, reason=reason):
                enforced, tcp = mode == "enforce", service not in ("av-3478", "media-udp")
                self.forget()
                since = time.time()
                worked, said = self.watching(service, act, **counts)
                if enforced:
                    wait_until(lambda s=server, t=tcp: not t or self.reached(*s)[1], "the server to be told", timeout=5)
                    self.assertEqual(self.reached(*server), (b"", tcp))
                    self.assertFalse(worked and tcp, said)
                else:
                    wait_until(lambda s=server, n=len(begins): len(self.reached(*s)[0]) >= n, "what is let through", timeout=5)
                    self.assertEqual(self.reached(*server)[0][:len(begins)], begins)
                if mode != "off":
                    self.assert_logged(service, since, reason, begins, dropped=enforced)
                else:
                    self.assertEqual(self.denies(service, since), [])
