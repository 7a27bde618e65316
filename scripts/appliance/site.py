"""The sample deployment on two NICs: `wan`, and `inside` for everything else. The edge's external leg is
untagged, the other inside legs have a VLAN each. Outside the guest, every host of it is played by frames."""
import ipaddress
import os
import sys

import yaml

from lab.firewall import ROOT
from lab.sites import addresses_of, as_list

sys.path.insert(0, os.path.join(ROOT, "tests/e2e"))
# pylint: disable=wrong-import-position
import frames

SAMPLE = os.path.join(ROOT, "rules/samples/lync-2013-scaled-hlb.yaml")
VLANS = {"dmz-x": None, "dmz-i": 20, "dmz-p": 30, "lan": 40}
# Of the firewall's NICs, and of everybody at the far end of each.
MACS = {"wan": "02:00:00:00:00:01", "inside": "02:00:00:00:00:02"}
FAR_MACS = {"wan": "02:00:00:00:aa:01", "inside": "02:00:00:00:aa:02"}


def topology():
    with open(SAMPLE, encoding="utf-8") as file:
        sample = yaml.safe_load(file)
    for name, vlan in VLANS.items():
        sample["interfaces"][name]["device"] = "inside"
        if vlan is not None:
            sample["interfaces"][name]["vlan"] = vlan
    # Answers to probes are packets, too: few of them, for packets are counted.
    sample["service-settings"] = {"probe-interval": 60}
    return sample


def dataplane_conf(addresses, workers, log_level="info"):
    """addresses: {device: PCI address}. The guest has few cores and they are emulated: workers may sleep."""
    devices = "".join(f"\n[device.{device}]\npci = {address}\n" for device, address in addresses.items())
    return (f"workers = {workers}\nmain-core = 0\ncores = {','.join(str(n + 1) for n in range(workers))}\nidle = sleep\n"
            f"memory-mib = 512\nsessions = 65536\nlog-level = {log_level}\n{devices}")


class Site:
    """Who is where."""

    def __init__(self, deployment):
        self.deployment = deployment
        edge, proxy = deployment["edge"], deployment["reverse-proxy"]
        nodes = edge["nodes"].values()
        external = [str(a) for node in nodes for role in ("access", "web-conferencing", "av") for a in as_list(node[role])]
        internal = [str(a) for node in nodes for a in as_list(node["internal"])] + list(map(str, as_list(proxy["internal"])))
        corporate = [a for pool in deployment["pools"].values()
                     for group in addresses_of(pool["servers"]) + [as_list(pool.get("vip"))] for a in group]
        corporate += [a for key in ("pstn-gateways", "branch-appliances") for group in addresses_of(deployment.get(key)) for a in group]
        corporate += [str(route["via"]) for route in deployment.get("routes", [])]
        self.held = {  # device -> VLAN -> addresses that answer ARP and ND
            "wan": {None: list(map(str, as_list(deployment["interfaces"]["wan"]["gateway"])))},
            "inside": {VLANS["dmz-x"]: external, VLANS["dmz-i"]: internal, VLANS["lan"]: corporate,
                       VLANS["dmz-p"]: list(map(str, as_list(proxy["external"])))},
        }
        self.vips = {role: list(map(str, as_list(addresses))) for role, addresses in edge["vips"].items()}
        self.own = {a.split("/")[0] for interface in deployment["interfaces"].values() for a in interface["addresses"]}

    def vip(self, role, version):
        return next(a for a in self.vips[role] if ipaddress.ip_address(a).version == version)

    def responders(self, device):
        """What the hosts at a device's far end answer by themselves: ARP, ND and probes. What flows are answered
        is the test's business."""
        mac, held = FAR_MACS[device], self.held[device]
        serve = frames.servers(mac, {a for of_vlan in held.values() for a in of_vlan})

        def probed(frame):
            packet = frames.ip_of(frame)
            return serve(frame) if packet is not None and packet.src in self.own else None

        return [frames.neighbours(mac, held), probed]
