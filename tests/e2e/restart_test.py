#!/usr/bin/python3
"""Killing either process costs no more than ARCHITECTURE "Restarts" says."""
import socket
import time
import unittest

from case import (ACCESS_VIP, AV_VIP, CLIENT, HLB, FirewallCase, clients, stun_answer, stun_request, tcp_socket,
                  udp_socket, wait_until)


def ask(sock):
    """One HTTP-free liveness check of a raw TCP connection to a TLS server: still there?"""
    try:
        sock.setblocking(False)
        data = sock.recv(4096)
        return data != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


class Restart(FirewallCase):
    def stun(self, sock):
        request, transaction = stun_request()
        sock.sendto(request, (AV_VIP, 3478))
        try:
            return stun_answer(sock.recvfrom(2048)[0]) == transaction
        except socket.timeout:
            return False

    def test_1_without_a_policy_everything_is_dropped(self):
        self.firewall.kill(self.firewall.control)
        self.firewall.kill(self.firewall.dataplane)
        self.firewall.set_aside_image()
        self.firewall.start_dataplane()
        self.assertFalse(clients.https(self.site.internet, CLIENT, ACCESS_VIP, 443, clients.SILENCE)[0])
        self.assertFalse(self.site.internet.run("ping", "-c", "1", "-W", "1", "192.0.2.1", check=False).returncode == 0)
        self.firewall.start_control()
        self.assertGreater(self.counter("drop.no-policy"), 0)
        self.firewall.push(HLB)
        self.wait_until_forwarding()

    def test_2_killing_control_loses_nothing(self):
        with udp_socket(self.site.internet, CLIENT) as sock:
            self.assertTrue(self.stun(sock))
            standing = self.closed(tcp_socket(self.site.internet, CLIENT))
            standing.connect((ACCESS_VIP, 443))
            hash_before = self.running()
            self.firewall.kill(self.firewall.control)
            lost = sum(not self.stun(sock) for _ in range(100))
            self.firewall.start_control()
            lost += sum(not self.stun(sock) for _ in range(100))
            self.assertEqual(lost, 0)
            self.assertTrue(ask(standing))
            self.assertTrue(clients.https(self.site.internet, CLIENT, ACCESS_VIP, 443)[0])
            self.assertEqual(self.running(), hash_before)

    def test_3_a_killed_data_plane_comes_back_with_the_last_good_policy(self):
        # An idle connection through the full NAT, and one through the A/V VIP.
        full = self.closed(tcp_socket(self.site.internet, CLIENT))
        full.connect((ACCESS_VIP, 443))
        dnat = self.closed(tcp_socket(self.site.internet, CLIENT))
        dnat.connect((AV_VIP, 443))
        hash_before = self.running()
        self.firewall.kill(self.firewall.dataplane)
        self.assertFalse(clients.https(self.site.internet, CLIENT, ACCESS_VIP, 443, clients.SILENCE)[0])
        self.firewall.start_dataplane()
        # By itself, from the image: no push, and control may even be away.
        self.wait_until_forwarding()
        wait_until(lambda: self.running() == hash_before, "control to find it again", timeout=15)
        # The translated-source connection ends cleanly with its next packet...
        full.settimeout(5)
        full.sendall(b"\x16\x03\x01")
        with self.assertRaises(ConnectionResetError):
            full.recv(1)
            full.sendall(b"x")
            full.recv(1)
        # ... and the destination-only one goes on: its server answers a broken hello with an alert.
        dnat.settimeout(5)
        dnat.sendall(b"\x16\x03\x01\x00\x02\x01\x00")
        dnat.sendall(b"\x00" * 64)
        self.assertNotEqual(dnat.recv(64), b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
