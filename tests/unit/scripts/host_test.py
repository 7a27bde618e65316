#!/usr/bin/python3
"""scripts/nic, scripts/hugepages and scripts/host-check against a made-up /proc and /sys: no hardware, no root,
and no command but our own stand-ins for modprobe and dpdk-devbind.py."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts")
MANAGEMENT, FIRST, SECOND = "0000:01:00.0", "0000:03:00.0", "0000:03:00.1"
GIB = 1 << 30

# Does to the tree what the kernel would do; a stubborn one refuses the way the real one does, with exit code 0.
DEVBIND = """#!/bin/bash
echo "dpdk-devbind.py $*" >>"$ROOT/log"
[ -e "$ROOT/stubborn" ] && { echo "Warning: routing table indicates that interface $2 is active. Not modifying"; exit 0; }
ln -sfn "../../drivers/${1#--bind=}" "$ROOT/sys/bus/pci/devices/$2/driver"
"""
MODPROBE = """#!/bin/bash
echo "modprobe $*" >>"$ROOT/log"
mkdir -p "$ROOT/sys/bus/pci/drivers/vfio-pci"; touch "$ROOT/sys/bus/pci/drivers/vfio-pci/bind"
"""


class Tree(unittest.TestCase):
    """A host with a management NIC (eth0: default route) and two ports of an igb card (eth1, eth2)."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="portcullis-host-")
        self.addCleanup(directory.cleanup)
        self.root = directory.name
        for name, text in (("dpdk-devbind.py", DEVBIND), ("modprobe", MODPROBE)):
            self.put(f"bin/{name}", text)
            os.chmod(f"{self.root}/bin/{name}", 0o755)
        self.put("proc/cpuinfo", "model name : Test\nflags : ssse3 sse4_1 sse4_2 popcnt cx16 avx2 constant_tsc nonstop_tsc\n")
        self.put("proc/cmdline", "quiet isolcpus=2-3 nohz_full=2-3 rcu_nocbs=all intel_iommu=on iommu=pt")
        for file, text in (("online", "0-3"), ("isolated", "2-3")):
            self.put(f"sys/devices/system/cpu/{file}", text)
        self.put("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never")
        self.put("sys/class/iommu/dmar0/x", "")
        self.nic(MANAGEMENT, "virtio-pci", "eth0", group="1")
        self.nic(FIRST, "igb", "eth1", group="7")
        self.nic(SECOND, "igb", "eth2", group="8")
        self.put("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_e1000.so.23", "")
        self.routes4 = [("eth0", "00000000", "0100000A", "00000000"), ("eth0", "0000000A", "00000000", "00FFFFFF")]
        self.write_routes()
        for node in (0, 1):
            where = f"sys/devices/system/node/node{node}"
            self.put(f"{where}/cpulist", f"{2 * node}-{2 * node + 1}")
            self.put(f"{where}/meminfo", f"Node {node} MemFree: {4 * GIB // 1024} kB\nNode {node} Inactive(file): 0 kB\n")
            self.put(f"{where}/hugepages/hugepages-2048kB/nr_hugepages", "8\n")
            self.put(f"{where}/hugepages/hugepages-2048kB/free_hugepages", "4\n")
        self.put("sys/kernel/mm/hugepages/hugepages-2048kB/x", "")

    def put(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def get(self, path):
        try:
            with open(os.path.join(self.root, path), encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def nic(self, address, driver, interface, group):
        where = f"sys/bus/pci/devices/{address}"
        for file, text in (("class", "0x020000"), ("vendor", "0x8086"), ("device", "0x10c9"), ("numa_node", "1")):
            self.put(f"{where}/{file}", text)
        self.put(f"{where}/net/{interface}/x", "")
        self.put(f"sys/class/net/{interface}/queues/rx-0/x", "")
        os.symlink(f"../../drivers/{driver}", f"{self.root}/{where}/driver")
        if group:
            os.symlink(f"../../../kernel/iommu_groups/{group}", f"{self.root}/{where}/iommu_group")
            self.put(f"sys/kernel/iommu_groups/{group}/devices/{address}/x", "")

    def write_routes(self):
        rows = [f"{i}\t{d}\t{g}\t{'0003' if int(g, 16) else '0001'}\t0\t0\t0\t{m}\t0\t0\t0" for i, d, g, m in self.routes4]
        self.put("proc/net/route", "\n".join(["Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"] + rows) + "\n")

    def run_script(self, name, *argv, **environment):
        clean = {k: v for k, v in os.environ.items() if k != "SSH_CONNECTION"}
        return subprocess.run(
            [f"{SCRIPTS}/{name}", "--root", self.root, *argv], capture_output=True, text=True, timeout=60, check=False,
            env={**clean, "PATH": f"{self.root}/bin:/usr/bin:/bin", "ROOT": self.root, **environment})

    def refused(self, result, *words):
        self.assertEqual(result.returncode, 1, result)
        for word in words:
            self.assertIn(word, result.stderr)
        self.assertEqual(self.get("log"), "", "something was done all the same")


def as_root(test):
    return unittest.skipUnless(os.geteuid() == 0, "the scripts act only as root")(test)


class NicTest(Tree):
    def nic_script(self, *argv, **environment):
        return self.run_script("nic", *argv, **environment)

    def test_list_says_who_has_what_and_which_stays(self):
        rows = {line.split()[0]: line for line in self.nic_script("list").stdout.splitlines()}
        self.assertIn("carries the default route (eth0)", rows[MANAGEMENT])
        self.assertEqual(rows[FIRST].split()[1:4], ["igb", "eth1", "1"])

    def test_dry_run_prints_the_exact_actions_and_does_none(self):
        result = self.nic_script("bind", "--dry-run", "03:00.0", "eth2")
        self.assertEqual(result.returncode, 0, result)
        self.assertEqual(result.stdout.splitlines(), [
            "modprobe vfio-pci",
            f"# {FIRST} came from igb: kept in /run/portcullis/nic/{FIRST} for unbind", f"dpdk-devbind.py --bind=vfio-pci {FIRST}",
            f"# {SECOND} came from igb: kept in /run/portcullis/nic/{SECOND} for unbind", f"dpdk-devbind.py --bind=vfio-pci {SECOND}"])
        self.assertEqual(self.get("log"), "")
        self.assertFalse(os.path.exists(f"{self.root}/run"))

    @as_root
    def test_bind_and_unbind_restore_the_kernel_driver(self):
        result = self.nic_script("bind", FIRST)
        self.assertEqual(result.stdout, f"{FIRST}: igb -> vfio-pci\n", result)
        self.assertIn("came from igb", self.nic_script("list").stdout)
        self.assertEqual(self.nic_script("bind", FIRST).stdout, f"{FIRST}: already bound to vfio-pci\n")
        result = self.nic_script("unbind", FIRST)
        self.assertEqual(result.stdout, f"{FIRST}: vfio-pci -> igb\n", result)
        self.assertEqual(self.nic_script("unbind", FIRST).stdout, f"{FIRST}: already with the kernel (igb)\n")
        self.assertEqual(self.get("log").splitlines(), [
            "modprobe vfio-pci", f"dpdk-devbind.py --bind=vfio-pci {FIRST}", f"dpdk-devbind.py --bind=igb {FIRST}"])
        self.assertEqual(os.listdir(f"{self.root}/run/portcullis/nic"), [])

    @as_root
    def test_a_refusal_of_devbind_with_exit_code_0_is_an_error(self):
        self.put("stubborn", "")
        result = self.nic_script("bind", FIRST)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is bound to igb after `dpdk-devbind.py --bind=vfio-pci`", result.stderr)
        self.assertIn("Not modifying", result.stderr)

    def test_unbind_of_what_nobody_remembers_asks_for_the_driver(self):
        driver = f"{self.root}/sys/bus/pci/devices/{FIRST}/driver"
        os.unlink(driver)
        os.symlink("../../drivers/vfio-pci", driver)
        self.refused(self.nic_script("unbind", "--dry-run", FIRST), "--driver")
        self.assertEqual(self.nic_script("unbind", "--dry-run", "--driver", "igb", FIRST).stdout,
                         f"dpdk-devbind.py --bind=igb {FIRST}\n")

    def test_unknown_addresses_and_other_devices(self):
        self.refused(self.nic_script("bind", "--dry-run", "0000:ff:00.0"), "there is no NIC 0000:ff:00.0")
        self.put("sys/bus/pci/devices/0000:00:02.0/class", "0x030000")
        self.refused(self.nic_script("bind", "--dry-run", "0000:00:02.0"), "no Ethernet controller")

    def test_the_default_route_stays(self):
        self.refused(self.nic_script("bind", "--dry-run", FIRST, "eth0"), MANAGEMENT, "default route (eth0)")

    def test_the_default_route_of_ipv6_stays(self):
        zero = "0" * 32
        self.put("proc/net/ipv6_route", f"{zero} 00 {zero} 00 fe80{'0' * 27}1 00000400 1 0 00450003 eth1\n"
                 f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo\n")
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "default route (eth1)")

    def test_a_bridge_over_a_bond_is_seen_through(self):
        self.put("sys/class/net/eth1/upper_bond0/x", "")
        self.put("sys/class/net/bond0/upper_br0/x", "")
        self.routes4[0] = ("br0", "00000000", "0100000A", "00000000")
        self.write_routes()
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "default route (br0)")

    def test_an_ssh_session_stays(self):
        self.routes4.append(("eth1", "0002A8C0", "00000000", "00FFFFFF"))  # 192.168.2.0/24
        self.write_routes()
        self.refused(self.nic_script("bind", "--dry-run", FIRST, SSH_CONNECTION="192.168.2.9 50000 192.168.2.1 22"),
                     "SSH session (eth1)")
        # sudo took the variable away: the connection itself is there.
        self.put("proc/net/tcp", "  sl  local_address rem_address st\n   0: 0102A8C0:0016 0902A8C0:C350 01\n")
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "SSH session (eth1)")
        # Listening or ended is no session.
        self.put("proc/net/tcp", "  sl  local_address rem_address st\n   0: 0102A8C0:0016 0902A8C0:C350 06\n")
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "has routes over eth1", "ip link set eth1 down")

    def test_an_ssh_session_over_ipv6_stays(self):
        net = "fd00000000000002" + "0" * 16
        self.put("proc/net/ipv6_route", f"{net} 40 {'0' * 32} 00 {'0' * 32} 00000100 1 0 00000001 eth1\n")
        self.refused(self.nic_script("bind", "--dry-run", FIRST, SSH_CONNECTION="fd00:0:0:2::9 50000 fd00:0:0:2::1 22"),
                     "SSH session (eth1)")

    def test_a_shared_iommu_group(self):
        other = f"{self.root}/sys/bus/pci/devices/{SECOND}/iommu_group"
        os.unlink(other)
        os.symlink("../../../kernel/iommu_groups/7", other)
        self.put(f"sys/kernel/iommu_groups/7/devices/{SECOND}/x", "")
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "shares IOMMU group 7", SECOND, "(driver igb)")
        self.assertEqual(self.nic_script("bind", "--dry-run", FIRST, SECOND).returncode, 0)
        # A bridge above them does not count.
        self.put("sys/bus/pci/devices/0000:00:1c.0/class", "0x060400")
        os.symlink("../../drivers/pcieport", f"{self.root}/sys/bus/pci/devices/0000:00:1c.0/driver")
        self.put("sys/kernel/iommu_groups/7/devices/0000:00:1c.0/x", "")
        self.assertEqual(self.nic_script("bind", "--dry-run", FIRST, SECOND).returncode, 0)

    def test_without_an_iommu(self):
        os.unlink(f"{self.root}/sys/bus/pci/devices/{FIRST}/iommu_group")
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "no IOMMU", "intel_iommu=on")

    def test_mellanox_stays_bound(self):
        driver = f"{self.root}/sys/bus/pci/devices/{FIRST}/driver"
        os.unlink(driver)
        os.symlink("../../drivers/mlx5_core", driver)
        self.refused(self.nic_script("bind", "--dry-run", FIRST), "stays with mlx5_core")


    def other_driver(self, address, driver):
        link = f"{self.root}/sys/bus/pci/devices/{address}/driver"
        os.unlink(link)
        os.symlink(f"../../drivers/{driver}", link)

    @as_root
    def test_from_one_userspace_driver_to_another_the_kernels_is_remembered(self):
        self.other_driver(FIRST, "igb_uio")
        self.put(f"run/portcullis/nic/{FIRST}", "igb")
        self.assertEqual(self.nic_script("bind", FIRST).returncode, 0)
        result = self.nic_script("unbind", FIRST)
        self.assertIn(f"{FIRST}: vfio-pci -> igb\n", result.stdout, result)

    def test_routes_that_lead_nowhere_keep_no_nic(self):
        with open(f"{self.root}/proc/net/route", "a", encoding="utf-8") as file:
            file.write("eth1\t00000000\t0100000A\t0002\t0\t0\t0\t00000000\t0\t0\t0\n")  # a gateway, but down
        nothing = "0" * 32
        self.put("proc/net/ipv6_route", "".join(
            f"{nothing} 00 {nothing} 00 {nothing} ffffffff 00000001 00000000 {flags} eth1\n" for flags in ("00200201", "80000001")))
        self.assertEqual(self.nic_script("bind", "--dry-run", FIRST).returncode, 0)


class HugepagesTest(Tree):
    def reserved(self):
        return [self.get(f"sys/devices/system/node/node{n}/hugepages/hugepages-2048kB/nr_hugepages").strip() for n in (0, 1)]

    def count_as_the_kernel_does(self):
        """All that is reserved is free."""
        for node, count in enumerate(self.reserved()):
            self.put(f"sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/free_hugepages", count)

    @as_root
    def test_set_spreads_over_nodes_and_restore_puts_back(self):
        result = self.run_script("hugepages", "set", "101")
        self.assertEqual(result.returncode, 0, result)
        self.assertIn("vm.nr_hugepages=101", result.stdout)
        self.assertEqual(self.reserved(), ["51", "50"])
        self.count_as_the_kernel_does()
        result = self.run_script("hugepages", "set", "64M", "--node", "1")
        self.assertIn("hugepages=1:32", result.stdout, result)
        self.assertEqual(self.reserved(), ["51", "32"])
        self.count_as_the_kernel_does()
        self.assertEqual(self.run_script("hugepages", "restore").returncode, 0)
        self.assertEqual(self.reserved(), ["8", "8"])
        self.assertIn("nothing to restore", self.run_script("hugepages", "restore").stderr)

    def test_dry_run_changes_nothing(self):
        result = self.run_script("hugepages", "set", "1G", "--node", "1", "--dry-run")
        self.assertIn("echo 512 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", result.stdout)
        self.assertEqual(self.reserved(), ["8", "8"])

    def test_more_than_there_is_and_fewer_than_in_use(self):
        self.refused(self.run_script("hugepages", "set", "4G", "--node", "0", "--dry-run"), "to spare")
        self.assertEqual(self.run_script("hugepages", "set", "4G", "--dry-run").returncode, 0)  # two nodes have it
        self.refused(self.run_script("hugepages", "set", "2", "--dry-run"), "4 pages of 2 MiB are in use on node 0")

        self.refused(self.run_script("hugepages", "set", "7", "--dry-run"), "4 pages of 2 MiB are in use on node 1")
        self.assertEqual(self.run_script("hugepages", "set", "8", "--dry-run").returncode, 0)
        # Another page size has nothing to do with it.
        self.put("sys/kernel/mm/hugepages/hugepages-1048576kB/x", "")
        self.refused(self.run_script("hugepages", "set", "4G", "--node", "0", "--dry-run"), "to spare")

    def test_a_size_is_rounded_up(self):
        for amount, pages in (("17M", 9), ("18M", 9), ("19M", 10)):
            result = self.run_script("hugepages", "set", amount, "--node", "1", "--dry-run")
            self.assertIn(f"echo {pages} > ", result.stdout, result)

    @as_root
    def test_what_the_kernel_cannot_find_is_given_back(self):
        where = f"{self.root}/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"
        os.unlink(where)
        os.symlink("/dev/null", where)  # it never has any
        result = self.run_script("hugepages", "set", "100")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nothing was changed", result.stderr)
        self.assertIn("node 0: 8 -> 50", result.stdout)
        self.assertEqual(self.reserved()[0], "8")

    @as_root
    def test_memory_is_given_back_before_more_is_taken(self):
        self.assertEqual(self.run_script("hugepages", "set", "16").returncode, 0)  # keeps 8 and 8
        for node, count in ((0, 4), (1, 20)):
            self.put(f"sys/devices/system/node/node{node}/hugepages/hugepages-2048kB/nr_hugepages", f"{count}\n")
        self.count_as_the_kernel_does()
        result = self.run_script("hugepages", "restore")
        self.assertEqual(result.stdout.splitlines(), ["node 1: 20 -> 8 pages of 2 MiB", "node 0: 4 -> 8 pages of 2 MiB"])

    def test_what_is_not_there(self):
        self.refused(self.run_script("hugepages", "set", "1", "--page-size", "1G", "--dry-run"), "has no pages of 1024 MiB")
        self.refused(self.run_script("hugepages", "set", "1", "--node", "5", "--dry-run"), "no NUMA node 5")
        self.refused(self.run_script("hugepages", "set", "many", "--dry-run"), "`many` is no size")


class HostCheckTest(Tree):
    def findings(self, *argv):
        result = self.run_script("host-check", "--json", *argv)
        out = {}
        for finding in json.loads(result.stdout):
            out.setdefault((finding["subject"], finding["state"]), []).append(finding["text"] + " " + finding["mend"])
        return result.returncode, out

    def enough_pages(self):
        self.put("sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages", "600")
        self.put("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "600")

    def test_a_machine_in_order(self):
        self.enough_pages()
        code, found = self.findings()
        self.assertEqual(code, 0, found)
        self.assertIn("isolated: 2,3", found["cores", "ok"][0])
        self.assertEqual(len(found["NIC", "ok"]), 3)
        self.assertIn("net_e1000_igb after `scripts/nic bind 0000:03:00.0`", found["NIC", "ok"][1])
        self.assertNotIn(("NUMA", "warn"), found)
        self.assertEqual([k for k in found if k[1] == "fail"], [])
        self.assertIn("no AVX-512", found["cpu", "warn"][0])

    def test_what_prevents_running_fails(self):
        code, found = self.findings()
        self.assertEqual(code, 1)
        self.assertIn("scripts/hugepages set", found["huge pages", "fail"][0])
        self.assertEqual(self.findings("--vdev")[0], 0)
        self.enough_pages()
        self.put("proc/cpuinfo", "model name : Old\nflags : ssse3\n")
        code, found = self.findings("--vdev")
        self.assertEqual(code, 1)
        self.assertIn("lacks sse4_1, sse4_2, popcnt, cx16", found["cpu", "fail"][0])

    def test_one_lacking_flag_prevents_running(self):
        self.enough_pages()
        self.put("proc/cpuinfo", "model name : Odd\nflags : ssse3 sse4_1 sse4_2 cx16 avx2\n")
        code, found = self.findings()
        self.assertEqual(code, 1)
        self.assertIn("lacks popcnt,", found["cpu", "fail"][0])

    def test_ticks_on_one_isolated_core_warn(self):
        self.enough_pages()
        self.put("proc/cmdline", "quiet isolcpus=2-3 nohz_full=2 rcu_nocbs=2-3")
        _, found = self.findings()
        self.assertIn("no nohz_full for them", found["cores", "warn"][0])

    def test_one_nic_that_dpdk_can_take_is_enough(self):
        self.enough_pages()
        link = f"{self.root}/sys/bus/pci/devices/{SECOND}/driver"  # the last in the list
        os.unlink(link)
        os.symlink("../../drivers/of-nobody", link)
        code, found = self.findings()
        self.assertEqual(code, 0, found)
        self.assertIn("no DPDK driver known for it", found["NIC", "warn"][0])

    def test_without_iommu_or_nic(self):
        self.enough_pages()
        os.rename(f"{self.root}/sys/class/iommu", f"{self.root}/sys/class/gone")
        for address in (FIRST, SECOND):
            os.rename(f"{self.root}/sys/bus/pci/devices/{address}", f"{self.root}/{address}")
        code, found = self.findings()
        self.assertEqual(code, 1)
        self.assertIn(("IOMMU", "fail"), found)
        self.assertIn("no NIC that DPDK could take", found["NIC", "fail"][0])

    def test_what_costs_speed_warns(self):
        self.enough_pages()
        self.put("proc/cmdline", "quiet")
        self.put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        self.put("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave")
        self.put("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3")
        self.put("sys/devices/system/node/node1/hugepages/hugepages-2048kB/free_hugepages", "0")
        self.put("sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "600")
        os.unlink(f"{self.root}/usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_e1000.so.23")
        _, found = self.findings()
        self.assertIn("nohz_full and rcu_nocbs", found["cores", "warn"][0])
        self.assertIn("hyperthreads", found["cores", "warn"][1])
        self.assertIn("powersave", found["frequency", "warn"][0])
        self.assertIn(("THP", "warn"), found)
        self.assertIn("node 1 has NICs and no free huge pages", found["NUMA", "warn"][0])
        self.assertIn("apt install librte-net-e1000-23", found["NIC", "warn"][0])


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
