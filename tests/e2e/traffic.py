"""Traffic that must not notice what happens to the firewall's control."""
import random
import select
import ssl
import threading
import time

from case import ACCESS_VIP, AV_NODES, AV_VIP, CLIENT, stun_answer, stun_request, tcp_socket, udp_socket


class Traffic:
    """STUN to the A/V VIP and to the nodes, and requests over standing TLS connections to the Access VIP:
    one round every few milliseconds, every answer accounted for."""

    def __init__(self, site):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.udp = [udp_socket(site.internet, CLIENT) for _ in range(6)]
        self.tls = []
        for _ in range(4):
            raw = tcp_socket(site.internet, CLIENT)
            raw.connect((ACCESS_VIP, 443))
            self.tls.append(context.wrap_socket(raw))
        self.sent = self.lost = self.broken = 0

    def round(self):
        waiting = {}
        for sock, target in zip(self.udp, (AV_VIP, *AV_NODES) * 2):
            request, transaction = stun_request()
            sock.sendto(request, (target, 3478))
            waiting[transaction] = target
            self.sent += 1
        deadline = time.monotonic() + 1.0
        while waiting and time.monotonic() < deadline:
            for sock in select.select(self.udp, [], [], 0.2)[0]:
                data, source = sock.recvfrom(2048)
                if waiting.get(stun_answer(data)) == source[0]:
                    del waiting[stun_answer(data)]
        self.lost += len(waiting)
        for connection in self.tls:
            self.sent += 1
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
                if b"200 OK" not in connection.recv(4096):
                    self.broken += 1
            except OSError:
                self.broken += 1

    def run(self, seconds, each=None):
        """Counts of this run: (sent, lost, broken)."""
        self.sent = self.lost = self.broken = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.round()
            if each:
                each()
            time.sleep(0.005)
        return self.sent, self.lost, self.broken

    def close(self):
        for sock in self.udp + self.tls:
            sock.close()


class Stream:
    """A connection to a server that echoes: sends without end, never the same, and holds what comes back against it.
    A little at a time, so that some is under way whatever happens."""

    CHUNK, UNDER_WAY, PAUSE = 400, 4000, 0.02

    def __init__(self, name, sock, first):
        self.name, self.sock = name, sock
        self.received = 0
        self.wrong = None  # an exception, once something is
        self.ending = False
        self.waiting = bytearray()  # sent, and not come back
        self.made = random.Random(name)
        self.sock.setblocking(False)
        self.thread = threading.Thread(target=self.run, args=(first,), daemon=True)
        self.thread.start()

    def run(self, unsent):
        try:
            while not self.ending or self.waiting:
                if not unsent and not self.ending and len(self.waiting) < self.UNDER_WAY:
                    unsent = self.made.randbytes(self.CHUNK)
                readable, writable, _ = select.select([self.sock], [self.sock] if unsent else [], [], self.PAUSE)
                if writable:
                    count = self.sock.send(unsent)
                    self.waiting += unsent[:count]
                    unsent = unsent[count:]
                if readable:
                    self.take(self.sock.recv(65536))
                time.sleep(self.PAUSE)
        except (OSError, AssertionError) as wrong:
            self.wrong = wrong

    def take(self, data):
        assert data, "closed"
        assert self.waiting.startswith(data), f"another byte came back than was sent, behind {self.received}"
        del self.waiting[:len(data)]
        self.received += len(data)

    def finish(self):
        """Everything sent has come back."""
        self.ending = True
        self.thread.join(30)
        if self.wrong or self.waiting:
            raise AssertionError(f"{self.name}: {len(self.waiting)} bytes have not come back, {self.wrong!r}")
        self.close()

    def close(self):
        self.ending = True
        self.waiting.clear()
        self.thread.join(5)
        self.sock.close()
