"""What the tests of evasions share: genuine and foreign beginnings of each service, ways to cut and shuffle them,
decoys that die on the way; a stranger who sends them, and servers that keep what their application has got."""
import os
import random
import ssl
import struct

from case import ACCESS_VIP, AV_VIP, WEB_VIP, wait_until
from conformance_case import ACCESS_NODE, AV_NODE, PUBLISHED, REVERSE_PROXY, UNPUBLISHED, WEB_NODE, ConformanceCase, six
from recorder import Recorder
from stranger import LOW_TTL, PSH, Stranger, far_away

STRANGERS = "198.51.100.77", "2001:db8:0:51::77"
SSH = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6\r\n" + bytes(range(64)) * 2
AFTER = b"and what follows it"


def hello(name):
    """The ClientHello that OpenSSL sends."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def in_records(data, size):
    """A hello's record as several records."""
    body = data[5:]
    return b"".join(data[:3] + struct.pack("!H", len(body[i:i + size])) + body[i:i + size] for i in range(0, len(body), size))


def stun(transaction=b"evasion-test"):
    return struct.pack("!HHI", 1, 0, 0x2112A442) + transaction


def pseudo_hello():
    return bytes.fromhex("160301002d010000290301") + bytes(32) + bytes.fromhex("000002001801" "00")


def turn():
    """An Allocate request with the magic cookie, framed ([MS-TURN] 2.1.4, 2.2.2.8)."""
    message = struct.pack("!HH", 3, 8) + bytes(range(16)) + bytes.fromhex("000f000472c64bc6")
    return struct.pack("!BBH", 2, 0, len(message)) + message


STREAM = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
          b"from='a.example' to='b.example' version='1.0'>")
REQUEST = b"GET /meet/ HTTP/1.1\r\nHost: meet.example.com\r\nUser-Agent: test\r\n\r\n"
# Service, where it is reached, where its server is; what conforms; and what does not, with as many of its
# bytes as may arrive before that can be known.
PUBLIC, EVIL = hello(PUBLISHED["web"]), hello(UNPUBLISHED)
SERVICES = {
    "web-conferencing-443": (WEB_VIP, 443, WEB_NODE, [PUBLIC, in_records(PUBLIC, 40)],
                             [(SSH, 0), (REQUEST, 0), (EVIL, len(EVIL) - 1), (hello(None), len(hello(None)) - 1)]),
    "access-5269": (ACCESS_VIP, 5269, ACCESS_NODE, [STREAM], [(SSH, 0), (EVIL, 0), (b"<html>" + SSH, 1)]),
    "av-443": (AV_VIP, 443, AV_NODE, [stun(), turn(), pseudo_hello() + turn()],
               [(SSH, 7), (EVIL, 49), (pseudo_hello() + SSH, 50)]),
    "media-tcp": (AV_NODE, 50020, AV_NODE, [struct.pack("!H", len(stun())) + stun()], [(SSH, 9), (EVIL, 49)]),
    "reverse-proxy-80": (REVERSE_PROXY, 80, REVERSE_PROXY, [REQUEST],
                         [(SSH, 0), (EVIL, 0), (b"CONNECT inside:22 HTTP/1.1\r\n\r\n", 0)]),
}


def cut(data, size, step=None, group=16):
    """Rounds of up to `group` pieces of `size` bytes, one every `step`."""
    pieces = [(o, data[o:o + size]) for o in range(0, len(data), step or size)]
    return [pieces[i:i + group] for i in range(0, len(pieces), group)]


def shuffled(rounds, seed):
    mixed = [list(r) for r in rounds]
    for pieces in mixed:
        random.Random(seed).shuffle(pieces)
    return mixed


# Decoys: `good` bytes in a packet that reaches the firewall, and that no server takes.

def by_checksum(good):
    return lambda c, o, d: c.segment(o, (good + d)[o:o + len(d)], broken=True)


def by_ttl(good):
    return lambda c, o, d: c.segment(o, (good + d)[o:o + len(d)], ttl=LOW_TTL)


def by_ack(good):
    """Acknowledges what the server has never sent."""
    return lambda c, o, d: c.segment(o, (good + d)[o:o + len(d)], ack=100000)


def without_ack(good):
    return lambda c, o, d: c.segment(o, (good + d)[o:o + len(d)], flags=PSH)


def control(flags):
    """Ends the connection, for those who believe it."""
    return lambda c, o, d: c.segment(o, flags=flags, broken=True)


class EvasionCase(ConformanceCase):
    """Of the servers each service has one for each family; `ipv6` says which of them a test is about."""

    with_services = False
    ipv6 = False

    @classmethod
    def start_firewall(cls):
        edge, proxy = cls.site.edges[0], cls.site.rp
        cls.recorders = {}
        for service, (_, port, node, _, _) in SERVICES.items():
            host = proxy if node == REVERSE_PROXY else edge
            cls.recorders[service, False] = cls.record(host, node, port)
            cls.recorders[service, True] = cls.record(host, six(node), port)
        for address in (ACCESS_NODE, six(ACCESS_NODE)):
            for port in (443, 5061):  # a node is alive while each of its services is
                cls.record(edge, address, port)
        for host in (edge, proxy):
            far_away(host)
        cls.stranger = Stranger(cls.site.internet, "eth0", *STRANGERS)
        cls.addClassCleanup(cls.stranger.close)
        cls.seed = int(os.environ.get("PORTCULLIS_SEED") or int.from_bytes(os.urandom(4), "big"))
        print(f"seed {cls.seed}", flush=True)
        super().start_firewall()

    @classmethod
    def record(cls, host, address, port):
        recorder = Recorder(host, address, port)
        cls.addClassCleanup(recorder.close)
        return recorder

    @classmethod
    def wait_until_forwarding(cls):
        for vip, port, _, _, _ in SERVICES.values():
            for address in (vip, six(vip)):
                connection = cls.stranger.connection(address, port)

                def answered(c=connection):
                    c.syn()
                    return c.synchronised.wait(0.2)

                wait_until(answered, f"{address}:{port} to answer", timeout=20)
                connection.close()

    def connection(self, service):
        """Not opened yet; the application has got nothing."""
        self.recorder(service).forget()
        vip, port = SERVICES[service][:2]
        return self.stranger.connection(six(vip) if self.ipv6 else vip, port)

    def recorder(self, service):
        return self.recorders[service, self.ipv6]
