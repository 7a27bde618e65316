#!/usr/bin/python3
"""Application conformance against senders that cut, shuffle, overlap and lie: what conforms gets through all the
same, and of what does not the server's application never gets more than a beginning that still could have."""
import time
import unittest

from case import wait_until
from evasion_case import (AFTER, SERVICES, EvasionCase, by_ack, by_checksum, by_ttl, control, cut, shuffled, without_ack)
from stranger import ACK, FIN, PSH, RST, SYN, URG


class Evasions(EvasionCase):
    # What conforms

    def assert_delivered(self, service, good, rounds, before=None, first=b"", whole=True):
        connection, recorder = self.connection(service).open(first), self.recorder(service)
        try:
            done = connection.deliver(rounds, seconds=8, before=before)
            self.assertTrue(done, f"{connection.acked} of {len(good)} bytes arrived, reset: {connection.ended.is_set()}; "
                            f"{self.denies(service)[-1:]}")
            if whole:
                self.assertTrue(connection.deliver([[(len(good), AFTER)]]), "what followed was not taken")
                wait_until(lambda: recorder.streams() == [good + AFTER], "the server to have all of it", timeout=2)
        finally:
            connection.close()

    def each_good(self):
        for service, (_, _, _, goods, _) in SERVICES.items():
            for number, good in enumerate(goods):
                yield service, number, good

    def try_good(self, rounds_of, before_of=lambda good: None, first_of=lambda good: b"", **how):
        for service, number, good in self.each_good():
            with self.subTest(service=service, good=number):
                self.watching(service, lambda s=service, g=good: self.assert_delivered(
                    s, g, rounds_of(g), before_of(g), first_of(g), **how), matched=(1, 1))

    def test_single_bytes_get_through(self):
        self.try_good(lambda good: cut(good, 1, group=64))

    def test_shuffled_pieces_get_through(self):
        self.try_good(lambda good: shuffled(cut(good, max(8, len(good) // 24), group=6), self.seed))

    def test_equal_overlaps_get_through(self):
        self.try_good(lambda good: cut(good, 48, step=32))

    def test_lost_packets_are_sent_again_and_get_through(self):
        """The same bytes first with a wrong checksum, then with too little life, then so that they arrive."""
        for lost in (by_checksum, by_ttl):
            self.try_good(lambda good: cut(good, 64, group=4), lost)

    def test_keepalives_before_and_between_get_through(self):
        def keepalive(connection, _offset, _data):
            connection.segment(connection.acked - 1, b"\x00", flags=ACK)

        self.try_good(lambda good: cut(good, 100, group=1), lambda good: keepalive)

    def test_data_of_a_syn_is_sent_again_and_gets_through(self):
        self.try_good(lambda good: cut(good, 200), first_of=lambda good: good[:20])

    # What does not conform

    def assert_refused(self, service, bad, may_arrive, rounds, before=None, first=b"", prepare=None):
        """However it is sent: the application has got no more than `may_arrive` bytes of it."""
        connection, recorder = self.connection(service), self.recorder(service)
        if prepare:
            prepare(connection)
        try:
            connection.open(first)
        except AssertionError as why:
            self.fail(f"{why}; {self.firewall.json('nodes')}, {self.firewall.json('neighbours')}")
        try:
            done = connection.deliver(rounds, seconds=0.5, before=before)
            self.assertFalse(done, "all of it was acknowledged")
            for _ in range(3):  # a sender that goes on
                connection.segment(connection.acked, bad[connection.acked:] + AFTER)
            time.sleep(0.03)
            arrived = recorder.streams()
            self.assertLessEqual(len(arrived), 1)
            for stream in arrived:
                self.assertTrue(bad.startswith(stream), f"not ours: {stream[:64]}")
                self.assertLessEqual(len(stream), may_arrive, f"arrived: {stream[:64]}")
            return connection.ended.is_set()
        finally:
            connection.close()

    def try_bad(self, rounds_of, before_of=lambda good: None, first_of=lambda good: b"", prepare_of=lambda good: None,
                reset=True):
        for service, (_, _, _, goods, bads) in SERVICES.items():
            for number, (bad, may_arrive) in enumerate(bads):
                with self.subTest(service=service, bad=number):
                    good = goods[0]
                    was_reset = self.watching(service, lambda s=service, g=good, b=bad, m=may_arrive: self.assert_refused(
                        s, b, m, rounds_of(b), before_of(g), first_of(g), prepare_of(g)),
                        refused=(1 if reset else 0, 2), matched=(0, 1))
                    if reset:
                        self.assertTrue(was_reset, "the client was not reset")

    def test_whole(self):
        self.try_bad(lambda bad: [[(0, bad)]])

    def test_single_bytes(self):
        self.try_bad(lambda bad: cut(bad, 1, group=64))

    def test_shuffled_pieces(self):
        self.try_bad(lambda bad: shuffled(cut(bad, max(4, len(bad) // 24), group=6), self.seed), reset=False)

    def test_backwards(self):
        self.try_bad(lambda bad: [[(o, bad[o:o + 8]) for o in range(0, len(bad), 8)][::-1]], reset=False)

    def test_good_decoys_with_a_wrong_checksum(self):
        self.try_bad(lambda bad: [[(0, bad)]], by_checksum)
        self.try_bad(lambda bad: cut(bad, 8), by_checksum)

    def test_good_decoys_that_die_on_the_way(self):
        self.try_bad(lambda bad: [[(0, bad)]], by_ttl)
        self.try_bad(lambda bad: cut(bad, 8), by_ttl)

    def test_good_decoys_that_acknowledge_the_future(self):
        self.try_bad(lambda bad: [[(0, bad)]], by_ack)

    def test_good_decoys_without_an_acknowledgement(self):
        self.try_bad(lambda bad: [[(0, bad)]], without_ack)

    def test_the_whole_good_thing_first_as_a_decoy(self):
        """Recognised, and never received: what is then sent in its place is compared."""
        for lost in (by_checksum, by_ttl):
            def once(good, lost=lost):
                todo = [good]
                return lambda c, o, d: todo and lost(good)(c, 0, todo.pop())
            self.try_bad(lambda bad: [[(0, bad)]], once)

    def test_a_good_middle_waits_for_a_bad_beginning(self):
        def middle(good):
            return lambda c, o, d: o == 0 and c.segment(8, good[8:])

        self.try_bad(lambda bad: [[(0, bad[:8])], [(8, bad[8:])]], middle)

    def test_decoys_that_end_the_connection(self):
        for flags in (RST, FIN | ACK):
            self.try_bad(lambda bad: [[(0, bad)]], lambda good, f=flags: control(f), reset=False)

    def test_good_data_in_the_syn(self):
        self.try_bad(lambda bad: [[(0, bad)]], first_of=lambda good: good)

    def test_other_syns_before_and_after(self):
        """Dead ones, that begin elsewhere: where the stream begins must be what the server believes."""
        for shift in (1, 1000, 1 << 31):
            def before(good, shift=shift):
                return lambda c: c.syn(broken=True, start=(c.start + shift) & 0xffffffff)

            self.try_bad(lambda bad: [[(0, bad)]], prepare_of=before)

    def test_data_before_the_server_has_answered(self):
        def early(good):
            def send(connection):
                connection.syn()
                connection.segment(0, good, ack=100000)  # never right, should the answer be here already
                connection.segment(0, good, flags=PSH | SYN)
            return send

        self.try_bad(lambda bad: [[(0, bad)]], prepare_of=early)

    def test_urgent_bytes(self):
        """One that a receiver takes out of the stream, before what is sent."""
        def urgent(good):
            return lambda c, o, d: c.segment(o, good[:1], flags=ACK | PSH | URG)

        self.try_bad(lambda bad: [[(0, bad)]], urgent, reset=False)

    def test_bytes_before_the_first(self):
        """Out of the stream for the server, and part of the segment."""
        def shifted(good):
            return lambda c, o, d: c.segment(-4, good[:4] + d[:4])

        self.try_bad(lambda bad: [[(0, bad)]], shifted)

    def test_over_ipv6(self):
        self.ipv6 = True
        self.try_good(lambda good: shuffled(cut(good, max(8, len(good) // 12), group=6), self.seed), by_checksum)
        self.try_bad(lambda bad: cut(bad, 24))
        for lost in (by_checksum, by_ttl):
            self.try_bad(lambda bad: [[(0, bad)]], lost)


if __name__ == "__main__":
    unittest.main(verbosity=2)
