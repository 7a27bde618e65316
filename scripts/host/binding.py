"""Binding and unbinding NICs: everything that must hold first, then dpdk-devbind.py."""
import shutil
import subprocess

from .machine import BIFURCATED, HANDOVER_DRIVERS, HostError

DEVBIND = "dpdk-devbind.py"


class Binder:
    def __init__(self, machine, dry_run):
        self.machine, self.dry_run = machine, dry_run

    # Checks

    def why_it_stays(self, nic):
        """The reason why a NIC must not be taken from the kernel, None without one."""
        mine = {name for interface in nic.interfaces for name in self.machine.stacked_on(interface)}
        if over := mine & self.machine.default_route_interfaces():
            return f"carries the default route ({', '.join(sorted(over))})"
        if over := mine & self.machine.ssh_interfaces():
            return f"carries an SSH session ({', '.join(sorted(over))})"
        return None

    def why_it_is_in_use(self, nic):
        mine = {name for interface in nic.interfaces for name in self.machine.stacked_on(interface)}
        # Every interface that is up has a link-local and a multicast prefix; they say nothing.
        used = sorted({interface for network, interface, _ in self.machine.routes()
                       if interface in mine and not network.is_link_local and not network.is_multicast})
        return used and f"has routes over {', '.join(used)}: take it down first with `ip link set {used[0]} down`"

    def check_bindable(self, nics):
        for nic in nics:
            if nic.driver in BIFURCATED:
                raise HostError(f"{nic.address} stays with {nic.driver}: DPDK works beside this driver. Name the address "
                                "in dataplane.conf as it is")
            if reason := self.why_it_stays(nic) or self.why_it_is_in_use(nic):
                raise HostError(f"{nic.address} {reason}")
            if not nic.group:
                raise HostError(
                    f"{nic.address} is behind no IOMMU, and vfio-pci needs one: turn on VT-d or AMD-Vi in the firmware and add "
                    "`intel_iommu=on iommu=pt` (AMD: `iommu=pt`) to the kernel's command line; in a virtual machine, give it a "
                    "virtual IOMMU")
            self.check_group(nic, {n.address for n in nics})

    def check_group(self, nic, together):
        """vfio gives a group to one process: whoever else is in it must leave the kernel, too."""
        for other in self.machine.names("sys/kernel/iommu_groups", nic.group, "devices"):
            if other in together:
                continue
            where = ("sys/bus/pci/devices", other)
            driver = self.machine.link(*where, "driver")
            is_bridge = (self.machine.text(*where, "class") or "").startswith("0x06")
            if is_bridge or not driver or driver in HANDOVER_DRIVERS:
                continue
            raise HostError(
                f"{nic.address} shares IOMMU group {nic.group} with {other} (driver {driver}): bind both in one command, "
                "unbind the other from its driver, or move a card to another slot")

    # Actions

    def run(self, *argv):
        if self.dry_run:
            print(" ".join(argv))
            return
        if shutil.which(argv[0]) is None:
            raise HostError(f"{argv[0]} is missing: apt install {'dpdk' if argv[0] == DEVBIND else 'kmod'}")
        # However long it takes: killed in its middle it would leave the NIC with nobody.
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise HostError(f"`{' '.join(argv)}` failed: {done.stdout.strip()}")
        self.said = done.stdout.strip()

    def hand_to(self, nic, driver):
        """devbind reports some refusals with exit code 0: what counts is the driver afterwards."""
        self.run(DEVBIND, f"--bind={driver}", nic.address)
        if self.dry_run:
            return
        now = self.machine.nic(nic.address).driver
        if now != driver:
            raise HostError(f"{nic.address} is {'bound to ' + now if now else 'not bound'} after `{DEVBIND} --bind={driver}`: "
                            f"{self.said or 'it gave no reason; dmesg may know more'}")
        print(f"{nic.address}: {nic.driver or 'no driver'} -> {driver}")

    def bind(self, names):
        nics = []
        for nic in map(self.machine.nic, names):
            if nic.driver == "vfio-pci":
                print(f"{nic.address}: already bound to vfio-pci")
            elif nic.address not in (n.address for n in nics):
                nics.append(nic)
        self.check_bindable(nics)
        if nics and not self.machine.names("sys/bus/pci/drivers/vfio-pci"):
            self.run("modprobe", "vfio-pci")
        for nic in nics:
            if nic.driver and nic.driver not in HANDOVER_DRIVERS:
                if self.dry_run:
                    print(f"# {nic.address} came from {nic.driver}: kept in /run/portcullis/nic/{nic.address} for unbind")
                else:
                    self.machine.keep(nic.driver, "nic", nic.address)
            self.hand_to(nic, "vfio-pci")

    def unbind(self, names, driver=None):
        wanted = []
        for nic in map(self.machine.nic, names):
            if nic.driver and nic.driver not in HANDOVER_DRIVERS:
                print(f"{nic.address}: already with the kernel ({nic.driver})")
                continue
            back_to = driver or self.machine.kept("nic", nic.address)
            if not back_to:
                raise HostError(f"nobody remembers the kernel driver of {nic.address} (it was bound by something else, or before "
                                f"the last boot): name it with --driver; `lspci -ks {nic.address}` lists it under Kernel modules")
            wanted.append((nic, back_to))
        for nic, back_to in wanted:
            self.hand_to(nic, back_to)
            if not self.dry_run:
                self.machine.forget("nic", nic.address)
