"""Flows to try through the firewall, each with a real client, and what became of them.

What must happen is not written here: `portcullis trace` says it, from the same topology.
"""
import concurrent.futures
import dataclasses
import ipaddress
import time

from . import clients
from .capture import endpoint
from .sites import INTERNET, addresses_of, as_list


@dataclasses.dataclass
class Flow:
    what: str
    host: object   # where the client runs
    zone: str
    client: object  # a function of clients.py
    proto: str
    src: str
    dst: str
    dport: int
    worked: bool = False
    said: str = ""
    started: float = 0.0
    ended: float = 0.0

    def question(self, number):
        return {"id": number, "in": self.zone, "proto": self.proto, "src": self.src, "sport": 41000, "dst": self.dst,
                "dport": self.dport}

    def attempt(self, timeout):
        self.started = time.time()
        self.worked, self.said = self.client(self.host, self.src, self.dst, self.dport, timeout)
        # Whatever the flow leaves on the wires belongs to it and not to the next one.
        time.sleep(0.05)
        self.ended = time.time()


def attempt_all(todo, answers):
    """Allowed flows one after the other, so that each has the wires to itself; then the denied ones, a few
    at a time: their clients only wait, and nothing of any of them may come out."""
    for number, flow in enumerate(todo):
        if answers[number]["verdict"] == "allow":
            flow.attempt(clients.PATIENCE)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(f.attempt, clients.SILENCE) for n, f in enumerate(todo) if answers[n]["verdict"] != "allow"]:
            done.result()


def pick(addresses, version):
    return next((str(a) for a in as_list(addresses) if ipaddress.ip_address(str(a)).version == version), None)


def all_flows(site, version=4):
    """Every service of the matrix that has a client in Debian, in both directions, allowed and not."""
    topology, edge = site.topology, site.topology["edge"]
    vip = {role: pick(a, version) for role, a in edge["vips"].items()}
    name, node = next(iter(edge["nodes"].items()))
    own = {role: pick(node[role], version) for role in ("access", "web-conferencing", "av", "internal")}
    host = next(h for h in site.edges if h.name == name)
    net = {role: pick(a, version) for role, a in INTERNET.items()}
    pool = next(p for p in topology["pools"].values() if p["role"] == "front-end")
    director = next(p for p in topology["pools"].values() if p["role"] == "director")
    front_end = pick(addresses_of(pool["servers"])[0], version)
    director_host = pick(addresses_of(director["servers"])[0], version)
    pool_vip = pick(pool.get("vip"), version)
    proxy_in = pick(topology["reverse-proxy"]["internal"], version)
    proxy_out = pick(topology["reverse-proxy"]["external"], version)
    inside = next((c for c in site.clients if ipaddress.ip_address(c).version == version), None)
    c = clients
    inet, corp = site.internet, site.corporate
    table = [
        # Internet -> VIPs
        ("SIP client to Access VIP", inet, "internet", c.https, "tcp", net["client"], vip["access"], 443),
        ("federated partner to Access VIP", inet, "internet", c.tls, "tcp", net["partner"], vip["access"], 5061),
        ("XMPP partner to Access VIP", inet, "internet", c.tls, "tcp", net["xmpp"], vip["access"], 5269),
        ("web conference to its VIP", inet, "internet", c.https, "tcp", net["client"], vip["web-conferencing"], 443),
        ("STUN to the A/V VIP", inet, "internet", c.stun, "udp", net["client"], vip["av"], 3478),
        ("media over TCP to the A/V VIP", inet, "internet", c.https, "tcp", net["client"], vip["av"], 443),
        ("STUN to an A/V node", inet, "internet", c.stun, "udp", net["client2"], own["av"], 3478),
        ("media over TCP to an A/V node", inet, "internet", c.https, "tcp", net["client2"], own["av"], 443),
        ("web publishing", inet, "internet", c.https, "tcp", net["client"], proxy_out, 443),
        ("web publishing, plain", inet, "internet", c.http, "tcp", net["client"], proxy_out, 80),
        # Internet, refused
        ("Access node directly", inet, "internet", c.https, "tcp", net["client"], own["access"], 443),
        ("Web Conferencing node directly", inet, "internet", c.https, "tcp", net["client"], own["web-conferencing"], 443),
        ("media range of an A/V node", inet, "internet", c.https, "tcp", net["client"], own["av"], 50000),
        ("media range of the A/V VIP", inet, "internet", c.https, "tcp", net["client"], vip["av"], 50000),
        ("Edge internal VIP from outside", inet, "internet", c.tls, "tcp", net["client"], vip["internal"], 5061),
        ("Front End from outside", inet, "internet", c.https, "tcp", net["client"], front_end, 443),
        # Edge -> Internet
        ("certificate revocation list", host, "edge-external", c.http, "tcp", own["access"], net["crl"], 80),
        ("DNS", host, "edge-external", c.dns, "udp", own["access"], net["dns"], 53),
        ("DNS over TCP", host, "edge-external", c.dns_tcp, "tcp", own["access"], net["dns"], 53),
        ("SIP to a federated partner", host, "edge-external", c.tls, "tcp", own["access"], net["partner"], 5061),
        ("SIP to a stranger", host, "edge-external", c.tls, "tcp", own["access"], net["stranger"], 5061),
        ("XMPP to a partner", host, "edge-external", c.tls, "tcp", own["access"], net["xmpp"], 5269),
        ("media to a partner's Edge", host, "edge-external", c.https, "tcp", own["av"], net["partner"], 443),
        ("CRL from the A/V address", host, "edge-external", c.http, "tcp", own["av"], net["crl"], 80),
        ("DNS from the A/V address", host, "edge-external", c.dns, "udp", own["av"], net["dns"], 53),
        # Corporate -> Edge
        ("SIP to the Edge internal VIP", corp, "corporate", c.tls, "tcp", front_end, vip["internal"], 5061),
        ("SIP from a Director", corp, "corporate", c.tls, "tcp", director_host, vip["internal"], 5061),
        ("SIP from a client", corp, "corporate", c.tls, "tcp", inside, vip["internal"], 5061),
        ("A/V authentication", corp, "corporate", c.tls, "tcp", front_end, vip["internal"], 5062),
        ("STUN to the Edge internal VIP", corp, "corporate", c.stun, "udp", inside, vip["internal"], 3478),
        ("STUN to an Edge node", corp, "corporate", c.stun, "udp", front_end, own["internal"], 3478),
        ("media over TCP to the internal VIP", corp, "corporate", c.https, "tcp", inside, vip["internal"], 443),
        ("replication to an Edge node", corp, "corporate", c.https, "tcp", front_end, own["internal"], 4443),
        ("replication from a client", corp, "corporate", c.https, "tcp", inside, own["internal"], 4443),
        ("web conferencing to an Edge node", corp, "corporate", c.tls, "tcp", front_end, own["internal"], 8057),
        ("XMPP gateway to an Edge node", corp, "corporate", c.tls, "tcp", front_end, own["internal"], 23456),
        ("logging on an Edge node", corp, "corporate", c.tls, "tcp", inside, own["internal"], 50001),
        ("corporate to the Internet", corp, "corporate", c.http, "tcp", inside, net["crl"], 80),
        # Edge and reverse proxy -> corporate
        ("SIP to a Front End", host, "edge-internal", c.tls, "tcp", own["internal"], front_end, 5061),
        ("SIP to the pool VIP", host, "edge-internal", c.tls, "tcp", own["internal"], pool_vip, 5061),
        ("Edge to a Front End's web service", host, "edge-internal", c.https, "tcp", own["internal"], front_end, 443),
        ("reverse proxy to the pool VIP", site.rp, "rp-internal", c.https, "tcp", proxy_in, pool_vip, 4443),
        ("reverse proxy to a single server", site.rp, "rp-internal", c.https, "tcp", proxy_in, front_end, 4443),
        ("reverse proxy, plain", site.rp, "rp-internal", c.http, "tcp", proxy_in, pool_vip, 8080),
    ]
    return [Flow(*row) for row in table if row[5] and row[6]]


def zone_device(site, zone):
    return site.interface(zone)["device"]


class Outcome:
    """One flow held against the policy's answer and the wires."""

    def __init__(self, flow, answer, seen, device_in):
        self.flow, self.answer = flow, answer
        self.problems = []
        window = {d: [p for p in ps if flow.started <= p.time <= flow.ended] for d, ps in seen.items()}
        self.sent = next((p for p in window[device_in] if p.first and (p.proto, p.src, p.dst, p.dport) ==
                          (flow.proto, flow.src, flow.dst, flow.dport)), None)
        self.arrived = self.reply_inside = self.reply_outside = None
        if self.sent is None:
            self.problems.append("the client sent nothing")
            return
        if answer["verdict"] == "deny":
            self.check_denied(window, device_in)
        else:
            self.check_allowed(window)
        bad = [p for ps in window.values() for p in ps if not p.checksums_good]
        if bad:
            self.problems.append(f"{len(bad)} packets with a wrong checksum, first {bad[0].tuple()}")

    def check_denied(self, window, device_in):
        if self.flow.worked:
            self.problems.append(f"denied, and yet the client got an answer: {self.flow.said}")
        # Nothing of it may come out anywhere: neither as sent nor translated to the same port.
        for device, packets in window.items():
            for p in packets:
                if device != device_in and p.proto == self.flow.proto and p.dport == self.flow.dport and (
                        p.src == self.flow.src or p.sport == self.sent.sport):
                    self.problems.append(f"denied, and yet on {device}: {p.tuple()}")
                    return

    def check_allowed(self, window):
        if not self.flow.worked:
            self.problems.append(f"allowed, but the client says: {self.flow.said}")
        t = self.answer["translated"]
        destinations = t["candidates"] or [t["dst"]]
        sport = self.sent.sport if t["sport"] is not None else None

        def matches(p):
            return (p.proto == self.flow.proto and p.src == t["src"] and p.dst in destinations and p.dport == t["dport"] and
                    (sport is None or p.sport == sport))

        # A hairpin comes out of the device it came in by; the packet as sent is then no arrival.
        for packets in window.values():
            for p in packets:
                if p.first and p is not self.sent and matches(p) and p.time >= self.sent.time:
                    self.arrived = self.arrived or p
        if self.arrived is None:
            self.problems.append(f"nothing arrived as {t['src']} > {'/'.join(destinations)}:{t['dport']}")
            return
        if self.answer["nat"] in ("full", "snat") and self.arrived.sport < 1024:
            self.problems.append(f"translated to the reserved source port {self.arrived.sport}")
        back = lambda p, a: (p.proto, p.src, p.sport, p.dst, p.dport) == (a.proto, a.dst, a.dport, a.src, a.sport)
        everything = [p for ps in window.values() for p in ps]
        self.reply_inside = next((p for p in everything if back(p, self.arrived)), None)
        self.reply_outside = next((p for p in everything if back(p, self.sent)), None)
        if self.reply_inside is None or self.reply_outside is None:
            self.problems.append("no reply on both sides")

    def lines(self):
        f, a = self.flow, self.answer
        yield f"{'ok  ' if not self.problems else 'FAIL'} {f.what}"
        yield f"       sent     {self.sent.tuple() if self.sent else f'{f.proto} {f.src} > {endpoint(f.dst, f.dport)}'}"
        nat = "" if a["nat"] == "none" else f", nat {a['nat']}"
        rule = f" by {a['rule']}" if a.get("rule") else ""
        yield f"       policy   {a['verdict']}{rule}{nat}: {a['reason']}"
        if self.arrived:
            yield f"       arrived  {self.arrived.tuple()}"
            if self.reply_outside:
                yield f"       reply    {self.reply_outside.tuple()}"
        else:
            yield "       arrived  nothing"
        yield f"       client   {f.said.splitlines()[0][:90] if f.said else '-'}"
        for problem in self.problems:
            yield f"       PROBLEM  {problem}"


def judge_all(site, flows, answers, wires):
    seen = {device: wires.packets(device) for device in wires.points}
    return [Outcome(flow, answers[n], seen, zone_device(site, flow.zone)) for n, flow in enumerate(flows)]
