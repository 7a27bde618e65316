"""The lab's sites: every host and address of a sample topology, as namespaces around a firewall.

The addresses come from the topology file itself (its own words: vips, nodes, pools, …), so the lab
cannot drift from what is pushed.
"""
import ipaddress

import yaml

from .network import LabError, Network

# Internet hosts, all in one namespace behind the upstream router that is our default gateway.
INTERNET = {
    "client": ["198.51.100.25", "2001:db8:0:51::25"],   # inside the federated partners' prefix
    "client2": ["198.51.100.26", "2001:db8:0:51::26"],
    "stranger": ["100.64.7.7", "2001:db8:0:99::7"],     # nobody's partner
    "partner": ["198.51.100.50", "2001:db8:0:51::50"],  # a federated Edge
    "dns": ["198.51.100.53", "2001:db8:0:51::53"],
    "crl": ["198.51.100.80", "2001:db8:0:51::80"],
    "xmpp": ["198.51.100.69", "2001:db8:0:51::69"],
}


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def addresses_of(value):
    """Servers as the topology lists them -> [[v4, v6], ...]."""
    items = value.values() if isinstance(value, dict) else as_list(value)
    return [[str(a) for a in as_list(item)] for item in items]


class Site(Network):
    """All hosts around the firewall; `self.firewall` has a device pc-NAME for each device NAME."""

    def __init__(self, directory, topology_file):
        super().__init__(directory)
        with open(topology_file, encoding="utf-8") as file:
            self.topology = yaml.safe_load(file)
        self.topology_file = topology_file

    def __enter__(self):
        super().__enter__()
        try:
            self.build()
        except BaseException:
            self.close()
            raise
        return self

    # Of the topology

    def interface(self, zone):
        return next(i for i in self.topology["interfaces"].values() if zone in i["zones"])

    def gateways(self, zone):
        """Our own addresses on a zone's interface: the next hop of its hosts."""
        return [ipaddress.ip_interface(a) for a in self.interface(zone)["addresses"]]

    def on_link(self, zone, addresses):
        """Addresses with the prefix length of the interface that they lie on."""
        out = []
        for address in addresses:
            network = next(g.network for g in self.gateways(zone) if ipaddress.ip_address(address) in g.network)
            out.append(f"{address}/{network.prefixlen}")
        return out

    def perimeter_prefixes(self):
        return [g.network for zone in ("edge-external", "rp-external") for g in self.gateways(zone)]

    def corporate_prefixes(self):
        return [ipaddress.ip_network(p) for p in self.topology["networks"]["corporate"]]

    # Building

    def build(self):
        self.firewall = self.host("fw")
        # The devices are DPDK's: the kernel of the firewall's namespace must not answer for them.
        self.firewall.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                          "net.ipv6.conf.default.disable_ipv6=1")
        self.build_internet()
        self.build_perimeter()
        self.build_corporate()

    def build_internet(self):
        host = self.internet = self.host("internet")
        self.wire(self.firewall, "pc-wan", host, "eth0")
        gateways = as_list(self.interface("internet")["gateway"])
        host.addresses("eth0", *self.on_link("internet", gateways))
        for addresses in INTERNET.values():
            host.addresses("lo", *(f"{a}/{128 if ':' in a else 32}" for a in addresses))
        # Inside prefixes too: an attacker sends where he likes, and it is the firewall that refuses.
        inside = [g.network for g in self.gateways("edge-internal")] + self.corporate_prefixes()
        for prefix in self.perimeter_prefixes() + inside:
            via = next(str(g.ip) for g in self.gateways("internet") if g.version == prefix.version)
            host.route(str(prefix), via)

    def build_perimeter(self):
        # One bridge for each leg. (Tagged frames have tests of their own: not every kernel that runs
        # the lab can make VLAN devices.)
        switch = self.switch = self.host("switch")
        self.bridges = {}
        for interface in self.topology["interfaces"].values():
            device = interface["device"]
            if not set(interface["zones"]) & {"edge-external", "rp-external", "edge-internal", "rp-internal"}:
                continue
            if interface.get("vlan"):
                raise LabError(f"the lab carries no VLANs: give device {device} of {self.topology_file} one interface")
            bridge = f"br-{device}"
            switch.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
            switch.ip("link", "set", bridge, "up")
            self.wire(self.firewall, f"pc-{device}", switch, device)
            switch.ip("link", "set", device, "master", bridge)
            for zone in interface["zones"]:
                self.bridges[zone] = bridge
        edge = self.topology["edge"]
        self.edges = []
        for name, node in edge["nodes"].items():
            host = self.host(name)
            self.edges.append(host)
            self.plug(host, "ext", "edge-external")
            self.plug(host, "int", "edge-internal")
            for role in ("access", "web-conferencing", "av"):
                host.addresses("ext", *self.on_link("edge-external", as_list(node[role])))
            host.addresses("int", *self.on_link("edge-internal", as_list(node["internal"])))
            # The documents make the Access VIP the Edge Servers' default gateway.
            for vip in as_list(edge["vips"]["access"]):
                host.route("default", vip)
            self.route_inside(host, "edge-internal")
        self.rp = self.host("rp")
        proxy = self.topology["reverse-proxy"]
        self.plug(self.rp, "ext", "rp-external")
        self.plug(self.rp, "int", "rp-internal")
        self.rp.addresses("ext", *self.on_link("rp-external", as_list(proxy["external"])))
        self.rp.addresses("int", *self.on_link("rp-internal", as_list(proxy["internal"])))
        versions = {ipaddress.ip_address(a).version for a in as_list(proxy["external"])}
        for gateway in self.gateways("rp-external"):
            if gateway.version in versions:
                self.rp.route("default", str(gateway.ip))
        self.route_inside(self.rp, "rp-internal")

    def plug(self, host, device, zone):
        port = f"{host.name}-{device}"
        self.wire(host, device, self.switch, port)
        self.switch.ip("link", "set", port, "master", self.bridges[zone])

    def route_inside(self, host, zone):
        for prefix in self.corporate_prefixes():
            via = [str(g.ip) for g in self.gateways(zone) if g.version == prefix.version]
            if via:
                host.route(str(prefix), via[0])

    def build_corporate(self):
        host = self.corporate = self.host("corporate")
        self.wire(self.firewall, "pc-lan", host, "eth0")
        inside = [g.network for g in self.gateways("corporate")]
        held = []
        for pool in self.topology["pools"].values():
            held += addresses_of(pool["servers"]) + [[str(a) for a in as_list(pool.get("vip"))]]
        held += addresses_of(self.topology.get("pstn-gateways")) + addresses_of(self.topology.get("branch-appliances"))
        for rule in self.topology.get("site-rules", []):
            held += [[str(a)] for body in rule.values() for a in body.get("sources", [])]
        held += [[str(r["via"])] for r in self.topology.get("routes", [])]
        for address in sorted({a for group in held for a in group}):
            if any(ipaddress.ip_address(address) in network for network in inside):
                host.addresses("eth0", *self.on_link("corporate", [address]))
        # Clients: one address of each client network, behind the inside router or on the link.
        self.clients = []
        for prefix in as_list(self.topology["networks"].get("clients")):
            network = ipaddress.ip_network(prefix)
            address = str(network[0x105])
            self.clients.append(address)
            host.addresses("lo", f"{address}/{network.max_prefixlen}")
        for gateway in self.gateways("corporate"):
            host.route("default", str(gateway.ip))
