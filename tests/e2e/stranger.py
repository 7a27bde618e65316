"""A TCP and UDP of our own, for what no kernel sends: pieces of any size in any order, decoys that die on their
way. It runs on addresses that the sending host does not have, so its kernel resets nothing; and an ear on a
device, for what the wires carried.
"""
import random
import socket
import struct
import threading
import time
from collections import namedtuple

TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP
FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
SO_RCVBUFFORCE = 33
OUTGOING = 4
# What arrives with less is dropped by `far_away()`: it reaches the server's host, and never its TCP.
FAR = 8
LOW_TTL = FAR - 2
RESEND = 0.06  # seconds; longer than a kernel delays its ACK
AGAIN = 8      # pieces sent again at once

Packet = namedtuple("Packet", "proto src sport dst dport seq ack flags payload")


def parse(frame):
    """A TCP or UDP packet over IPv4 or IPv6 without extension headers, None for any other frame."""
    ip = 14
    if len(frame) >= 34 and frame[12:14] == b"\x08\x00":
        proto, l4 = frame[23], ip + (frame[ip] & 15) * 4
        end = ip + struct.unpack_from("!H", frame, ip + 2)[0]
        src, dst = socket.inet_ntoa(frame[ip + 12:ip + 16]), socket.inet_ntoa(frame[ip + 16:ip + 20])
    elif len(frame) >= 54 and frame[12:14] == b"\x86\xdd":
        proto, l4 = frame[20], ip + 40
        end = l4 + struct.unpack_from("!H", frame, ip + 4)[0]
        src, dst = (socket.inet_ntop(socket.AF_INET6, frame[at:at + 16]) for at in (ip + 8, ip + 24))
    else:
        return None
    if proto not in (TCP, UDP):
        return None
    sport, dport = struct.unpack_from("!HH", frame, l4)
    if proto == UDP:
        return Packet("udp", src, sport, dst, dport, 0, 0, 0, bytes(frame[l4 + 8:end]))
    seq, ack, offset, flags = struct.unpack_from("!IIBB", frame, l4 + 4)
    return Packet("tcp", src, sport, dst, dport, seq, ack, flags, bytes(frame[l4 + (offset >> 4) * 4:end]))


class Ear:
    """Hands each packet that comes in by a device to `heard`, in a thread of its own."""

    def __init__(self, host, device, heard):
        self.socket = host.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        self.socket.bind((device, 3))
        self.socket.settimeout(0.1)
        self.heard = heard
        self.ended = False
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()

    def listen(self):
        while not self.ended:
            try:
                frame, sender = self.socket.recvfrom(65536)
            except socket.timeout:
                continue
            except OSError:
                return
            packet = parse(frame) if sender[2] != OUTGOING else None
            if packet is not None:
                self.heard(packet)

    def close(self):
        self.ended = True
        self.thread.join(2)
        self.socket.close()


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class Stranger:
    """A host that is not there, with an IPv4 and an IPv6 address."""

    def __init__(self, host, device, address, address6):
        self.host = host
        self.addresses = {False: address, True: address6}
        # What is written is sent as it is, IP header included; only IPv4's checksum is the kernel's.
        self.raw = {six: host.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
                    for six, family in ((False, socket.AF_INET), (True, socket.AF_INET6))}
        self.ends = {}
        self.ports = iter(range(20000, 45000))
        self.ear = Ear(host, device, self.hear)

    def hear(self, packet):
        end = self.ends.get((packet.proto, packet.dport))
        if end is not None and packet.dst in self.addresses.values():
            end.hear(packet)

    def connection(self, destination, port):
        made = Connection(self, next(self.ports), destination, port)
        self.ends["tcp", made.sport] = made
        return made

    def flow(self, destination, port):
        made = Flow(self, next(self.ports), destination, port)
        self.ends["udp", made.sport] = made
        return made

    def forget(self, proto, sport):
        self.ends.pop((proto, sport), None)

    def send(self, destination, protocol, segment, ttl=64, broken=False, fragments=1):
        """`segment` with room for its checksum; `broken`: that is wrong."""
        six = ":" in destination
        ends = packed(self.addresses[six]) + packed(destination)
        at = 16 if protocol == TCP else 6
        total = checksum(ends + struct.pack("!HH", protocol, len(segment)) + segment)
        if broken:
            total = total ^ 0x5555 or 0xaaaa
        elif protocol == UDP:
            total = total or 0xffff
        segment = segment[:at] + struct.pack("!H", total) + segment[at + 2:]
        size = len(segment) if fragments == 1 else (-(-len(segment) // fragments) + 7) // 8 * 8
        number = random.getrandbits(16) or 1
        for offset in range(0, len(segment), size):
            piece = segment[offset:offset + size]
            more = offset + size < len(segment)
            if not six:
                flags = 0x4000 if fragments == 1 else offset // 8 | more << 13
                head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(piece), number, flags, ttl, protocol, 0) + ends
            elif fragments == 1:
                head = struct.pack("!IHBB", 6 << 28, len(piece), protocol, ttl) + ends
            else:
                head = (struct.pack("!IHBB", 6 << 28, 8 + len(piece), socket.IPPROTO_FRAGMENT, ttl) + ends +
                        struct.pack("!BBHI", protocol, 0, offset | more, number))
            self.raw[six].sendto(head + piece, (destination, 0))

    def close(self):
        self.ear.close()
        for raw in self.raw.values():
            raw.close()


def checksum(data):
    data += b"\x00" * (len(data) & 1)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Connection:
    """One connection of a stranger. Offsets count from the first byte of the stream."""

    def __init__(self, stranger, sport, destination, port):
        self.stranger, self.sport, self.destination, self.port = stranger, sport, destination, port
        self.start = random.getrandbits(32)
        self.next_in = 0
        self.acked = 0
        self.synchronised = threading.Event()
        self.ended = threading.Event()   # by a reset
        self.news = threading.Event()
        self.answer = bytearray()

    def hear(self, packet):
        if packet.flags & RST:
            self.ended.set()
        elif packet.flags & SYN:
            self.next_in = (packet.seq + 1) & 0xffffffff
            self.synchronised.set()
        elif not self.synchronised.is_set():
            # Of an older connection that its other end still has (RFC 9293 3.5.1).
            self.segment(-1, flags=RST, start=packet.ack)
        else:
            acked = (packet.ack - self.start - 1) & 0xffffffff
            if acked < 1 << 31:
                self.acked = max(self.acked, acked)
            if packet.payload and packet.seq == self.next_in:
                self.answer += packet.payload
                self.next_in = (self.next_in + len(packet.payload)) & 0xffffffff
        self.news.set()

    def segment(self, offset, data=b"", flags=ACK | PSH, ttl=64, broken=False, ack=0, start=None):
        """`ack`: added to what would be right. `broken`: its checksum is."""
        sequence = ((self.start if start is None else start) + 1 + offset) & 0xffffffff
        number = (self.next_in + ack) & 0xffffffff if flags & ACK else 0
        head = struct.pack("!HHIIBBHHH", self.sport, self.port, sequence, number, 0x50, flags, 65000, 0,
                           len(data) if flags & URG else 0)
        self.stranger.send(self.destination, TCP, head + data, ttl, broken)

    def syn(self, data=b"", **how):
        self.segment(-1, data, flags=SYN, **how)

    def open(self, data=b""):
        """Until the server has answered; `data`: of the first SYN."""
        self.syn(data)
        for _ in range(20):
            if self.synchronised.wait(0.2):
                break
            self.syn()
        if not self.synchronised.is_set():
            raise AssertionError(f"no answer from {self.destination}:{self.port}")
        self.segment(0, flags=ACK)
        return self

    def deliver(self, rounds, seconds=4.0, before=None):
        """Each round, a list of (offset, bytes), is sent until all of it is acknowledged. `before` is asked
        to send its decoys before a piece is sent. True once everything is; false after a reset or too long."""
        deadline = time.monotonic() + seconds
        for pieces in rounds:
            patience, acked = RESEND, None
            while missing := [p for p in pieces if p[0] + len(p[1]) > self.acked]:
                if self.ended.is_set() or time.monotonic() > deadline:
                    return False
                if acked is not None:
                    # Less, and later each time, as any TCP does: a slow machine must not look like a sender of nothing new.
                    again = sorted(missing)[:AGAIN]
                    missing = [p for p in missing if p in again]
                    patience = RESEND if self.acked > acked else 2 * patience
                acked = self.acked
                for offset, data in missing:
                    if before:
                        before(self, offset, data)
                    self.segment(offset, data)
                self.await_ack(max(o + len(d) for o, d in missing), min(time.monotonic() + patience, deadline))
        return True

    def await_ack(self, target, until):
        while self.acked < target and not self.ended.is_set() and (left := until - time.monotonic()) > 0:
            self.news.wait(left)
            self.news.clear()

    def close(self):
        """By a reset, so that nothing stays behind."""
        self.segment(self.acked, flags=RST | ACK)
        self.stranger.forget("tcp", self.sport)


class Flow:
    """Datagrams of one port of a stranger to one destination, and what came back."""

    def __init__(self, stranger, sport, destination, port):
        self.stranger, self.sport, self.destination, self.port = stranger, sport, destination, port
        self.heard = []

    @property
    def source(self):
        return self.stranger.addresses[":" in self.destination], self.sport

    def hear(self, packet):
        self.heard.append(packet.payload)

    def send(self, data, **how):
        """`how`: see Stranger.send()."""
        head = struct.pack("!HHHH", self.sport, self.port, 8 + len(data), 0)
        self.stranger.send(self.destination, UDP, head + data, **how)

    def close(self):
        self.stranger.forget("udp", self.sport)


def far_away(host):
    """Routers between the firewall and this host: what has little life left dies after the firewall has seen it."""
    for family, field in (("ip", "ttl"), ("ip6", "hoplimit")):
        host.run("nft", "add", "table", family, "far")
        host.run("nft", "add", "chain", family, "far", "in", "{ type filter hook prerouting priority -300; }")
        host.run("nft", "add", "rule", family, "far", "in", family, field, "<", str(FAR), "drop")
