#!/usr/bin/python3
"""One client socket talks to the A/V VIP and to the nodes behind it at the same time (SEMANTICS
decision 9): every answer comes from the address that its request was sent to."""
import random
import unittest

from case import AV_NODES, AV_VIP, CLIENT, FirewallCase, stun_answer, stun_request, tcp_socket, udp_socket


class AvPaths(FirewallCase):
    # Whichever worker a packet comes to, both paths of a client are one worker's.
    workers = 3

    def exchange(self, sock, targets):
        """Sends one request to each target before reading any answer; returns {target: answered from}."""
        asked = {}
        for target in targets:
            request, transaction = stun_request()
            asked[transaction] = target
            sock.sendto(request, (target, 3478))
        answers = {}
        while len(answers) < len(targets):
            data, source = sock.recvfrom(2048)
            transaction = stun_answer(data)
            self.assertIn(transaction, asked)
            self.assertEqual(source[1], 3478)
            answers[asked[transaction]] = source[0]
        return answers

    def test_udp_answers_come_from_where_the_request_went(self):
        with udp_socket(self.site.internet, CLIENT) as sock:
            targets = [AV_VIP, *AV_NODES]
            for _ in range(300):
                random.shuffle(targets)
                answers = self.exchange(sock, targets)
                self.assertEqual(answers, {t: t for t in targets})
        self.assert_every_packet_is_accounted_for()

    def test_either_path_may_come_first_and_alone(self):
        for first in (AV_VIP, *AV_NODES):
            with udp_socket(self.site.internet, CLIENT) as sock:
                for targets in ([first], [AV_VIP], list(AV_NODES), [first]):
                    self.assertEqual(self.exchange(sock, targets), {t: t for t in targets})

    def test_the_clients_port_is_kept(self):
        """The node answers to the client's own address and port, through the VIP too."""
        with udp_socket(self.site.internet, CLIENT) as sock:
            request, _ = stun_request()
            sock.sendto(request, (AV_VIP, 3478))
            data, _ = sock.recvfrom(2048)
            # XOR-MAPPED-ADDRESS (RFC 5389 15.2) of the answer: what the server saw.
            position = data.index(b"\x00\x20\x00\x08") + 4
            port = int.from_bytes(data[position + 2:position + 4], "big") ^ 0x2112
            address = bytes(a ^ b for a, b in zip(data[position + 4:position + 8], b"\x21\x12\xa4\x42"))
            self.assertEqual((".".join(map(str, address)), port), sock.getsockname())

    def test_tcp_refuses_the_second_path_to_the_same_node_while_the_first_lives(self):
        before = self.counter("drop.path-conflict")
        first = self.closed(tcp_socket(self.site.internet, CLIENT))
        first.connect((AV_VIP, 443))
        port = first.getsockname()[1]
        reached = []
        for node in AV_NODES:
            with tcp_socket(self.site.internet, CLIENT, port, timeout=1.5) as second:
                try:
                    second.connect((node, 443))
                    reached.append(node)
                except OSError:
                    pass
        self.assertEqual(len(reached), len(AV_NODES) - 1, "the node behind the VIP, and only it, is refused")
        self.assertGreater(self.counter("drop.path-conflict"), before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
