"""Servers that keep what their applications have got, for the tests of application conformance."""
import socket
import struct
import threading


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Recorder:
    """A TCP server that says nothing (or `greets`, or `echoes`), and keeps what its kernel has taken of each
    connection."""

    def __init__(self, host, address, port, greets=b"", echoes=False):
        self.listener = host.socket(family(address), socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, port))
        self.listener.listen(64)
        self.listener.settimeout(0.1)
        self.greets, self.echoes = greets, echoes
        self.lock = threading.Lock()
        self.heard = []   # one bytearray for each connection
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
                    if self.echoes:
                        connection.sendall(data)
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


class DatagramRecorder:
    """A UDP server that says nothing by itself (or `echoes`), and keeps what its kernel has taken of each sender, in
    order. The firewall's probes are answered, and not kept."""

    def __init__(self, host, address, port, probers=(), echoes=False):
        self.socket = host.socket(family(address), socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.socket.settimeout(0.1)
        self.probers, self.echoes = set(probers), echoes
        self.lock = threading.Lock()
        self.heard = {}   # (address, port): datagrams
        self.ended = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ended:
            try:
                data, sender = self.socket.recvfrom(65536)
            except OSError:  # nobody for a while, or an ICMP error for what we answered
                continue
            if sender[0] in self.probers:
                self.answer(sender, struct.pack("!HH", 0x0101, 0) + data[4:20])
                continue
            with self.lock:
                self.heard.setdefault(sender[:2], []).append(data)
            if self.echoes:
                self.answer(sender, data)

    def answer(self, sender, data):
        self.socket.sendto(data, sender)

    def of(self, sender):
        with self.lock:
            return list(self.heard.get(sender, []))

    def close(self):
        self.ended = True
        self.thread.join(2)
        self.socket.close()
