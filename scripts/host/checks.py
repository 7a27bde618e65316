"""What the data plane wants of a machine: one function a subject, each yields its findings."""
import dataclasses

from .binding import Binder
from .machine import BIFURCATED, DPDK_DRIVERS, DPDK_LIBRARIES, HANDOVER_DRIVERS, cpu_list
from .pages import MIB, Pages, mib

# What Debian's DPDK and our build are compiled for (-march=corei7).
NEEDED_FLAGS = ("ssse3", "sse4_1", "sse4_2", "popcnt", "cx16")
AVX512_FLAGS = ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl")
# `memory-mib` where dataplane.conf does not say otherwise.
DEFAULT_MEMORY_MIB = 1024
PMD_FOLDER = "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"


@dataclasses.dataclass
class Finding:
    subject: str
    state: str  # ok, warn, fail
    text: str
    mend: str = ""


def check_host(machine, needs_pci):
    out = []
    for check in (processor, cores, frequency, huge_pages, transparent_huge_pages, kernel_options, iommu, numa, nics):
        out += check(machine, needs_pci)
    return out


def processor(machine, _needs_pci):
    flags = machine.cpu_flags()
    missing = [flag for flag in NEEDED_FLAGS if flag not in flags]
    if missing:
        yield Finding("cpu", "fail", f"{machine.cpu_model()}: lacks {', '.join(missing)}, without which DPDK does not start",
                      "another processor; in a virtual machine, pass the host's on (QEMU: -cpu host)")
        return
    yield Finding("cpu", "ok", f"{machine.cpu_model()}: has what the programs are compiled for (SSE4.2)")
    if "avx2" not in flags:
        yield Finding("cpu", "warn", "no AVX2: rules are matched by SSE, at less than half the speed",
                      "in a virtual machine, pass the host's processor on (QEMU: -cpu host)")
    elif any(flag not in flags for flag in AVX512_FLAGS):
        yield Finding("cpu", "warn", "AVX2 but no AVX-512: matching a rule set takes about twice the cycles")
    else:
        yield Finding("cpu", "ok", "AVX-512")
    if not {"constant_tsc", "nonstop_tsc"} <= flags:
        yield Finding("cpu", "warn", "the time stamp counter is not said to be constant: timeouts follow the clock frequency",
                      "in a virtual machine, expose invtsc (QEMU: -cpu host,+invtsc)")


def cores(machine, _needs_pci):
    online = cpu_list(machine.text("sys/devices/system/cpu/online"))
    if len(online) < 2:
        yield Finding("cores", "warn", f"{len(online)} core: main and worker share it", "use `idle = sleep` in dataplane.conf")
    isolated = cpu_list(machine.text("sys/devices/system/cpu/isolated"))
    text = ",".join(map(str, isolated))
    if not isolated:
        yield Finding("cores", "warn", f"{len(online)} cores, none isolated: other processes interrupt the workers",
                      "kernel command line: isolcpus=LIST nohz_full=LIST rcu_nocbs=LIST with the `cores` of dataplane.conf")
        return
    yield Finding("cores", "ok", f"{len(online)} cores, isolated: {text}")
    lacking = [option for option in ("nohz_full", "rcu_nocbs")
               if not set(isolated) <= set(cpu_list_or_all(machine.kernel_options().get(option), online))]
    if lacking:
        yield Finding("cores", "warn", f"isolated cores still get the kernel's ticks and callbacks: no {' and '.join(lacking)} for them",
                      "kernel command line: " + " ".join(f"{option}={text}" for option in lacking))
    shared = sorted({tuple(siblings) for core in isolated if len(siblings := cpu_list(
        machine.text(f"sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"))) > 1})
    if shared:
        yield Finding("cores", "warn", "isolated cores are hyperthreads of a core: " + "; ".join(",".join(map(str, s)) for s in shared),
                      "give the workers one thread of each core and leave the other idle, or turn SMT off")


def cpu_list_or_all(text, online):
    if text == "all":
        return online
    try:
        return cpu_list(text)
    except ValueError:  # kernel syntax that goes beyond lists
        return online


def frequency(machine, _needs_pci):
    governors = {}
    for core in cpu_list(machine.text("sys/devices/system/cpu/online")):
        if governor := machine.text(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor"):
            governors.setdefault(governor, []).append(core)
    if not governors:
        yield Finding("frequency", "ok", "not governed by this kernel")
    elif list(governors) == ["performance"]:
        yield Finding("frequency", "ok", "governor performance")
    else:
        yield Finding("frequency", "warn", "; ".join(f"governor {g} on {len(c)} cores" for g, c in sorted(governors.items())),
                      "cpupower frequency-set -g performance")


def huge_pages(machine, needs_pci):
    pages = Pages(machine)
    free, reserved = pages.free_bytes(), sum(count * size for (_, size), count in pages.all_reserved().items())
    if free >= DEFAULT_MEMORY_MIB * MIB:
        yield Finding("huge pages", "ok", f"{mib(free)} free of {mib(reserved)} reserved")
        return
    yield Finding("huge pages", "fail" if needs_pci else "ok",
                  f"{mib(free)} free of {mib(reserved)} reserved" +
                  (f"; the data plane takes {DEFAULT_MEMORY_MIB} MiB unless `memory-mib` says less" if needs_pci else ""),
                  f"scripts/hugepages set {DEFAULT_MEMORY_MIB}M" if needs_pci else "")


def transparent_huge_pages(machine, _needs_pci):
    text = machine.text("sys/kernel/mm/transparent_hugepage/enabled") or ""
    mode = text.partition("[")[2].partition("]")[0] or "not built in"
    if mode == "always":
        yield Finding("THP", "warn", "transparent huge pages are merged behind the back of every process, which stalls workers",
                      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled, or transparent_hugepage=madvise at boot")
    else:
        yield Finding("THP", "ok", f"transparent huge pages: {mode}")


def kernel_options(machine, _needs_pci):
    options = machine.kernel_options()
    interesting = [f"{name}={value}" if value else name for name, value in options.items()
                   if name in ("isolcpus", "nohz_full", "rcu_nocbs", "intel_iommu", "amd_iommu", "iommu", "hugepages", "hugepagesz",
                               "default_hugepagesz", "mitigations", "intel_idle.max_cstate", "processor.max_cstate", "idle", "nosmt")]
    yield Finding("kernel", "ok", "command line: " + (" ".join(interesting) or "nothing about cores, pages or IOMMU"))


def iommu(machine, needs_pci):
    units = machine.names("sys/class/iommu")
    groups = machine.names("sys/kernel/iommu_groups")
    if units and groups:
        passthrough = machine.kernel_options().get("iommu") == "pt"
        yield Finding("IOMMU", "ok", f"{', '.join(units)}, {len(groups)} groups" + (", kernel devices pass through" if passthrough else ""))
    elif not needs_pci:
        yield Finding("IOMMU", "ok", "none; kernel interfaces need none")
    else:
        # Drivers that stay with the kernel do not go through vfio.
        beside = any(nic.driver in BIFURCATED for nic in machine.nics())
        yield Finding("IOMMU", "warn" if beside else "fail", "none: vfio-pci cannot be used",
                      "turn on VT-d or AMD-Vi in the firmware and boot with intel_iommu=on iommu=pt (AMD: iommu=pt); in a virtual "
                      "machine, give it a virtual IOMMU")
    if needs_pci and not machine.names("sys/bus/pci/drivers/vfio-pci"):
        yield Finding("IOMMU", "ok", "vfio-pci is not loaded; scripts/nic bind loads it")


def numa(machine, needs_pci):
    nodes = machine.nodes()
    if len(nodes) == 1:
        yield Finding("NUMA", "ok", "one node")
        return
    pages = Pages(machine)
    yield Finding("NUMA", "ok", "; ".join(
        f"node {node}: cores {machine.text(f'sys/devices/system/node/node{node}/cpulist')}" for node in nodes))
    for node in sorted({nic.node for nic in machine.nics() if nic.node >= 0}):
        if needs_pci and not any(pages.free(node, size) for size in pages.sizes()):
            yield Finding("NUMA", "warn", f"node {node} has NICs and no free huge pages: every packet crosses nodes",
                          f"scripts/hugepages set {DEFAULT_MEMORY_MIB}M --node {node}, and workers on that node's cores")


def nics(machine, needs_pci):
    found = machine.nics()
    usable = False
    for nic in found:
        finding, takes = nic_finding(machine, nic)
        usable |= takes
        yield finding
    if not usable:
        yield Finding("NIC", "fail" if needs_pci else "ok", "no NIC that DPDK could take" + ("" if found else ": no PCI Ethernet controller"),
                      "add NICs (README.md lists the drivers); host-check --vdev for kernel interfaces" if needs_pci else "")


def nic_finding(machine, nic):
    """The finding, and whether DPDK can have this NIC."""
    origin = machine.origin(nic)
    what = f"{nic.address} {nic.ids} {nic.driver or 'no driver'}" + (f" ({', '.join(nic.interfaces)})" if nic.interfaces else "")
    if nic.rx_queues:
        what += f", {nic.rx_queues} RX queues"
    if nic.node >= 0:
        what += f", node {nic.node}"
    if reason := Binder(machine, dry_run=True).why_it_stays(nic):
        return Finding("NIC", "ok", f"{what}: stays with the kernel, it {reason}"), False
    if nic.driver in HANDOVER_DRIVERS and not origin:
        return Finding("NIC", "ok", f"{what}: bound for DPDK"), True
    driver = DPDK_DRIVERS.get(origin)
    if driver is None:
        return Finding("NIC", "warn", f"{what}: no DPDK driver known for it", "README.md lists the drivers" if nic.driver else ""), False
    library = DPDK_LIBRARIES[driver]
    if not any(name.startswith(f"librte_net_{library}.so") for name in machine.names(PMD_FOLDER)):
        return Finding("NIC", "warn", f"{what}: needs {driver}, which is not installed",
                       f"apt install librte-net-{library}{'-' if library[-1].isdigit() else ''}23"), False
    if nic.driver in HANDOVER_DRIVERS:
        return Finding("NIC", "ok", f"{what}: bound for DPDK, {driver}"), True
    if nic.driver in BIFURCATED:
        return Finding("NIC", "ok", f"{what}: {driver} works beside {nic.driver}"), True
    return Finding("NIC", "ok", f"{what}: {driver} after `scripts/nic bind {nic.address}`"), True
