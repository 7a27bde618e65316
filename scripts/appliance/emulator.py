"""QEMU with software emulation: the machine that our guest boots on.

Debian 12's QEMU 7.2 knows no igb, so the program comes from Debian 13 into a folder of its own and runs
there by chroot, with the run's folder bound to /run/appliance.
"""
import dataclasses
import os

from .cache import bootstrap

PACKAGES = ["qemu-system-x86", "seabios", "ipxe-qemu"]
RUN = "/run/appliance"
VCPUS = 3
MEMORY_MIB = 2048
QUEUES = 2



@dataclasses.dataclass
class Nic:
    """A kind of NIC: -device options, and the wire it hangs on."""
    device: str
    wire: str


# By datagrams each frame is one message between QEMU and us; only a tap has several queues for virtio-net.
NICS = {
    "igb": Nic("igb", "datagram"),
    "e1000e": Nic("e1000e", "datagram"),
    "virtio": Nic("virtio-net-pci,disable-legacy=on,iommu_platform=on,mq=on,rss=on,hash=on,vectors=6", "tap"),
}


def prepare(cache):
    """The folder with Debian 13's QEMU in it."""
    def make(folder):
        bootstrap("trixie", "extract", PACKAGES, folder)
        # What base-files would bring.
        for link in ("bin", "sbin", "lib", "lib64"):
            if not os.path.lexists(f"{folder}/{link}"):
                os.symlink(f"usr/{link}", f"{folder}/{link}")
        for mount_point in ("dev", RUN.lstrip("/")):
            os.makedirs(f"{folder}/{mount_point}", exist_ok=True)

    return cache.part("qemu", {"suite": "trixie", "packages": PACKAGES, "recipe": 1}, make)


def inside(name):
    """A file of the run's folder, as QEMU sees it."""
    return os.path.join(RUN, name)


def netdev(nic, device):
    if NICS[nic].wire == "tap":
        return f"tap,ifname=tap-{device},queues={QUEUES},script=no,downscript=no,vhost=off"
    return (f"dgram,local.type=unix,local.path={inside(device + '.near')},remote.type=unix,"
            f"remote.path={inside(device + '.far')}")


class Emulator:
    """One virtual machine: two NICs of one kind behind an emulated IOMMU, their wires unix datagram sockets or taps."""

    def __init__(self, host, qemu, guest, directory):
        # The namespace is for net.unix.max_dgram_qlen: with its 10, bursts would be dropped in silence.
        self.host, self.qemu, self.guest, self.directory = host, qemu, guest, directory
        host.run("sysctl", "-qw", "net.unix.max_dgram_qlen=4096")
        self.process = None

    def start(self, nic, macs):
        """macs: {device: MAC}. Ports come in that order; console and wires are in the run's folder."""
        options = [
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", str(VCPUS), "-m", str(MEMORY_MIB),
            "-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48",
            "-kernel", inside("vmlinuz"), "-initrd", inside("initrd"),
            # Where cores are short, the kernel's look whether its timer ticks in time fails.
            "-append", "root=/dev/vda ro console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt no_timer_check mitigations=off "
                       "init=/appliance-init",
            "-serial", f"file:{inside('serial.log')}",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={inside('agent')},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=agent",
        ]
        for number, disk in enumerate(("root.ext4", "payload.ext4")):
            options += ["-drive", f"if=none,id=disk{number},format=raw,readonly=on,file={inside(disk)}",
                        "-device", f"virtio-blk-pci,drive=disk{number}"]
        for number, (device, mac) in enumerate(macs.items()):
            # Behind a root port of its own each NIC has an IOMMU group of its own.
            options += ["-device", f"pcie-root-port,id=port{number},chassis={number + 1},addr=0x{number + 8:x}",
                        "-netdev", netdev(nic, device) + f",id=wire{number}",
                        "-device", f"{NICS[nic].device},bus=port{number},netdev=wire{number},mac={mac}"]
        # ip netns exec has given the shell mounts of its own: these end with it.
        script = 'set -e; mount --bind /dev "$1/dev"; mount --bind "$2" "$1$3"; shift 3; exec chroot "$@"'
        self.process = self.host.start("qemu", "sh", "-c", script, "sh", self.qemu, self.directory, RUN,
                                       self.qemu, "/usr/bin/qemu-system-x86_64", *options)

    def serial(self):
        try:
            with open(f"{self.directory}/serial.log", encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def stop(self):
        if self.process is not None:
            self.process.stop()
