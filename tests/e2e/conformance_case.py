"""What the tests of application conformance share: the sample with one Edge Server and a `conformance` section,
and what the firewall says that it has made of each session.
"""
import os
import re
import tempfile
import time

import yaml

from case import HLB, INTERNET, FirewallCase, wait_until

REVERSE_PROXY = "203.0.113.200"
ACCESS_NODE, WEB_NODE, AV_NODE = "203.0.113.11", "203.0.113.21", "203.0.113.31"
PUBLISHED = {"access": "sip.example.com", "web": "conf.example.com", "proxy": "meet.example.com"}
UNPUBLISHED = "evil.example.net"
SECTION = """
conformance:
  default: {mode}
  services:
    access-443: {{names: [sip.example.com, "*.sip.example.com"], missing-name: allow}}
    web-conferencing-443: {{names: [conf.example.com], missing-name: refuse}}
    reverse-proxy-443: {{names: [meet.example.com, dialin.example.com], missing-name: refuse}}
"""


def pairs(value):
    """Wherever a topology has [IPv4, IPv6]."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return {}
    if len(value) == 2 and all(isinstance(v, str) for v in value) and [":" in v for v in value] == [False, True]:
        return {value[0]: value[1]}
    return {v4: v6 for item in value for v4, v6 in pairs(item).items()}


with open(HLB, encoding="utf-8") as sample:
    OTHER_FAMILY = pairs(yaml.safe_load(sample)) | pairs(INTERNET)


def six(address):
    """The IPv6 address of what has this IPv4 address, in the sample or in the Internet."""
    return OTHER_FAMILY[address]


def topology_text(mode):
    with open(HLB, encoding="utf-8") as file:
        text = file.read()
    # One node, so that it is known which one a connection reaches.
    text, removed = re.subn(r"(?m)^    edge2: .*\n", "", text)
    assert removed == 1
    text, removed = re.subn(r"(?m)^conformance:\n(?:[ #].*\n)+", "", text)
    assert removed == 1
    # Opens the media range from outside.
    text, changed = re.subn("xmpp: on}", "xmpp: on, ocs2007-federation: on}", text)
    assert changed == 1
    return text + SECTION.format(mode=mode)


class ConformanceCase(FirewallCase):
    """Starts in mode enforce."""

    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", delete=False) as file:
            file.write(topology_text("enforce"))
        cls.addClassCleanup(os.unlink, file.name)
        cls.topology = file.name
        super().setUpClass()
        cls.edge = cls.site.edges[0]

    def enter(self, mode):
        """Pushes another mode for all services; the test ends in enforce again."""
        self.firewall.push(self.variant(f"{mode}.yaml", lambda _: topology_text(mode)))
        self.addCleanup(self.firewall.push, self.topology)

    def judged(self, service):
        """{matched, refused, watched} of a service; absent in mode off."""
        return self.all_judged().get(service, {"matched": 0, "refused": 0, "watched": 0})

    def all_judged(self):
        return {entry["service"]: {name: entry[name] for name in ("matched", "refused", "watched")}
                for entry in self.firewall.json("signatures")["signatures"]}

    def watching(self, service, act, **expected):
        """What `act` returns; and what it has changed in the counts of `service` must be `expected`, where a
        tuple says from what to what."""
        before = self.judged(service)
        result = act()

        def grown():
            now = self.judged(service)
            return {name: now[name] - before[name] for name in now}

        def fits(counts):
            return all(low <= counts[name] <= high for name, (low, high) in wanted.items())

        wanted = {name: expected.get(name, (0, 0)) for name in before}
        deadline = time.monotonic() + 2
        while not fits(counts := grown()) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertTrue(fits(counts), f"{service}: {counts}, expected {wanted}; result {result}; "
                        f"denies {self.denies(service)[-3:]}")
        return result

    def denies(self, service, since=0.0):
        return [d for d in self.firewall.json("denies")["denies"]
                if d.get("service") == service and d["unix_ms"] >= since * 1000 - 1]

    def assert_logged(self, service, since, reason, first_bytes=b"", dropped=True):
        """With the rule that let the session begin, and what it began with."""
        def fits(entry):
            return (entry["reason"] == reason and entry["dropped"] == dropped and entry["rule"] and
                    bytes.fromhex(entry["first_bytes"]).startswith(first_bytes))

        try:
            wait_until(lambda: any(fits(d) for d in self.denies(service, since)), "the log entry", timeout=3)
        except Exception:
            self.fail(f"no log entry of {service} says {reason}, dropped={dropped}, {first_bytes[:8]}: "
                      f"{self.denies(service, since)}")

    def assert_all_logged(self, told, since):
        """`told`: {(address, port) of a session: whether its log entries say that it was dropped, one of each}."""
        def logged():
            entries = [d for d in self.firewall.json("denies")["denies"] if d["unix_ms"] >= since * 1000 - 1]
            return {source: [d["dropped"] for d in entries if (d["src"], d["sport"]) == source] for source in told}

        deadline = time.monotonic() + 5
        while logged() != told and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(logged(), told)
