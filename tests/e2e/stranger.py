"""A TCP of our own, for segments that no kernel sends: pieces of any size in any order, decoys that die on
their way. It runs on an address that the sending host does not have, so its kernel resets nothing; and an ear on
a device, for what the wires carried.
"""
import random
import socket
import struct
import threading
import time
from collections import namedtuple

FIN, SYN, RST, PSH, ACK, URG = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
SO_RCVBUFFORCE = 33
OUTGOING = 4
# What arrives with less is dropped by `far_away()`: it reaches the server's host, and never its TCP.
FAR = 8
LOW_TTL = FAR - 2
RESEND = 0.06  # seconds; longer than a kernel delays its ACK

Packet = namedtuple("Packet", "proto src sport dst dport seq ack flags payload")


def parse(frame):
    """A TCP or UDP packet over IPv4, None for any other frame."""
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[23] not in (6, 17):
        return None
    ip = 14
    l4 = ip + (frame[ip] & 15) * 4
    end = ip + struct.unpack_from("!H", frame, ip + 2)[0]
    src, dst = socket.inet_ntoa(frame[ip + 12:ip + 16]), socket.inet_ntoa(frame[ip + 16:ip + 20])
    sport, dport = struct.unpack_from("!HH", frame, l4)
    if frame[23] == 17:
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


class Stranger:
    """An Internet host that is not there."""

    def __init__(self, host, device, address):
        self.address = address
        self.raw = host.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.connections = {}
        self.ports = iter(range(20000, 45000))
        self.ear = Ear(host, device, self.hear)

    def hear(self, packet):
        connection = self.connections.get(packet.dport)
        if connection is not None and packet.proto == "tcp" and packet.dst == self.address:
            connection.hear(packet)

    def connection(self, destination, port):
        made = Connection(self, next(self.ports), destination, port)
        self.connections[made.sport] = made
        return made

    def send(self, destination, segment, ttl, broken):
        ends = socket.inet_aton(self.address) + socket.inet_aton(destination)
        total = checksum(ends + struct.pack("!HH", 6, len(segment)) + segment)
        segment = segment[:16] + struct.pack("!H", total ^ (0x5555 if broken else 0)) + segment[18:]
        # The kernel fills in identification and checksum of the IP header.
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, ttl, 6, 0) + ends
        self.raw.sendto(head + segment, (destination, 0))

    def close(self):
        self.ear.close()
        self.raw.close()


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
        self.stranger.send(self.destination, head + data, ttl, broken)

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
            while True:
                missing = [p for p in pieces if p[0] + len(p[1]) > self.acked]
                if not missing:
                    break
                if self.ended.is_set() or time.monotonic() > deadline:
                    return False
                for offset, data in missing:
                    if before:
                        before(self, offset, data)
                    self.segment(offset, data)
                self.await_ack(max(o + len(d) for o, d in missing))
        return True

    def await_ack(self, target):
        until = time.monotonic() + RESEND
        while self.acked < target and not self.ended.is_set() and (left := until - time.monotonic()) > 0:
            self.news.wait(left)
            self.news.clear()

    def close(self):
        """By a reset, so that nothing stays behind."""
        self.segment(self.acked, flags=RST | ACK)
        self.stranger.connections.pop(self.sport, None)


def far_away(host):
    """Routers between the firewall and this host: what has little life left dies after the firewall has seen it."""
    host.run("nft", "add", "table", "ip", "far")
    host.run("nft", "add", "chain", "ip", "far", "in", "{ type filter hook prerouting priority -300; }")
    host.run("nft", "add", "rule", "ip", "far", "in", "ip", "ttl", "<", str(FAR), "drop")


class Recorder:
    """A TCP server that says nothing (or `greets`), and keeps what its kernel has taken of each connection."""

    def __init__(self, host, address, port, greets=b""):
        self.listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.listener.settimeout(0.1)
        self.greets = greets
        self.lock = threading.Lock()
        self.heard = []   # one bytearray for each connection
        self.open = {}
        self.ended = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ended:
            try:
                connection, _ = self.listener.accept()
            except OSError:  # nobody for a while, or one that was reset before we came to it
                continue
            reader = threading.Thread(target=self.read, args=(connection,), daemon=True)
            reader.start()

    def read(self, connection):
        heard = bytearray()
        with self.lock:
            self.heard.append(heard)
        with connection:
            connection.settimeout(20)
            try:
                if self.greets:
                    connection.sendall(self.greets)
                while not self.ended and (data := connection.recv(65536)):
                    with self.lock:
                        heard += data
            except OSError:
                pass

    def forget(self):
        """Of a connection that goes on, too."""
        with self.lock:
            self.heard = []

    def streams(self):
        """What has come, without the connections that said nothing (probes)."""
        with self.lock:
            return [bytes(h) for h in self.heard if h]

    def close(self):
        self.ended = True
        self.thread.join(2)
        self.listener.close()
