"""perf/harness/ovs.py, group_peers.py: what the peers are told, and how a round becomes a figure."""
import types
import unittest

from harness import group_peers, ovs

RULESET = '''
        ct mark 1 dnat ip to jhash ip saddr mod 2 seed 0x1 map { 0 : 203.0.113.11, 1 : 203.0.113.12 } comment "access-443/tcp"
        ct mark 2 dnat ip6 to jhash ip6 saddr mod 2 seed 0x1 map { 0 : 2001:db8::1, 1 : 2001:db8::2 } comment "access/ipv6"
        ct mark 3 dnat ip to 203.0.113.31 comment "av-3478/udp"
'''


def rule(**changes):
    return {"family": "ipv4", "action": "allow", "from": "internet", "to": "edge-external", "transport": "tcp",
            "destinations": ["203.0.113.10"], "destination_ports": {"first": 443, "last": 443}, "nat": "full",
            "service": "access-443/tcp", **changes}


class OpenFlow(unittest.TestCase):
    nodes = ovs.nodes_of(RULESET)

    def test_nodes_are_those_of_the_ruleset(self):
        self.assertEqual(self.nodes, {"access-443/tcp": ["203.0.113.11", "203.0.113.12"], "av-3478/udp": ["203.0.113.31"]})

    def test_full_nat_passes_two_zones(self):
        groups, flows = ovs.openflow([rule()], self.nodes)
        self.assertEqual(len(groups), 1)
        for node in ("203.0.113.11", "203.0.113.12"):
            self.assertIn(f"nat(dst={node})", groups[0])
            self.assertTrue(any(f"nw_dst={node},tp_dst=443,actions=ct(commit,zone=2,table=30,nat(src=203.0.113.10:"
                                in flow for flow in flows), flows)
        self.assertIn("table=0,priority=20,ip,in_port=2,nw_dst=203.0.113.10,actions=ct(table=20,zone=2,nat)", flows)

    def test_dnat_and_untranslated_pass_one(self):
        groups, flows = ovs.openflow(
            [rule(nat="dnat", transport="udp", service="av-3478/udp", destinations=["203.0.113.30"]),
             rule(nat="none", transport="udp", service=None, destinations=["203.0.113.31"])], self.nodes)
        self.assertNotIn("ct_mark", groups[0])
        self.assertTrue(any("nw_dst=203.0.113.31" in flow and "ct(commit,zone=1),goto_table:30" in flow for flow in flows))
        self.assertFalse(any("commit,zone=2" in flow for flow in flows))

    def test_only_what_the_generator_may_send_is_opened(self):
        for other in (rule(family="ipv6"), rule(action="deny"), rule(**{"from": "corporate"}),
                      rule(destination_ports={"first": 50000, "last": 59999})):
            groups, flows = ovs.openflow([other], self.nodes)
            self.assertEqual(groups, [])
            self.assertFalse(any("+new" in flow for flow in flows))


class Rounds(unittest.TestCase):
    def test_a_ratio_each_round_and_who_was_limited(self):
        lines = iter([{"received_rate": 6e6, "device_full": 0.0, "loss": 0.0},
                      {"received_rate": 2e6, "device_full": 0.9, "loss": 0.4}])
        bench = types.SimpleNamespace(traffic=lambda *_: [next(lines)])
        context = types.SimpleNamespace(quick=True, log=lambda _: None)
        rounds = group_peers.Rounds(context)
        case = "full NAT, TCP"
        rounds.keep(case, rounds.rate(bench, case, "ours", ("access",)), rounds.rate(bench, case, "the peer", ("access",)))
        (result,) = rounds.results("nftables", "nftables", **group_peers.NFTABLES_ASKED)
        self.assertEqual((result.values, result.floor, result.ratio_median), ([6.0], [2.0], 3.0))
        self.assertEqual(result.verdict, "goal")
        self.assertEqual(result.note, "the generator was the limit of ours")

    def test_nothing_is_asked_of_plain_conntrack(self):
        rounds = group_peers.Rounds(types.SimpleNamespace(quick=True, log=lambda _: None))
        rounds.keep("conntrack only, UDP", 9.0, 2.0)
        (result,) = rounds.results("Open vSwitch", "Open vSwitch", **group_peers.OVS_ASKED)
        self.assertIsNone(result.verdict)


if __name__ == "__main__":
    unittest.main()
