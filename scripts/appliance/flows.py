"""The flows that are sent through the guest, one at a time so that its counters say which queue and which
worker had them. Requests are sent first and counted, then the replies: each direction is seen by itself."""
import dataclasses
import ipaddress
import random
import time

from .site import FAR_MACS, VLANS, frames

# Copies of a packet in each direction: more than what else happens meanwhile (ARP, probes of the nodes).
COPIES = 32
# Seconds; the machine may have other things to do.
WAIT = 180.0
STUN_REQUEST = b"\x00\x01\x00\x00" + frames.STUN_COOKIE + bytes(range(12))


@dataclasses.dataclass
class Flow:
    kind: str            # "A/V media"
    nat: str             # dnat, full, snat, none
    anchor: str          # the end that decides the owner (dataplane/owner.h)
    source: str
    sport: int
    destination: str
    dport: int
    protocol: str        # tcp, udp
    came_by: tuple       # device, VLAN of the requests
    left_by: tuple       # device, VLAN behind the firewall

    def packet(self):
        head = frames.ip(self.source, self.destination, ttl=64)
        if self.protocol == "udp":
            return head / frames.UDP(sport=self.sport, dport=self.dport) / frames.Raw(STUN_REQUEST)
        return head / frames.TCP(sport=self.sport, dport=self.dport, flags="S", seq=4711, window=65535)

    def __str__(self):
        ends = [f"[{a}]:{p}" if ":" in a else f"{a}:{p}" for a, p in ((self.source, self.sport), (self.destination, self.dport))]
        return f"{self.protocol} {ends[0]} > {ends[1]}"


@dataclasses.dataclass
class Passage:
    """One direction of a flow through the guest."""
    device: str
    tuple_in: tuple                 # source, sport, destination, dport, protocol, as it came to the device
    sent: int
    arrived: int = 0
    received: dict = dataclasses.field(default_factory=dict)     # queue -> packets that this device brought by it
    handed_out: dict = dataclasses.field(default_factory=dict)   # worker -> packets given to others
    heard: list = dataclasses.field(default_factory=list)        # frames at the other side

    @property
    def queue(self):
        """The queue that had all of it; None if several shared it."""
        return only(self.received, self.sent)

    @property
    def handed_over(self):
        """True, False, or None where the counters say neither."""
        most = max(self.handed_out.values(), default=0)
        return True if most >= self.sent else False if most < self.sent // 2 else None


def grown(before, after):
    return {key: after[key] - before[key] for key in after}


def only(counts, least):
    """The key of the only count that is large."""
    large = [key for key, count in counts.items() if count >= least]
    others = [count for count in counts.values() if count < least]
    return large[0] if len(large) == 1 and all(count < least // 2 for count in others) else None


def sample_flows(site, seed):
    """Flows of every NAT kind, sources drawn at random: they must not share a queue by plan."""
    draw = random.Random(seed)

    def internet(version):
        if version == 4:
            return str(ipaddress.ip_address("198.51.100.0") + draw.randrange(1, 254))
        return str(ipaddress.ip_address("2001:db8:0:51::") + draw.getrandbits(64))

    def anywhere(version):
        """A public address that is no bogon and nobody here."""
        return f"{draw.randrange(20, 90)}.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}" \
            if version == 4 else f"2600:{draw.randrange(65536):x}::{draw.getrandbits(16):x}:{draw.getrandbits(16) | 1:x}"

    # Outside the media range, where the source port decides what is allowed.
    port = lambda: draw.randrange(20000, 45000)
    wan, edge = ("wan", None), ("inside", VLANS["dmz-x"])
    flows = []
    for version, count in ((4, 12), (6, 4)):
        for _ in range(count):
            client = anywhere(version)
            flows.append(Flow("A/V media by VIP", "dnat", client, client, port(), site.vip("av", version), 3478, "udp", wan, edge))
    nodes = site.deployment["edge"]["nodes"]
    for version, count in ((4, 6), (6, 3)):
        for _ in range(count):
            client = anywhere(version)
            flows.append(Flow("SIP client", "full", client, client, port(), site.vip("access", version), 443, "tcp", wan, edge))
    for version, count in ((4, 3), (6, 2)):
        for _ in range(count):
            partner = internet(version)
            node = nodes[draw.choice(sorted(nodes))]["access"][version == 6]
            flows.append(Flow("federation out", "snat", partner, node, port(), partner, 5061, "tcp", edge, wan))
            node = nodes[draw.choice(sorted(nodes))]["av"][version == 6]
            client = anywhere(version)
            flows.append(Flow("A/V media out", "none", client, node, port(), client, 3478, "udp", edge, wan))
    for version, count in ((4, 3), (6, 2)):
        for _ in range(count):
            client = str(ipaddress.ip_address("10.40.0.0" if version == 4 else "fd00:40::") + draw.randrange(256, 65000))
            flows.append(Flow("A/V media inside", "dnat", client, client, port(), site.vip("internal", version), 3478, "udp",
                              ("inside", VLANS["lan"]), ("inside", VLANS["dmz-i"])))
    return flows


class Tester:
    """Sends flows and reads the guest's counters around them."""

    def __init__(self, console, wires, firewall_macs):
        self.console, self.wires, self.firewall_macs = console, wires, firewall_macs
        self.before = self.counters()

    def counters(self):
        """What the guest has counted: {device: packets by queue}, and {worker: packets handed to others}."""
        interfaces, counters = self.console.json("interfaces", "counters")
        queues = {i["device"]: dict(enumerate(i["queue_rx"])) for i in interfaces["interfaces"]}
        handed = {c["worker"]: c["value"] for c in counters["counters"] if c["name"] == "handed-out" and c["worker"] != "main"}
        return queues, handed

    def frame(self, flow):
        device, vlan = flow.came_by
        head = frames.WireCase.tagged(frames.Ether(src=FAR_MACS[device], dst=self.firewall_macs[device]), vlan)
        return head / flow.packet()

    def warm_up(self, flows):
        """A packet of each flow and its answer, so that no next hop of either side has to be asked for later:
        few packets wait for an answer."""
        for flow in flows:
            near, far = (self.wires[device] for device, _ in (flow.came_by, flow.left_by))
            far.forget()  # behind full NAT all requests come from the VIP
            near.send(self.frame(flow))
            request = far.wait(lambda frame, flow=flow: is_request(frame, flow), timeout=WAIT / 10)
            if request is not None:  # else the flow itself will say so
                far.send(answer(request, flow))
                near.wait(lambda frame, flow=flow: is_reply(frame, flow), timeout=WAIT / 10)
        self.before = self.counters()

    def send(self, flow):
        """Both directions of a flow."""
        device, _ = flow.came_by
        there = self.passage(device, [self.frame(flow)] * COPIES, flow.left_by[0],
                             lambda ip: belongs(ip, flow) and ip.dport == flow.dport)
        replies = [reply for frame in there.heard if (reply := answer(frame, flow)) is not None]
        back = self.passage(flow.left_by[0], replies, device, lambda ip: answers(ip, flow)) if replies else None
        return there, back

    def passage(self, device, sent, far_device, matches):
        far = self.wires[far_device]
        far.forget()
        for frame in sent:
            self.wires[device].send(frame)
        ip = frames.ip_of(sent[0])
        done = Passage(device, (ip.src, ip.sport, ip.dst, ip.dport, "tcp" if frames.TCP in ip else "udp"), len(sent))
        wanted = lambda frame: has_ports(frame) and matches(frames.ip_of(frame))
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and len(done.heard) < len(sent):
            time.sleep(0.02)
            done.heard = far.frames(wanted)
        done.arrived = sum(frames.checksums_good(frame) for frame in done.heard)
        (queues_before, handed_before), self.before = self.before, self.counters()
        queues, handed = self.before
        done.received = grown(queues_before[device], queues[device])
        done.handed_out = grown(handed_before, handed)
        return done


def answer(request, flow):
    """What the server of a flow says to a request as it left the firewall; None if it says nothing to it."""
    return frames.servers(FAR_MACS[flow.left_by[0]], {frames.ip_of(request).dst})(request)


def has_ports(frame):
    return frames.ip_of(frame) is not None and (frames.TCP in frame or frames.UDP in frame)


def is_request(frame, flow):
    ip = frames.ip_of(frame)
    return has_ports(frame) and ip.dport == flow.dport and belongs(ip, flow)


def is_reply(frame, flow):
    return has_ports(frame) and answers(frames.ip_of(frame), flow)


def answers(ip, flow):
    """What a flow's reply looks like where its request came from."""
    return (ip.src, ip.sport, ip.dst, ip.dport) == (flow.destination, flow.dport, flow.source, flow.sport)


def belongs(ip, flow):
    """What a flow's request looks like behind the firewall: with its own source, or with ours where the NAT says so."""
    if flow.nat in ("none", "dnat"):
        return (ip.src, ip.sport) == (flow.source, flow.sport)
    if flow.nat == "full":
        return ip.src == flow.destination
    return ip.dst == flow.destination
