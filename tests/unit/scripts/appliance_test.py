#!/usr/bin/python3
"""What `scripts/test --appliance` judges by: its own Toeplitz, its cache, and that its checks can fail. No QEMU."""
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from appliance import prediction
from appliance.cache import Cache
from appliance.flows import Flow, Passage
from appliance.judge import Judge
from lab.network import LabError

# Microsoft, "Verifying the RSS hash calculation".
MICROSOFT_KEY = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
MICROSOFT = [
    ("66.9.149.187", 2794, "161.142.100.80", 1766, 0x51ccc178),
    ("199.92.111.2", 14230, "65.69.140.83", 4739, 0xc626b0ea),
    ("3ffe:2501:200:1fff::7", 2794, "3ffe:2501:200:3::1", 1766, 0x40207d3d),
]
VIP, CLIENTS = "203.0.113.30", ("198.51.100.7", "8.8.4.4", "91.20.3.77", "100.64.0.1")


class Prediction(unittest.TestCase):
    def test_toeplitz_is_microsofts(self):
        for source, sport, destination, dport, hashed in MICROSOFT:
            data = prediction.packed(source) + prediction.packed(destination) + sport.to_bytes(2, "big") + dport.to_bytes(2, "big")
            self.assertEqual(prediction.toeplitz(MICROSOFT_KEY, data), hashed)

    def test_either_side_gives_the_owner(self):
        for client in CLIENTS:
            by_source = prediction.Rss("source", 128, 2).queue(client, 4000, VIP, 3478, "udp")
            by_destination = prediction.Rss("destination", 128, 2).queue(VIP, 3478, client, 4000, "udp")
            self.assertEqual([by_source, by_destination], [prediction.owner(client, 2)] * 2)


class JudgeTest(unittest.TestCase):
    def judged(self, change=lambda there, back: None, rss=True, spoilt="dnat", answered=True):
        """How many checks failed for a few A/V flows, and the full-NAT ones; `change` spoils the first of `spoilt`."""
        judge = Judge("igb", 2, lambda text: None)
        if rss:
            judge.rss = {"wan": prediction.Rss("source", 128, 2), "inside": prediction.Rss("destination", 128, 2)}
        flows = []
        for number, client in enumerate(CLIENTS):
            for kind, nat in (("A/V media by VIP", "dnat"), ("SIP client", "full")):
                flow = Flow(kind, nat, client, client, 4000, VIP, 3478, "udp", ("wan", None), ("inside", None))
                owner = prediction.owner(client, 2)
                # Behind full NAT the reply goes to a port of the owner's slice.
                reply = (VIP, 3478, VIP, 2000 + 40000 * owner, "udp") if nat == "full" else (VIP, 3478, client, 4000, "udp")
                passages = [Passage(device, ends, 32, 32) for device, ends in (("wan", (client, 4000, VIP, 3478, "udp")), ("inside", reply))]
                for passage in passages:
                    queue = judge.queue_of(passage)
                    passage.received = {queue: 33, 1 - queue: 1}
                    passage.handed_out = {queue: 32 * (queue != owner), 1 - queue: 0}
                first = number == 0 and nat == spoilt
                if first:
                    change(*passages)
                judge.flow(flow, passages[0], passages[1] if answered or not first else None)
                flows.append(flow)
        judge.all_flows(flows)
        return judge.failed

    def test_what_is_as_predicted_passes(self):
        self.assertEqual(self.judged(), 0)
        self.assertEqual(self.judged(rss=False), 0)

    def test_what_is_not_fails(self):
        def another_queue(there, _):
            there.received = {queue: 34 - count for queue, count in there.received.items()}

        def spread(there, _):
            there.received = {0: 17, 1: 17}

        def lost(_, back):
            back.arrived = 31

        def handed(there, _):
            there.handed_out = {0: 32, 1: 0}

        for change in (another_queue, spread, lost, handed):
            with self.subTest(change.__name__):
                self.assertGreater(self.judged(change), 0)

    def test_what_never_came_fails(self):
        self.assertEqual(self.judged(answered=False), 1)
        judge = Judge("igb", 2, lambda text: None)
        judge.all_flows([])  # nothing was seen, so nothing has been shown
        self.assertGreaterEqual(judge.failed, 4)

    def test_a_reply_outside_of_its_owners_slice_fails(self):
        def to_the_other(_, back):
            *ends, port, protocol = back.tuple_in
            back.tuple_in = (*ends, 2000 if port > 40000 else 42000, protocol)

        # Where the packets go is as predicted all the same: the port plays no part in it.
        self.assertEqual(self.judged(to_the_other, spoilt="full"), 1)

    def test_a_packet_that_was_handed_over_for_nothing_fails(self):
        def handed(there, _):
            there.handed_out = {queue: 32 * (count == 33) for queue, count in there.received.items()}

        self.assertEqual(self.judged(handed, spoilt="full"), 1)


class CacheTest(unittest.TestCase):
    def test_made_once_again_when_inputs_change_and_not_kept_when_it_fails(self):
        with tempfile.TemporaryDirectory(prefix="portcullis-cache-") as directory:
            old = os.environ.get("XDG_CACHE_HOME")
            os.environ["XDG_CACHE_HOME"] = directory
            self.addCleanup(lambda: os.environ.pop("XDG_CACHE_HOME") if old is None else os.environ.update(XDG_CACHE_HOME=old))
            cache, made = Cache(lambda text: None), []

            def make(folder):
                made.append(os.listdir(folder))

            folder = cache.part("x", {"a": 1}, make)
            self.assertEqual(cache.part("x", {"a": 1}, make), folder)
            self.assertEqual(len(made), 1)
            cache.part("x", {"a": 2}, make)
            self.assertEqual(made, [[], []])

            def fail(folder):
                raise LabError(folder)

            with self.assertRaises(LabError):
                cache.part("x", {"a": 3}, fail)
            self.assertEqual(sorted(os.listdir(f"{directory}/portcullis")), ["x.lock"])


if __name__ == "__main__":
    unittest.main()
