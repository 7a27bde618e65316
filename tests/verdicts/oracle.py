#!/usr/bin/python3
"""A second reading of SEMANTICS.md, to hold `portcullis trace --batch` against.

It knows no matrix row and shares no code with the compiler: each decision is written down as a
condition on (release, features, source, destination, transport, ports). It reads the sample
topologies only for their addresses.

    oracle.py SAMPLE.yaml --seed N --count N     batch lines with "expect", for trace --batch
    oracle.py SAMPLE.yaml --exhaustive           every pair of known hosts x every interesting port
"""
import argparse
import functools
import ipaddress
import itertools
import json
import os
import random
import sys

import yaml

BOGONS = [ipaddress.ip_network(n) for n in (
    "0.0.0.0/8", "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
    "224.0.0.0/4", "240.0.0.0/4",
    "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8")]
DEFAULT_OFF = {"xmpp", "ocs2007-federation", "wlm", "rcc"}
FEATURES = """federation hosted-exchange xmpp ocs2007-federation ocs2007r2-federation lync2010-federation
lync2013-federation wlm multi-edge-pool cls-logging mobility-http rp-http-redirect web-conferencing director
mobility dial-in mediation persistent-chat office-web-apps call-park response-group e911 cac rcc""".split()
PERIMETER = ("edge-external", "rp-external", "edge-internal", "rp-internal")
RANGE = range(50000, 60000)


ip = functools.lru_cache(maxsize=None)(ipaddress.ip_address)


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def entries(value):
    """A list or map of servers, each with one or two addresses -> address strings."""
    items = value.values() if isinstance(value, dict) else as_list(value)
    return [str(a) for item in items for a in as_list(item)]


class World:
    """One topology's addresses by role, and which zone each address lies in."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            t = yaml.safe_load(file)
        self.release = t["release"]
        self.interfaces = t["interfaces"]
        self.own = set()
        self.networks = {}  # zone -> networks
        self.shared = {}    # zone -> zones of its interface
        for interface in t["interfaces"].values():
            for zone in interface["zones"]:
                self.shared.setdefault(zone, set()).update(interface["zones"])
            for address in interface["addresses"]:
                address = ipaddress.ip_interface(address)
                self.own.add(str(address.ip))
                for zone in interface["zones"]:
                    self.networks.setdefault(zone, []).append(address.network)
        corporate = [ipaddress.ip_network(n) for n in t["networks"]["corporate"]]
        self.networks["corporate"] = self.networks["corporate"] + corporate
        self.clients = [ipaddress.ip_network(n) for n in as_list(t["networks"].get("clients"))]
        edge = t["edge"]
        self.vips = {role: [str(a) for a in as_list(a)] for role, a in edge["vips"].items()}
        self.nodes = {role: [str(a) for n in edge["nodes"].values() for a in as_list(n[role])]
                      for role in ("access", "web-conferencing", "av", "internal")}
        for addresses in self.vips.values():
            self.own.update(addresses)
        self.rp_external = [str(a) for a in as_list(t["reverse-proxy"]["external"])]
        self.rp_internal = [str(a) for a in as_list(t["reverse-proxy"]["internal"])]
        roles = ("director", "front-end", "mediation", "office-web-apps", "persistent-chat")
        self.servers = {role: [] for role in roles}
        self.pool_vips = {role: [] for role in roles}
        self.mode = {}  # VIP -> hardware | dns
        self.director_target, self.front_end_target = [], []
        self.cms, self.cms_servers, self.xmpp_gateway = [], [], []
        self.collocated, self.collocated_vips = [], []
        for pool in t["pools"].values():
            role = pool["role"]
            servers, vips = entries(pool["servers"]), entries(pool.get("vip"))
            self.servers[role] += servers
            self.pool_vips[role] += vips
            self.mode.update({vip: pool.get("balancing", "hardware") for vip in vips})
            # An address family without a VIP is reached at the servers.
            targets = []
            for version in (4, 6):
                of = lambda addresses: [a for a in addresses if ip(a).version == version]
                targets += of(vips) or of(servers)
            if role == "director":
                self.director_target += targets
            if role == "front-end":
                self.front_end_target += targets
                if "cms" in pool.get("holds", []):
                    self.cms += servers + vips
                    self.cms_servers += servers
                if "xmpp-gateway" in pool.get("holds", []):
                    self.xmpp_gateway += servers + vips
                if "mediation" in pool.get("runs", []):
                    self.collocated += servers
                    self.collocated_vips += vips
        self.gateways = entries(t.get("pstn-gateways"))
        self.branch = entries(t.get("branch-appliances"))
        self.all_servers = [a for s in self.servers.values() for a in s] + self.branch
        partners = t.get("partners", {})
        self.federated = partners.get("federated")
        self.xmpp_partners = partners.get("xmpp")
        self.features = self.read_features(t.get("features"))
        self.site_rules = t.get("site-rules", [])

    @staticmethod
    def read_features(value):
        defaults = {f for f in FEATURES if f not in DEFAULT_OFF}
        if value is None:
            return defaults
        if isinstance(value, list):
            return set(value)
        on = set(defaults) if value.get("defaults") else set()
        for name, state in value.items():
            if name != "defaults":
                (on.add if state in (True, "on") else on.discard)(name)
        return on

    @functools.lru_cache(maxsize=None)
    def zone(self, text):
        """A zone's name, "own" or "bogon"."""
        if text in self.own:
            return "own"
        if text in self.rp_internal:
            return "rp-internal"
        address = ip(text)
        best, best_length = "internet", -1
        for zone, networks in self.networks.items():
            for network in networks:
                if zone != "internet" and address in network and network.prefixlen > best_length:
                    # A shared interface: the reverse proxy's own addresses were taken out above.
                    best = "edge-internal" if zone == "rp-internal" and "edge-internal" in self.shared[zone] else zone
                    best_length = network.prefixlen
        if best_length < 0 and any(address in network for network in BOGONS):
            return "bogon"
        return best

    @functools.lru_cache(maxsize=None)
    def is_client(self, text):
        return any(ip(text) in n for n in self.clients)

    def partner(self, declared, text, when_missing):
        if declared in ("open", "any"):
            return True
        if not declared:
            return when_missing
        return any(ip(text) in ipaddress.ip_network(n) for n in declared)


def judge(w, features, zone_in, src, dst, proto, sport, dport):
    """None = deny, else the NAT kind: decisions 1-18."""
    if ip(src).version != ip(dst).version:
        return None
    z, zd = w.zone(src), w.zone(dst)
    if z in ("own", "bogon") or z not in w.shared.get(zone_in, set()):
        return None  # 17
    for rule in w.site_rules:
        (action, body), = [(k, v) for k, v in rule.items()]
        if (z == body["from"] and zd == body["to"] and body.get(proto) == dport and
                (not body.get("sources") or src in map(str, body["sources"]))):
            return "none" if action == "allow" else None
    judge_zone = {"internet": from_internet, "edge-external": from_edge_external,
                  "edge-internal": from_edge_internal, "rp-internal": from_rp_internal,
                  "corporate": from_corporate}.get(z)
    if judge_zone is None:
        return None
    return judge_zone(w, features, src, dst, zd, proto, sport, dport)


def from_internet(w, f, src, dst, zd, proto, sport, dport):
    is2013 = w.release == "lync-2013"
    tcp, udp = proto == "tcp", proto == "udp"
    if dst in w.vips["access"] and tcp:  # 4, 7, 8
        if dport == 443:
            return "full"
        if dport == 5061 and ("federation" in f or not is2013 and "hosted-exchange" in f):
            return "full"
        if dport == 5269 and is2013 and "xmpp" in f:
            return "full"
    if dst in w.vips["web-conferencing"] and tcp and dport == 443 and "web-conferencing" in f:
        return "full"
    stun = udp and dport == 3478 or tcp and dport == 443
    if dst in w.vips["av"] and stun:  # 9
        return "dnat"
    if dst in w.nodes["av"] and (stun or dport in RANGE and "ocs2007-federation" in f):  # 4, 5
        return "none"
    if dst in w.rp_external and tcp:  # 13
        if dport == 443 or dport == 80 and f & {"mobility-http", "rp-http-redirect"}:
            return "none"
    return None


def from_edge_external(w, f, src, dst, zd, proto, sport, dport):
    is2013 = w.release == "lync-2013"
    tcp, udp = proto == "tcp", proto == "udp"
    if src in w.nodes["access"] and zd == "internet":  # 7
        if tcp and dport == 80 or udp and dport == 53 or tcp and dport == 53 and is2013:
            return "none"
        if tcp and dport == 5061 and "federation" in f:
            if not is2013:
                return "none"
            if w.partner(w.federated, dst, False):
                return "snat"
        if tcp and dport == 5269 and is2013 and "xmpp" in f and w.partner(w.xmpp_partners, dst, True):
            return "snat"
    if src in w.nodes["av"] and zd == "internet":  # 5, 6
        older = {"ocs2007-federation", "ocs2007r2-federation", "lync2010-federation",
                 "lync2013-federation" if is2013 else "wlm"}
        if sport in RANGE and (tcp and f & older or udp and "ocs2007-federation" in f):
            return "none"
        if udp and dport == 3478 and f & {"lync2010-federation", "ocs2007r2-federation", "wlm", "multi-edge-pool"}:
            return "none"
        if tcp and dport == 443 and is2013:
            return "none"
    if src in w.nodes["av"] and dst in w.nodes["av"] and src != dst:  # 17
        if udp and dport == 3478 or tcp and dport == 443 or dport in RANGE and "ocs2007-federation" in f:
            return "none"
    return None


def from_edge_internal(w, f, src, dst, zd, proto, sport, dport):
    if src in w.nodes["internal"] and proto == "tcp" and dport == 5061:  # 12
        if dst in w.servers["front-end"]:
            return "none"
        if w.release == "lync-2013":
            if dst in w.pool_vips["front-end"]:
                return "none"
            if dst in w.servers["director"] + w.pool_vips["director"] and "director" in f:
                return "none"
    return None


def from_rp_internal(w, f, src, dst, zd, proto, sport, dport):
    if src in w.rp_internal and proto == "tcp":  # 13
        if dport == 4443 or dport == 8080 and "mobility-http" in f:
            if dst in w.front_end_target or dst in w.director_target and "director" in f:
                return "none"
    return None


def from_corporate(w, f, src, dst, zd, proto, sport, dport):
    is2013 = w.release == "lync-2013"
    tcp, udp = proto == "tcp", proto == "udp"
    stun = udp and dport == 3478 or tcp and dport == 443
    front_ends = w.servers["front-end"]
    directors = w.servers["director"] + w.pool_vips["director"] if "director" in f else []
    sip_2013 = front_ends + w.pool_vips["front-end"] + directors
    if dst in w.vips["internal"]:  # 10, 11
        if stun:
            return "dnat"
        if tcp and dport == 5061 and src in (sip_2013 if is2013 else front_ends):
            return "dnat"
        if tcp and dport == 5062:
            allowed = front_ends + w.branch + (w.pool_vips["front-end"] if is2013 else [])
            return "dnat" if src in allowed else None
        return None
    if dst in w.nodes["internal"]:
        if stun:
            return "none"
        if not tcp:
            return None
        if dport == 5062 and not is2013 and src in front_ends:
            return "none"
        if dport == 8057 and "web-conferencing" in f and (not is2013 or src in sip_2013):
            return "none"
        if dport == 4443 and src in (w.cms if is2013 else front_ends):
            return "none"
        if dport == 23456 and is2013 and "xmpp" in f and src in w.xmpp_gateway:
            return "none"
        if dport in (50001, 50002, 50003) and is2013 and "cls-logging" in f:
            return "none"
        return None
    if zd == "corporate" and is2013 and inside(w, f, src, dst, proto, dport):
        return "none"
    return None  # 16


def inside(w, f, src, dst, proto, dport):
    """Decisions 14 and 15."""
    tcp, udp = proto == "tcp", proto == "udp"
    front_ends, mediation = w.servers["front-end"], w.servers["mediation"]
    server, client = src in w.all_servers, w.is_client(src)
    if client and w.is_client(dst):
        if dport >= 1024:
            return True
    # Directors (14)
    if "director" in f:
        hosts, vips = w.servers["director"], w.pool_vips["director"]
        if tcp and client and dport in (80, 443, 5061) and dst in w.director_target:
            return True
        if tcp and server and dport == 5061 and dst in hosts + vips:
            return True
        if tcp and dport == 444 and src in hosts and dst in front_ends + w.pool_vips["front-end"]:
            return True
        if tcp and dport == 444 and src in front_ends and dst in hosts + vips:
            return True
        if tcp and dport in (50001, 50002, 50003) and "cls-logging" in f and dst in hosts:
            return True
        if tcp and dport == 5060 and "rcc" in f and server and dst in hosts:
            return True
    if udp and dport == 1434 and server and dst in w.all_servers:
        return True
    # Front Ends
    by_feature = {5086: "mobility", 5087: "mobility", 5064: "dial-in", 5072: "dial-in", 5073: "dial-in",
                  5075: "call-park", 5071: "response-group", 8404: "response-group", 5066: "e911",
                  5080: "cac", 448: "cac", 8057: "web-conferencing", 8058: "web-conferencing", 5060: "rcc"}
    on = by_feature.get(dport) is None or by_feature[dport] in f
    if dst in front_ends:
        media = dport >= 49152 and (tcp or udp)
        if client and (tcp and dport in (80, 443, 5061, 8057, 8058, 5065) and on or media):
            return True
        if server:
            unconditional = (5061, 444, 135, 5062, 5063, 80, 443, 8080, 4443, 8060, 8061, 5065, 5076)
            if media or tcp and on and (dport in unconditional or dport in by_feature):
                return True
            if tcp and dport == 445 and dst in w.cms_servers:
                return True
        if "mediation" in f and dst in w.collocated and tcp:
            if dport == 5070 and src in front_ends or dport in (5067, 5068) and (src in w.gateways or server):
                return True
    if dst in w.pool_vips["front-end"] and tcp and on:
        hardware = (5061, 444, 135, 80, 8080, 443, 4443, 5072, 5073, 5075, 5076, 5071, 5080, 448)
        table = hardware if w.mode[dst] == "hardware" else (80, 443, 8080, 4443)
        if dport in table and (server or client and dport in (80, 443, 5061)):
            return True
        if (dport == 5070 and dst in w.collocated_vips and w.mode[dst] == "hardware" and
                "mediation" in f and src in front_ends):
            return True
    # Mediation and the gateway
    if "mediation" in f:
        if dst in mediation:
            if 49152 <= dport <= 57500 and (server or client):
                return True
            # "Everything the role table lists" between servers; only 5070 is said to be for Front Ends alone.
            if tcp and (dport == 5070 and src in front_ends or
                        dport in (5067, 5068) and (src in w.gateways or server)):
                return True
        if (tcp and dst in w.pool_vips["mediation"] and w.mode[dst] == "hardware" and dport == 5070 and
                src in front_ends):
            return True
        if tcp and dport in (5081, 5082) and src in mediation + w.collocated and dst in w.gateways:
            return True
    if tcp and server:
        if dst in w.servers["office-web-apps"] and dport == 443 and "office-web-apps" in f:
            return True
        if dst in w.servers["persistent-chat"] and dport in (443, 881, 5041) and "persistent-chat" in f:
            return True
    return False


def expectation(w, features, zone_in, src, dst, proto, sport, dport):
    nat = judge(w, features, zone_in, src, dst, proto, sport, dport)
    if nat is None:
        return {"verdict": "deny", "nat": "none", "translated": None, "rows": []}
    version = ip(dst).version
    of = lambda addresses: [a for a in addresses if ip(a).version == version]
    translated = {"src": src, "sport": sport, "dst": dst, "dport": dport, "candidates": []}
    if nat in ("dnat", "full"):
        role = next(role for role, vips in w.vips.items() if dst in vips)
        nodes = sorted(of(w.nodes[role]), key=ip)
        translated["candidates"] = nodes
        translated["dst"] = nodes[0] if len(nodes) == 1 else None
    if nat == "full":
        translated["src"], translated["sport"] = dst, None
    if nat == "snat":
        translated["src"], translated["sport"] = of(w.vips["access"])[0], None
    return {"verdict": "allow", "nat": nat, "translated": translated}


def hosts(w):
    """Every known address, and for each zone some that no entity has."""
    known = sorted(w.own | set(w.rp_external + w.rp_internal + w.all_servers + w.gateways)
                   | {a for n in w.nodes.values() for a in n} | {a for v in w.pool_vips.values() for a in v})
    strangers = ["93.184.216.34", "198.51.100.25", "2a00:1450::7", "2001:db8:0:51::25", "10.99.1.1", "127.0.0.1",
                 "169.254.1.1", "192.168.77.7", "172.16.9.9", "224.0.0.5", "240.0.0.1", "fd99::1", "ff02::1",
                 "255.255.255.255", "0.0.0.0"]
    for zone, networks in sorted(w.networks.items()):
        for network in networks:
            if zone != "internet":
                strangers.append(str(network[77]))
                strangers.append(str(network[-2] if network.version == 4 else network[0xff77]))
    for network in w.clients:
        strangers += [str(network[5]), str(network[6])]
    return known, sorted(set(strangers) - set(known))


PORTS = sorted({22, 25, 53, 67, 80, 135, 443, 444, 445, 448, 881, 1023, 1024, 1434, 3389, 3478, 3479, 4443, 5041, 6890, 6891,
                6901, 6902, 8056, 8057, 8058, 8060, 8061, 8080, 8404, 23456, 49151, 49152, 49999, 50000, 50001, 50002,
                50003, 50004, 57500, 57501, 59999, 60000, 65535, 5269, *range(5059, 5090)})


def line(w, number, features, zone_in, src, dst, proto, sport, dport):
    entry = {"id": number, "in": zone_in, "proto": proto, "src": src, "sport": sport, "dst": dst, "dport": dport}
    without, added = sorted(w.features - features), sorted(features - w.features)
    if without:
        entry["without"] = without
    if added:
        entry["with"] = added
    entry["expect"] = expectation(w, features, zone_in, src, dst, proto, sport, dport)
    return json.dumps(entry)


def exhaustive(w):
    known, strangers = hosts(w)
    number = 0
    for src, dst in itertools.product(known + strangers, repeat=2):
        if src == dst or ip(src).version != ip(dst).version:
            continue
        zone = w.zone(src)
        zone_in = zone if zone in w.shared else "internet"
        for proto, dport in itertools.product(("tcp", "udp"), PORTS):
            number += 1
            sport = 50500 if number % 3 == 0 else 41000
            yield line(w, number, w.features, zone_in, src, dst, proto, sport, dport)


def sampled(w, seed, count):
    rng = random.Random(seed)
    known, strangers = hosts(w)
    everyone = known + known + strangers
    sets = [w.features, set(FEATURES), set()]
    sets += [w.features - {f} for f in FEATURES] + [w.features | {f} for f in FEATURES]
    if w.release == "lync-2013" and not w.federated:
        sets = [s - {"federation"} for s in sets]
    number = 0
    while number < count:
        src, dst = rng.choice(everyone), rng.choice(everyone)
        if src == dst or rng.random() < 0.97 and \
                ip(src).version != ip(dst).version:
            continue
        features = rng.choice(sets)
        zone = w.zone(src)
        zone_in = zone if zone in w.shared and rng.random() < 0.95 else rng.choice(sorted(w.shared))
        proto = rng.choice(("tcp", "tcp", "udp"))
        sport = rng.choice((1024, 41000, 49999, 50000, 55555, 59999, 60000, 443, 3478))
        dport = rng.choice(PORTS) if rng.random() < 0.95 else rng.randrange(1, 65536)
        # Most random pairs are denied for good; keep few of those, so that about a third is allowed.
        if judge(w, features, zone_in, src, dst, proto, sport, dport) is None and rng.random() < 0.985:
            continue
        number += 1
        yield line(w, number, features, zone_in, src, dst, proto, sport, dport)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--exhaustive", action="store_true")
    arguments = parser.parse_args()
    world = World(arguments.sample)
    lines = exhaustive(world) if arguments.exhaustive else sampled(world, arguments.seed, arguments.count)
    for text in lines:
        print(text)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(0)
