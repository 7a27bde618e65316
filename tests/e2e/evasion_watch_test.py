#!/usr/bin/python3
"""Application conformance that only watches, against senders that cut, shuffle, overlap and lie: whatever they do the
server's application gets what it would have got without us, and what does not conform is counted and logged once."""
import time
import unittest

from case import wait_until
from evasion_case import AFTER, SERVICES, EvasionCase, by_ack, by_checksum, by_ttl, cut, shuffled, without_ack
from stranger import ACK, PSH, SYN, URG

ONCE, AT_MOST_ONCE, NEVER = (1, 1), (0, 1), (0, 0)


class Watched(EvasionCase):
    workers = 2

    def setUp(self):
        self.enter("watch")
        self.since = time.time()

    def send(self, service, data, rounds, before, first, prepare, unread):
        """In one connection, with AFTER behind it; the connection's source."""
        connection, recorder = self.connection(service), self.recorder(service)
        try:
            if prepare:
                prepare(connection)
            connection.open(first)
            done = connection.deliver(rounds, seconds=8, before=before) and connection.deliver([[(len(data), AFTER)]])
            self.assertTrue(done, f"{connection.acked} of {len(data)} bytes arrived, reset: {connection.ended.is_set()}")
            whole = data[unread:] + AFTER
            wait_until(lambda: sum(map(len, recorder.streams())) >= len(whole), "what was acknowledged to be read", timeout=5)
            self.assertEqual(recorder.streams(), [whole])
            self.assertFalse(connection.ended.is_set(), "reset")
        finally:
            connection.close()
        return self.stranger.addresses[self.ipv6], connection.sport

    def watch(self, rounds_of, before_of=lambda good: None, first_of=lambda good: b"", prepare_of=lambda good: None,
              bads=ONCE, goods=NEVER, unread=0):
        """Sends everything in one manner; `bads`, `goods`: how often each is counted as one that does not conform.
        `unread`: bytes at the beginning that the application does not get."""
        before, wanted, told = self.all_judged(), {}, {}
        for service, (_, _, _, good, bad) in SERVICES.items():
            sessions = [(data, good[0], bads) for data, _ in bad] + [(data, data, goods) for data in good]
            for number, (data, decoy, times) in enumerate(sessions):
                with self.subTest(service=service, number=number):
                    source = self.send(service, data, rounds_of(data), before_of(decoy), first_of(decoy), prepare_of(decoy), unread)
                    if times[0] == times[1]:
                        told[source] = [False] * times[0]
            wanted[service] = [sum(times[end] for _, _, times in sessions) for end in (0, 1)]

        def watched():
            return {service: self.judged(service)["watched"] - before[service]["watched"] for service in wanted}

        deadline = time.monotonic() + 5
        fits = lambda counts: all(low <= counts[service] <= high for service, (low, high) in wanted.items())
        while not fits(watched()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(fits(watched()), f"{watched()}, expected {wanted}")
        self.assert_all_logged(told, self.since)

    def test_whole_and_in_pieces(self):
        self.watch(lambda data: [[(0, data)]])
        self.watch(lambda data: cut(data, 1, group=64))
        self.watch(lambda data: cut(data, 48, step=32))

    def test_shuffled_and_backwards(self):
        self.watch(lambda data: shuffled(cut(data, max(4, len(data) // 24), group=6), self.seed))
        self.watch(lambda data: [[(o, data[o:o + 64]) for o in range(0, len(data), 64)][::-1]])

    def test_decoys(self):
        for decoy in (by_checksum, by_ttl, by_ack, without_ack):
            with self.subTest(decoy=decoy.__name__):
                self.watch(lambda data: cut(data, 64), decoy)

    def test_the_whole_good_thing_first_as_a_decoy(self):
        for lost in (by_checksum, by_ttl):
            def once(good, lost=lost):
                todo = [good]
                return lambda c, o, d: todo and lost(good)(c, 0, todo.pop())
            self.watch(lambda data: [[(0, data)]], once)

    def test_data_of_a_syn(self):
        self.watch(lambda data: [[(0, data)]], first_of=lambda good: good)

    def test_other_syns(self):
        def early(good):
            def send(connection):
                connection.syn(broken=True, start=(connection.start + 1000) & 0xffffffff)
                connection.syn()
                connection.segment(0, good, flags=PSH | SYN, broken=True)
            return send

        self.watch(lambda data: [[(0, data)]], prepare_of=early)

    def test_keepalives(self):
        def keepalive(connection, _offset, _data):
            connection.segment(connection.acked - 1, b"\x00", flags=ACK)

        self.watch(lambda data: cut(data, 100, group=1), lambda good: keepalive)

    def test_urgent_bytes(self):
        """The first byte is urgent, which the application does not get."""
        def urgent(connection, offset, data):
            connection.segment(offset, data[:1], flags=ACK | PSH | URG)

        self.watch(lambda data: [[(0, data)]], lambda good: urgent, bads=AT_MOST_ONCE, goods=AT_MOST_ONCE, unread=1)

    def test_over_ipv6(self):
        self.ipv6 = True
        self.watch(lambda data: shuffled(cut(data, max(4, len(data) // 12), group=6), self.seed), by_ttl)


if __name__ == "__main__":
    unittest.main(verbosity=2)
