#!/usr/bin/python3
"""Pushes under traffic: what stays allowed loses nothing, what is no longer allowed ends, bad topologies
change nothing, an unconfirmed push is taken back."""
import socket
import time
import unittest

from case import ACCESS_VIP, CLIENT, HLB, WEB_VIP, FirewallCase, tcp_socket, wait_until
from traffic import Traffic


class Reload(FirewallCase):
    workers = 2

    def test_pushes_under_traffic_lose_nothing(self):
        other = self.variant("other.yaml", lambda t: t.replace("198.51.100.0/24", "198.51.100.0/25"))
        traffic = Traffic(self.site)
        self.addCleanup(traffic.close)
        quiet = traffic.run(4)
        pushes = []
        pending = []

        def push_now_and_then():
            # In the background: the traffic must not pause while a push is compiled.
            if pending and pending[0].alive():
                return
            if pending:
                pushes.append(pending.pop().popen.returncode)
            topology = other if len(pushes) % 2 == 0 else HLB
            pending.append(self.site.firewall.start("push", self.firewall.program("portcullis"), "push", topology,
                                                    "--socket", self.firewall.control_socket))

        busy = traffic.run(6, push_now_and_then)
        if pending:
            pending[0].popen.wait(20)
        self.assertGreater(len(pushes), 5)
        self.assertEqual(set(pushes), {0})
        self.assertGreater(busy[0], 500)
        self.assertLessEqual(busy[1], quiet[1], f"datagrams lost with pushes {busy}, without {quiet}")
        self.assertEqual(busy[2], quiet[2], f"connections broken with pushes {busy}, without {quiet}")
        self.firewall.push(HLB)
        self.assert_every_packet_is_accounted_for()

    def test_what_is_no_longer_allowed_is_ended(self):
        sock = self.closed(tcp_socket(self.site.internet, CLIENT))
        sock.connect((WEB_VIP, 443))
        kept = self.closed(tcp_socket(self.site.internet, CLIENT))
        kept.connect((ACCESS_VIP, 443))
        without = self.variant("without.yaml", lambda t: t.replace("xmpp: on}", "xmpp: on, web-conferencing: off}"))
        self.firewall.push(without)
        try:
            # Idle sessions are judged within 10 s: the reset comes by itself.
            sock.settimeout(12)
            with self.assertRaises(ConnectionResetError):
                if sock.recv(1) == b"":
                    self.fail("closed, not reset")
            kept.settimeout(0.5)
            with self.assertRaises(socket.timeout):
                kept.recv(1)
        finally:
            self.firewall.push(HLB)

    def test_a_bad_topology_changes_nothing(self):
        before = self.running()
        bad = self.variant("bad.yaml", lambda t: t.replace("203.0.113.20", "10.9.9.9", 1).replace("pools:", "poolz:"))
        result = self.firewall.push_unchecked(bad)
        self.assertEqual(result.returncode, 1)
        self.assertIn("bad.yaml:", result.stderr)
        self.assertIn("poolz", result.stderr)
        self.assertIn("10.9.9.9", result.stderr)
        self.assertEqual(self.running(), before)

    def test_an_unconfirmed_push_is_taken_back(self):
        before = self.running()
        other = self.variant("unconfirmed.yaml", lambda t: t.replace("198.51.100.0/24", "198.51.100.0/26"))
        self.firewall.push(other, "--confirm", "2")
        self.assertNotEqual(self.running(), before)
        wait_until(lambda: self.running() == before, "the rollback", timeout=10)
        # Confirmed in time it stays, and rollback goes back.
        self.firewall.push(other, "--confirm", "30")
        during = self.running()
        self.firewall.online("confirm")
        self.assertEqual(self.running(), during)
        self.firewall.online("rollback")
        self.assertEqual(self.running(), before)

    def test_killing_control_does_not_cancel_a_rollback(self):
        before = self.running()
        other = self.variant("killed.yaml", lambda t: t.replace("198.51.100.0/24", "198.51.100.0/27"))
        self.firewall.push(other, "--confirm", "3")
        self.assertNotEqual(self.running(), before)
        self.firewall.kill(self.firewall.control)
        time.sleep(4)
        self.firewall.start_control()
        wait_until(lambda: self.running() == before, "the rollback to be seen", timeout=10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
