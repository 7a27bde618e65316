#!/usr/bin/python3
"""The `inspect-…` settings of dataplane.conf: the same clients before and after a change of two of them. Who was given
time, and room, is refused; and the deny log names the setting and its number."""
import time
import unittest

from case import ACCESS_VIP, CLIENT, tcp_socket, wait_until
from conformance_case import PUBLISHED, ConformanceCase
from evasion_case import hello

HELLO = hello(PUBLISHED["access"])
BEGINNING = 100  # bytes of it, after which nobody can tell what it will be
PAUSE = 1.5      # seconds; between the default of inspect-seconds, 10, and what it is set to
SETTINGS = {"inspect-seconds": 1, "inspect-per-source": 2}


class InspectLimits(ConformanceCase):
    def begin(self):
        sock = self.closed(tcp_socket(self.site.internet, CLIENT))
        sock.connect((ACCESS_VIP, 443))
        sock.sendall(HELLO[:BEGINNING])
        return sock

    @staticmethod
    def goes_on(sock):
        """Whether the server answers the rest with a TLS record; else the client has been reset."""
        try:
            sock.sendall(HELLO[BEGINNING:])
            return sock.recv(1) == b"\x16"
        except ConnectionError:
            return False

    def slow_client(self):
        sock = self.begin()
        time.sleep(PAUSE)
        return [self.goes_on(sock)]

    def three_at_once(self):
        socks = [self.begin() for _ in range(3)]
        return [self.goes_on(sock) for sock in socks]

    def watching_access(self, act, **expected):
        return self.watching("access-443", act, **{name: (n, n) for name, n in expected.items()})

    def assert_explained(self, since, reason, text):
        """In the log, and in what an operator reads of it, where long lines are broken."""
        logged = lambda: [d["text"] for d in self.denies("access-443", since) if d["reason"] == reason]
        wait_until(logged, "the log entry", timeout=3)
        self.assertEqual(logged(), [text])
        self.assertIn(text, " ".join(self.firewall.online("denies").stdout.split()))

    def test_a_changed_limit_changes_the_verdict(self):
        self.assertEqual(self.watching_access(self.slow_client, matched=1), [True])
        self.assertEqual(self.watching_access(self.three_at_once, matched=3), [True] * 3)

        running = self.running()
        self.firewall.dataplane.stop()
        self.firewall.write_config("".join(f"{key} = {value}\n" for key, value in SETTINGS.items()))
        self.firewall.start_dataplane()
        self.wait_until_forwarding()
        wait_until(lambda: self.running() == running, "control to find it again", timeout=15)

        since = time.time()
        self.assertEqual(self.watching_access(self.slow_client, refused=1), [False])
        self.assert_explained(since, "too-slow",
                              "undecided for more than 1 s (inspect-seconds), or others needed its buffer")
        since = time.time()
        self.assertEqual(self.watching_access(self.three_at_once, matched=2, refused=1), [True, True, False])
        self.assert_explained(since, "source-quota",
                              "this source has 2 undecided sessions already (inspect-per-source)")


if __name__ == "__main__":
    unittest.main(verbosity=2)
