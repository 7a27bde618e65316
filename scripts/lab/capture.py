"""What the wires carried: tcpdump on every device's far end, read back by tshark, which also verifies
each checksum.
"""
import csv
import dataclasses
import io
import os
import signal
import time

from .network import LabError, run, wait_until

FIELDS = ["frame.time_epoch", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport", "udp.srcport", "tcp.dstport",
          "udp.dstport", "ip.checksum.status", "tcp.checksum.status", "tcp.checksum.ffff", "udp.checksum.status", "tcp.flags",
          "tcp.seq_raw", "tcp.ack_raw", "tcp.len", "frame.protocols"]
CHECK = [o for name in ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum") for o in ("-o", f"{name}:TRUE")]
BAD, GOOD, UNVERIFIED = "0", "1", "2"
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10


@dataclasses.dataclass
class Packet:
    time: float
    proto: str  # tcp, udp, other
    src: str
    sport: int
    dst: str
    dport: int
    checksums_good: bool
    first: bool  # may start a connection: a SYN without ACK, or UDP
    # Of TCP, else 0; sequence numbers as on the wire.
    flags: int
    seq: int
    ack: int
    payload: int  # bytes

    def tuple(self):
        return f"{self.proto} {endpoint(self.src, self.sport)} > {endpoint(self.dst, self.dport)}"


def endpoint(address, port):
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class Wires:
    """Captures of all devices of a Site, while in its context. Only of packets that are kept whole every checksum is
    verified."""

    def __init__(self, site, whole=False):
        self.site = site
        self.kept = 0 if whole else 200  # bytes of each frame; 0: all
        self.points = {"wan": (site.internet, "eth0"), "lan": (site.corporate, "eth0")}
        for device in {b.removeprefix("br-") for b in site.bridges.values()}:
            self.points[device] = (site.switch, device)
        self.processes = {}

    def path(self, device):
        return os.path.join(self.site.directory, f"{device}.pcap")

    def __enter__(self):
        for device, (host, name) in self.points.items():
            process = host.start(f"tcpdump-{device}", "tcpdump", "-n", "-U", "--immediate-mode", "-B", "16384", "-s", self.kept,
                                 "-i", name, "-w", self.path(device))
            self.processes[device] = process
        for device, process in self.processes.items():
            wait_until(lambda p=process: "listening on" in p.output(), f"tcpdump on {device}")
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        time.sleep(0.2)
        for process in self.processes.values():
            process.stop(signal.SIGINT)

    def packets(self, device):
        return read(self.path(device))


def read(path):
    """Everything in a capture, in order; ARP, ND and the like as proto "other"."""
    result = run("tshark", "-n", "-r", path, *CHECK, "-T", "fields", "-E", "separator=,", "-E", "occurrence=f",
                 *[a for f in FIELDS for a in ("-e", f)], check=False)
    if result.returncode != 0 and "cut short" not in result.stderr:
        raise LabError(f"tshark on {path}: {result.stderr.strip()}")
    out = []
    for row in csv.reader(io.StringIO(result.stdout)):
        (when, ip4s, ip6s, ip4d, ip6d, tcps, udps, tcpd, udpd, ipsum, tcpsum, ffff, udpsum, flags, seq, ack, payload,
         protocols) = row
        icmp = "icmp" in protocols.split(":") or "icmpv6" in protocols.split(":")
        proto = "other" if icmp else "tcp" if tcps else "udp" if udps else "other"
        flags = int(flags or "0", 16) if proto == "tcp" else 0
        # Linux writes a TCP checksum that comes out as 0 as 0xffff, as UDP has to: once in 65,536 segments. Every
        # receiver takes it (RFC 1071: the same number in one's complement), only tshark calls it wrong.
        sums = [s for s in (ipsum, None if ffff else tcpsum, udpsum) if s]
        out.append(Packet(float(when), proto, ip4s or ip6s, int(tcps or udps or 0), ip4d or ip6d,
                          int(tcpd or udpd or 0), BAD not in sums, proto == "udp" or flags & (SYN | ACK) == SYN, flags,
                          int(seq or 0), int(ack or 0), int(payload or 0)))
    return out
