#!/usr/bin/python3
"""A node whose servers end gets nothing new, the other node everything; both again when it is back."""
import re
import signal
import unittest

from case import ACCESS_VIP, AV_VIP, CLIENT, HLB, FirewallCase, clients, services, tcp_socket, wait_until

# Clients that the rendezvous hash spreads over both nodes.
SOURCES = [f"198.51.100.{n}" for n in range(100, 124)]


class NodeDown(FirewallCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site.internet.addresses("lo", *(f"{a}/32" for a in SOURCES))

    def nodes(self, name):
        """{service: up} of one node."""
        return {n["service"]: n["up"] for n in self.firewall.json("nodes")["nodes"] if n["node"] == name}

    def reached(self, vip=ACCESS_VIP):
        """{source: host that answered}; None where nobody did."""
        out = {}
        for source in SOURCES:
            worked, said = clients.https(self.site.internet, source, vip, 443, clients.SILENCE)
            found = re.search(r"host=(\S+)", said) if worked else None
            out[source] = found.group(1) if found else None
        return out

    def test_a_node_goes_down_and_comes_back(self):
        self.assertTrue(all(self.nodes("edge1").values()))
        self.assertTrue(all(self.nodes("edge2").values()))
        before = self.reached()
        self.assertEqual(set(before.values()), {"edge1", "edge2"})
        self.assertEqual(set(self.reached(AV_VIP).values()), {"edge1", "edge2"})

        # One standing connection to the node that stays.
        survivor = next(source for source, host in before.items() if host == "edge2")
        standing = self.closed(tcp_socket(self.site.internet, survivor))
        standing.connect((ACCESS_VIP, 443))

        edge1 = next(h for h in self.site.edges if h.name == "edge1")
        for process in self.site.processes:
            if process.name in ("edge1-nginx", "edge1-turnserver"):
                process.stop(signal.SIGKILL)
        wait_until(lambda: not any(self.nodes("edge1").values()), "every service of edge1 to be down", timeout=30)
        self.assertTrue(all(self.nodes("edge2").values()), "edge2 lives")
        self.assertEqual(set(self.reached().values()), {"edge2"})
        self.assertEqual(set(self.reached(AV_VIP).values()), {"edge2"})
        for _ in range(10):
            self.assertTrue(clients.stun(self.site.internet, CLIENT, AV_VIP, 3478)[0])
        standing.setblocking(False)
        with self.assertRaises(BlockingIOError):
            standing.recv(1)  # neither ended nor reset

        # A push does not forget it: no policy starts with a dead node up for good.
        self.firewall.push(self.variant("same.yaml", lambda t: t.replace("198.51.100.0/24", "198.51.100.0/25")))
        wait_until(lambda: not any(self.nodes("edge1").values()), "edge1 to be down after a push", timeout=10)
        self.firewall.push(HLB)

        services.start_edges(self.site, only=edge1)
        wait_until(lambda: all(self.nodes("edge1").values()), "every service of edge1 to be up", timeout=30)
        # Nothing has been forgotten: each client is where it was.
        self.assertEqual(self.reached(), before)
        self.assert_every_packet_is_accounted_for()


if __name__ == "__main__":
    unittest.main(verbosity=2)
