#!/usr/bin/python3
"""Application conformance against datagrams that lie: decoys that no server takes, foreign datagrams before and
behind genuine ones. A story of datagrams says of each what becomes of it; the server's application must have got
just those that arrive, and the firewall's counters must have grown by just those that it drops."""
import struct
import time
import unittest

from case import AV_VIP, INTERNET, wait_until
from conformance_case import ACCESS_NODE, AV_NODE, ConformanceCase, six
from evasion_case import SSH, STRANGERS, stun, turn
from recorder import DatagramRecorder, Recorder
from stranger import LOW_TTL, Stranger, far_away

DNS = INTERNET["dns"][0]
RANGE_PORT = 50040
NONSENSE = b"junkjunk" * 20
ANSWER = b"an answer"


def rtp(number, source=b"talk", rest=bytes(40)):
    """A packet of PCMU (RFC 3550 5.1)."""
    return struct.pack("!BBHI", 0x80, 0, number, number * 160) + source + rest


def query(kind=1, name=b"\x03crl\x07example\x00"):
    """A question for a name (RFC 1035 4.1)."""
    return b"id\x01\x00\x00\x01" + bytes(6) + name + struct.pack("!HH", kind, 1)


STUN, TURN, MEDIA = stun(), turn()[4:], [rtp(n) for n in range(1, 8)]
# As a tunnel sends it, for a type of record that no resolver asks for.
TUNNEL = query(10, b"\x3f" + b"a" * 63 + b"\x07example\x00")

# Service, what is recognised at once; in which families it is tried.
GENUINE = [("av-3478", [STUN]), ("av-3478", [TURN], [False]), ("media-udp", [STUN]), ("media-udp", MEDIA[:3], [False]),
           ("dns-udp", [query()])]

# Steps of a story: a datagram, how it is sent, and the counter of its drop (None: it arrives; LOST: it dies on the
# way). After ANSWERED the server has answered.
LOST, FOREIGN, BROKEN, FRAGMENT = "lost", "drop.not-conformant", "drop.bad-l4-checksum", "drop.fragment"
ANSWERED = (None, {}, None)


def arrives(*datagrams):
    return [(d, {}, None) for d in datagrams]


def refused(*datagrams, **how):
    return [(d, how, FOREIGN) for d in datagrams]


def far(*datagrams):
    return [(d, {"ttl": LOW_TTL}, LOST) for d in datagrams]


def broken(*datagrams):
    return [(d, {"broken": True}, BROKEN) for d in datagrams]


def beginnings(good):
    """What is refused, whatever of `good`, which would be recognised, goes before it: {what: story}."""
    late = refused(SSH, *good, b"\x00", b"")  # of a session that was refused, genuine or not
    return {
        "foreign": refused(SSH) + late,
        "foreign, then genuine": refused(NONSENSE, *good, *good) + late,
        "decoys that die": far(*good) + refused(SSH) + late,
        "decoys with a wrong checksum": broken(*good) + refused(SSH) + late,
        "both, again and again": (far(*good) + broken(*good)) * 3 + refused(SSH, SSH) + late,
        "a wrong checksum on what is foreign": broken(SSH, NONSENSE) + refused(SSH) + late,
        "genuine, not answered": arrives(*good) + refused(SSH) + late,
        "genuine, then decoys, not answered": arrives(*good) + far(*good) + refused(SSH) + late,
        "empty": arrives(b"", b"") + refused(SSH) + late,
        "empty with genuine": arrives(b"", *good, b"") + refused(SSH) + late,
    }


# What passes: from when the server has answered, everything.
def conversations(good):
    return {
        "answered": arrives(*good) + [ANSWERED] + arrives(SSH, b"", NONSENSE),
        "decoys first": far(*good) + broken(*good, SSH) + arrives(*good) + [ANSWERED] + arrives(SSH),
        "empty first": arrives(b"", *good, b"", *good) + [ANSWERED] + arrives(NONSENSE),
    }


class Datagrams(ConformanceCase):
    with_services = False
    workers = 2

    @classmethod
    def start_firewall(cls):
        edge, internet = cls.site.edges[0], cls.site.internet
        probers = [str(g.ip) for g in cls.site.gateways("edge-external")]
        cls.recorders = {}
        for host, address, port in ((edge, AV_NODE, 3478), (edge, AV_NODE, RANGE_PORT), (internet, DNS, 53)):
            for of_family in (address, six(address)):
                cls.recorders[of_family, port] = DatagramRecorder(host, of_family, port, probers)
                cls.addClassCleanup(cls.recorders[of_family, port].close)
        for address in (AV_NODE, six(AV_NODE)):  # a node is alive while each of its services is
            cls.addClassCleanup(Recorder(edge, address, 443).close)
        for host in (edge, internet):
            far_away(host)
        cls.stranger = Stranger(internet, "eth0", *STRANGERS)
        cls.addClassCleanup(cls.stranger.close)
        # For what an Edge Server sends: of its own address, as an attacker on it would.
        cls.insider = Stranger(edge, "ext", ACCESS_NODE, six(ACCESS_NODE))
        cls.addClassCleanup(cls.insider.close)
        super().start_firewall()

    @classmethod
    def wait_until_forwarding(cls):
        for sender, address, port, server in cls.ways().values():
            for change in (str, six):
                recorder = cls.recorders[change(server), port]
                flow = sender.flow(change(address), port)

                def arrived(f=flow, r=recorder, p=port):
                    f.send(query() if p == 53 else STUN)
                    time.sleep(0.05)
                    return r.of(f.source)

                wait_until(arrived, f"{flow.destination}:{port} to hear something", timeout=20)
                flow.close()

    @classmethod
    def ways(cls):
        """Service: who sends to what, and which server gets it."""
        return {"av-3478": (cls.stranger, AV_VIP, 3478, AV_NODE), "media-udp": (cls.stranger, AV_NODE, RANGE_PORT, AV_NODE),
                "dns-udp": (cls.insider, DNS, 53, DNS)}

    def drops(self):
        grown = {name: 0 for name in (FOREIGN, BROKEN, FRAGMENT)}
        for c in self.firewall.json("counters")["counters"]:
            if c["name"] in grown:
                grown[c["name"]] += c["value"]
        return grown

    def tell(self, service, story, change=str):
        """Plays a story in a session of its own. Returns the session's source."""
        sender, address, port, server = self.ways()[service]
        recorder, flow = self.recorders[change(server), port], sender.flow(change(address), port)
        before, expected, arrived = self.drops(), {}, []

        def check(what):
            wanted = {name: count + expected.get(name, 0) for name, count in before.items()}
            deadline = time.monotonic() + 5
            while (recorder.of(flow.source), self.drops()) != (arrived, wanted) and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertEqual(recorder.of(flow.source), arrived, what)
            self.assertEqual(self.drops(), wanted, what)

        try:
            for data, how, fate in story:
                if data is None:
                    check("before the answer")
                    recorder.answer(flow.source, ANSWER)
                    wait_until(lambda: ANSWER in flow.heard, "the answer to arrive", timeout=5)
                    continue
                flow.send(data, **how)
                if fate is None:
                    arrived.append(data)
                elif fate != LOST:
                    expected[fate] = expected.get(fate, 0) + (how["fragments"] if fate == FRAGMENT else 1)
            check("at the end")
        finally:
            flow.close()
        return flow.source

    def tell_all(self, service, stories, families=(False, True), **expected):
        """Each in each family; what one session changes in the service's counts is `expected`."""
        for ipv6 in families:
            for what, story in stories.items():
                with self.subTest(service=service, what=what, ipv6=ipv6):
                    source = self.watching(service, lambda t=story, v=ipv6: self.tell(service, t, six if v else str), **expected)
                    self.told[source] = [verdict == "refused" for verdict in ("refused", "watched") if verdict in expected]

    def setUp(self):
        self.since = time.time()
        self.told = {}

    def test_what_is_foreign_is_refused_whatever_goes_before_it(self):
        for service, good, *families in GENUINE:
            self.tell_all(service, beginnings(good), *families, refused=(1, 1), matched=(0, 1))
        self.assert_all_logged(self.told, self.since)

    def test_a_tunnel_in_dns_is_refused_whatever_goes_before_it(self):
        self.tell_all("dns-udp", {
            "alone": refused(TUNNEL, query()),
            "behind decoys": far(query()) + broken(query()) + refused(TUNNEL, query()),
            "behind a question that is not answered": arrives(query()) + refused(TUNNEL),
        }, refused=(1, 1), matched=(0, 1))
        self.assert_all_logged(self.told, self.since)

    def test_what_conforms_goes_on_once_it_is_answered(self):
        for service, good, *families in GENUINE:
            self.tell_all(service, conversations(good), *families, matched=(1, 1))

    def test_a_pattern_of_rtp_is_not_enough(self):
        """It fits one datagram in four: until three go on from each other, few pass, and the fifth ends it."""
        def alone(n):
            return rtp(1000 * n, struct.pack("!I", n))

        self.tell_all("media-udp", {
            "one, and what is no media": arrives(MEDIA[0]) + refused(SSH, *MEDIA),
            "two, and what is no media": arrives(*MEDIA[:2]) + refused(NONSENSE, *MEDIA),
            "each of another source": arrives(*map(alone, range(1, 5))) + refused(*map(alone, range(5, 12))),
            "one source that goes nowhere": arrives(*[MEDIA[0]] * 4) + refused(*[MEDIA[0]] * 4),
            "decoys that go on, then others": far(*MEDIA[:2]) + arrives(alone(1), alone(2)) + refused(alone(3), alone(4)),
            "a keepalive, which says nothing": arrives(b"\x00", b"\x00\x00") + refused(SSH, b"\x00"),
        }, refused=(1, 1))
        self.assert_all_logged(self.told, self.since)

    def test_an_empty_answer_says_nothing(self):
        sender, address, port, server = self.ways()["av-3478"]
        recorder, flow = self.recorders[server, port], sender.flow(address, port)
        flow.send(STUN)
        wait_until(lambda: recorder.of(flow.source), "the request to arrive", timeout=5)
        recorder.answer(flow.source, b"")
        wait_until(lambda: flow.heard, "the empty answer to arrive", timeout=5)
        before = self.drops()[FOREIGN]
        flow.send(SSH)
        wait_until(lambda: self.drops()[FOREIGN] > before, "what is foreign to be dropped", timeout=5)
        self.assertEqual(recorder.of(flow.source), [STUN])

    def test_fragments(self):
        """An af_packet device puts fragments of IPv4 together before anybody sees them; those of IPv6 it does not."""
        for service, good in (("av-3478", STUN), ("media-udp", STUN), ("dns-udp", query())):
            with self.subTest(service=service):
                whole = good + SSH * 8
                self.watching(service, lambda s=service, w=whole: self.tell(
                    s, refused(w, fragments=2) + refused(w, fragments=3)), refused=(1, 1))
                for fragments in (2, 3):
                    story = [(w, {"fragments": fragments}, FRAGMENT) for w in (good + bytes(64), whole)]
                    self.watching(service, lambda s=service, t=story: self.tell(s, t, six))

    def test_what_is_watched_all_arrives(self):
        """The same stories: all arrives that no checksum or life keeps away, and each session is counted once."""
        self.enter("watch")
        for service, good in (("av-3478", [STUN]), ("media-udp", [STUN]), ("dns-udp", [query()])):
            for what, story in (beginnings(good) | conversations(good)).items():
                # Whoever watches believes decoys that die: nobody was to be kept from anything.
                first = next(data for data, how, fate in story if data and fate != BROKEN)
                verdict = "matched" if first in good else "watched"
                passed = [(data, how, LOST if how else None) for data, how, _ in story]
                self.tell_all(service, {what: passed}, [False], **{verdict: (1, 1)})
        self.assert_all_logged(self.told, self.since)


if __name__ == "__main__":
    unittest.main(verbosity=2)
