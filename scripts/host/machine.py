"""What /proc and /sys say about this machine. `root` is another tree of the same shape, for tests."""
import dataclasses
import ipaddress
import os
import struct

# Kernel driver of a NIC, and the DPDK driver that would take its place.
DPDK_DRIVERS = {
    "igb": "net_e1000_igb", "igbvf": "net_e1000_igb", "e1000": "net_e1000_em", "e1000e": "net_e1000_em",
    "igc": "net_igc", "ixgbe": "net_ixgbe", "ixgbevf": "net_ixgbe", "i40e": "net_i40e", "iavf": "net_iavf",
    "ice": "net_ice", "mlx5_core": "mlx5_pci", "virtio-pci": "net_virtio", "vmxnet3": "net_vmxnet3", "ena": "net_ena",
}
# The library each of them is in (Debian: package librte-net-...).
DPDK_LIBRARIES = {
    "net_e1000_igb": "e1000", "net_e1000_em": "e1000", "net_igc": "igc", "net_ixgbe": "ixgbe", "net_i40e": "i40e",
    "net_iavf": "iavf", "net_ice": "ice", "mlx5_pci": "mlx5", "net_virtio": "virtio", "net_vmxnet3": "vmxnet3",
    "net_ena": "ena",
}
# DPDK works beside these kernel drivers; they stay bound.
BIFURCATED = ("mlx5_core",)
# What hands a device to a userspace driver.
HANDOVER_DRIVERS = ("vfio-pci", "igb_uio", "uio_pci_generic")


class HostError(Exception):
    """One sentence: what is wrong and what to do."""


@dataclasses.dataclass
class Nic:
    address: str        # "0000:3b:00.0"
    driver: str         # kernel driver, "" for none
    ids: str            # "8086:10c9"
    interfaces: list    # kernel interfaces
    node: int           # NUMA node, -1 unknown
    group: str          # IOMMU group, "" without an IOMMU
    rx_queues: int      # of the kernel's driver; 0 unknown


def cpu_list(text):
    """"0-2,5" -> [0, 1, 2, 5]"""
    out = []
    for part in filter(None, (text or "").split(",")):
        first, _, last = part.partition("-")
        out += range(int(first), int(last or first) + 1)
    return out


class Machine:
    def __init__(self, root="/"):
        self.root = root

    # Files

    def path(self, *parts):
        return os.path.join(self.root, *(p.lstrip("/") for p in parts))

    def text(self, *parts):
        """A file's text, None where it is not there or says nothing."""
        try:
            with open(self.path(*parts), encoding="utf-8", errors="replace") as file:
                return file.read().strip()
        except OSError:
            return None

    def number(self, *parts):
        text = self.text(*parts)
        try:
            return int(text)
        except (TypeError, ValueError):
            return None

    def names(self, *parts):
        try:
            return sorted(os.listdir(self.path(*parts)))
        except OSError:
            return []

    def link(self, *parts):
        """The last part of what a symbolic link points to, "" without one."""
        try:
            return os.path.basename(os.readlink(self.path(*parts)))
        except OSError:
            return ""

    def write(self, text, *parts):
        with open(self.path(*parts), "w", encoding="utf-8") as file:
            file.write(text)

    # What an operator's commands did, kept until the next boot: /run/portcullis/NAME

    def kept(self, *name):
        return self.text("run/portcullis", *name)

    def keep(self, text, *name):
        os.makedirs(os.path.dirname(self.path("run/portcullis", *name)), exist_ok=True)
        self.write(text + "\n", "run/portcullis", *name)

    def forget(self, *name):
        try:
            os.unlink(self.path("run/portcullis", *name))
        except FileNotFoundError:
            pass

    # Processor and memory

    def cpu_flags(self):
        """Flags that every core has."""
        flags = None
        for line in (self.text("proc/cpuinfo") or "").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "flags":
                flags = set(value.split()) if flags is None else flags & set(value.split())
        return flags or set()

    def cpu_model(self):
        for line in (self.text("proc/cpuinfo") or "").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
        return "unknown"

    def kernel_options(self):
        """The kernel's command line: {"iommu": "pt", "quiet": ""}"""
        return dict(word.partition("=")[::2] for word in (self.text("proc/cmdline") or "").split())

    def nodes(self):
        return [int(n[4:]) for n in self.names("sys/devices/system/node") if n.startswith("node") and n[4:].isdigit()] or [0]

    def memory(self, node=None):
        """/proc/meminfo or a node's: {"MemFree": bytes}"""
        where = ("proc/meminfo",) if node is None else (f"sys/devices/system/node/node{node}/meminfo",)
        out = {}
        for line in (self.text(*where) or "").splitlines():
            words = line.replace(":", " ").split()
            if words[:1] == ["Node"]:
                words = words[2:]
            if len(words) >= 2 and words[1].isdigit():
                out[words[0]] = int(words[1]) * (1024 if words[-1] == "kB" else 1)
        return out

    # PCI and network

    def nics(self):
        """Ethernet controllers (PCI class 0x0200)."""
        out = []
        for address in self.names("sys/bus/pci/devices"):
            where = ("sys/bus/pci/devices", address)
            if not (self.text(*where, "class") or "").startswith("0x0200"):
                continue
            interfaces = self.names(*where, "net")
            for virtio in self.names(*where):
                if virtio.startswith("virtio"):
                    interfaces += self.names(*where, virtio, "net")
            ids = [(self.text(*where, file) or "0x?")[2:] for file in ("vendor", "device")]
            node = self.number(*where, "numa_node")
            queues = [q for i in interfaces for q in self.names("sys/class/net", i, "queues") if q.startswith("rx-")]
            out.append(Nic(address, self.link(*where, "driver"), ":".join(ids), interfaces,
                           -1 if node is None else node, self.link(*where, "iommu_group"), len(queues)))
        return out

    def nic(self, name):
        """By PCI address, with or without domain, or by interface."""
        nics = self.nics()
        for nic in nics:
            if name in (nic.address, nic.address.removeprefix("0000:")) or name in nic.interfaces:
                return nic
        if os.path.exists(self.path("sys/bus/pci/devices", name)):
            raise HostError(f"{name} is no Ethernet controller; `scripts/nic list` shows those there are")
        raise HostError(f"there is no NIC {name} here; `scripts/nic list` shows those there are")

    def origin(self, nic):
        """The kernel driver of a NIC, also while DPDK has it; "" if nobody knows."""
        return (self.kept("nic", nic.address) or "") if nic.driver in HANDOVER_DRIVERS else nic.driver

    def stacked_on(self, interface):
        """An interface and all that are built on it: bonds, bridges, VLANs."""
        out = [interface]
        for name in out:
            out += [upper[6:] for upper in self.names("sys/class/net", name)
                    if upper.startswith("upper_") and upper[6:] not in out]
        return out

    def routes(self):
        """(network, interface, has a gateway) of the kernel's main tables, IPv4 and IPv6."""
        out = []
        for line in (self.text("proc/net/route") or "").splitlines()[1:]:
            word = line.split()
            network, gateway, flags, mask = (int(word[n], 16) for n in (1, 2, 3, 7))
            if flags & 1:
                address = ipaddress.IPv4Address(struct.pack("=I", network))
                out.append((ipaddress.ip_network((address, bin(mask).count("1"))), word[0], gateway != 0))
        for line in (self.text("proc/net/ipv6_route") or "").splitlines():
            word = line.split()
            flags = int(word[8], 16)
            if flags & 1 and not flags & 0x80000200 and word[9] != "lo":  # up; neither local nor reject
                network = ipaddress.ip_network((bytes.fromhex(word[0]), int(word[1], 16)), strict=False)
                out.append((network, word[9], int(word[4], 16) != 0))
        return out

    def default_route_interfaces(self):
        return {interface for network, interface, _ in self.routes() if network.prefixlen == 0}

    def interface_towards(self, address):
        """Where packets to an address leave: the longest prefix of the main tables."""
        best = max((r for r in self.routes() if r[0].version == address.version and address in r[0]),
                   key=lambda r: r[0].prefixlen, default=None)
        return best and best[1]

    def ssh_addresses(self):
        """Both ends of every SSH session: ours or an ancestor's, and what is connected to port 22."""
        texts = [os.environ.get("SSH_CONNECTION", "")]
        pid = os.getpid()
        while pid and pid > 1:  # sudo takes SSH_CONNECTION away; the login shell above it still has it
            for entry in (self.text("proc", str(pid), "environ") or "").split("\0"):
                if entry.startswith("SSH_CONNECTION="):
                    texts.append(entry.partition("=")[2])
            stat = self.text("proc", str(pid), "stat") or ""
            pid = int(stat.rpartition(")")[2].split()[1]) if ")" in stat else 0
        out = set()
        for words in filter(lambda w: len(w) == 4, (text.split() for text in texts)):
            out |= {ipaddress.ip_address(words[n].partition("%")[0]) for n in (0, 2)}
        for table in ("tcp", "tcp6"):
            for line in (self.text("proc/net", table) or "").splitlines()[1:]:
                word = line.split()
                if word[3] == "01" and word[1].endswith(":0016"):
                    out |= {self.socket_address(word[n].partition(":")[0]) for n in (1, 2)}
        return {a for a in out if not a.is_loopback}

    @staticmethod
    def socket_address(digits):
        """/proc/net/tcp writes addresses as words of the host's byte order."""
        raw = b"".join(struct.pack("=I", int(digits[n:n + 8], 16)) for n in range(0, len(digits), 8))
        address = ipaddress.ip_address(raw)
        return getattr(address, "ipv4_mapped", None) or address

    def ssh_interfaces(self):
        """The interfaces that SSH sessions run over: those of the routes to either end. A route to an own
        address is that of its prefix."""
        found = {self.interface_towards(address) for address in self.ssh_addresses()}
        return found - {None, "lo"}
