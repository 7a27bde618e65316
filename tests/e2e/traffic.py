"""Traffic that must not notice what happens to the firewall's control."""
import select
import ssl
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
