"""The far ends of the guest's NICs. What is heard and answered is tests/e2e/frames.py's business."""
import os
import socket

from lab.network import wait_until

from .site import frames


class DatagramWire(frames.Wire):
    """QEMU sends every frame of the guest in a datagram to a unix socket, and takes every datagram that it
    gets for a frame."""

    def __init__(self, host, directory, device, mac):
        self.near = os.path.join(directory, f"{device}.near")
        self.far = os.path.join(directory, f"{device}.far")
        super().__init__(host, device, mac)

    def open(self, host):
        # In the namespace whose net.unix.max_dgram_qlen QEMU's socket has, too.
        opened = host.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        opened.setsockopt(socket.SOL_SOCKET, frames.SO_RCVBUFFORCE, 16 << 20)
        opened.bind(self.far)
        return opened

    def receive(self):
        return self.socket.recv(65536)

    def connect(self, timeout=30):
        """Once QEMU has made its end."""
        wait_until(lambda: os.path.exists(self.near), f"QEMU to open {self.near}", timeout)
        self.socket.connect(self.near)

    def send(self, frame):
        data = bytes(frame)
        self.socket.send(data.ljust(60, b"\0"))  # what Ethernet pads


class TapWire(frames.Wire):
    """A tap of several queues, in the namespace; we send and hear on it like a host on its cable."""

    def __init__(self, host, directory, device, mac):
        del directory
        tap = f"tap-{device}"
        host.run("ip", "tuntap", "add", "dev", tap, "mode", "tap", "multi_queue", "vnet_hdr")
        # The kernel must not speak for itself there.
        host.run("sysctl", "-qw", f"net.ipv6.conf.{tap}.disable_ipv6=1")
        host.run("ip", "link", "set", tap, "up")
        super().__init__(host, tap, mac)

    def connect(self):
        """QEMU has opened it."""


WIRES = {"datagram": DatagramWire, "tap": TapWire}
