"""Where a packet should go, worked out from the specification (nic/README.md, Microsoft's RSS) without a line of
the data plane's code."""
import dataclasses
import ipaddress
import struct

# nic/README.md: 27 pattern bits at bit 31 of a key of zeros; six bits of hash; workers in turn.
PATTERN, PATTERN_BITS, KEY_BYTES, BUCKETS = 0x7ed7041, 27, 40, 64


def toeplitz(key, data):
    """Microsoft, "RSS hashing functions": for each bit set of the input, the 32 key bits from there on."""
    width = max(len(key), len(data) + 4) * 8
    bits = int.from_bytes(key.ljust(width // 8, b"\0"), "big")
    value = 0
    for index in range(len(data) * 8):
        if data[index // 8] >> (7 - index % 8) & 1:
            value ^= bits >> (width - 32 - index) & 0xffffffff
    return value


def packed(address):
    return ipaddress.ip_address(address).packed


def key_of(side):
    """A key that lets one address decide. At 31 the pattern meets an IPv4 source, at 63 its destination; the
    others meet the words at either end of an IPv6 address."""
    key = 0
    for at in (31, 127) if side == "source" else (63, 159, 255):
        key |= PATTERN << (KEY_BYTES * 8 - at - PATTERN_BITS)
    return key.to_bytes(KEY_BYTES, "big")


def bucket(address):
    """Of an address alone: its first 32 bits XORed with its last, where an IPv4 address is in the last."""
    raw = packed(address)
    word = raw if len(raw) == 4 else bytes(a ^ b for a, b in zip(raw[:4], raw[12:]))
    return toeplitz(key_of("source"), word) % BUCKETS


def owner(anchor, workers):
    return bucket(anchor) % workers


def slice_owner(port, workers):
    """Of a source port that a worker has drawn (dataplane/README.md: slices of 1024-65535)."""
    return 0 if port < 1024 else (port - 1024) * workers // (65536 - 1024)


@dataclasses.dataclass
class Rss:
    """What a device says that it does: which address decides, how long its table is."""
    side: str        # source, destination
    table: int
    queues: int

    def queue(self, source, sport, destination, dport, _protocol):
        # With or without ports: the key gives their bits no weight, but the sum goes over them.
        hashed = toeplitz(key_of(self.side), packed(source) + packed(destination) + struct.pack("!HH", sport, dport))
        return hashed % self.table % BUCKETS % self.queues
