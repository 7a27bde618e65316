"""perf/harness/machine.py: reading sysfs and git, and huge pages that are put back."""
import os
import signal
import tempfile
import unittest

from harness import machine

CPUINFO = """\
processor\t: 0
model name\t: Example CPU
cache size\t: 1024 KB
flags\t\t: fpu constant_tsc avx2 avx512f hypervisor
bogomips\t: 4000.00

processor\t: 1
model name\t: Another CPU
"""


class FakePages:
    """A directory that behaves as sysfs does: nr_hugepages can be written, `given` bounds what there will be."""

    def __init__(self, directory, total, free, most):
        self.base, self.most, self.used = directory, most, total - free
        self.write("nr_hugepages", total)
        self.write("free_hugepages", free)

    def write(self, name, value):
        with open(os.path.join(self.base, name), "w", encoding="ascii") as file:
            file.write(str(value))

    def read(self, name):
        with open(os.path.join(self.base, name), encoding="ascii") as file:
            return int(file.read())


class Pages(machine.HugePages):
    def __init__(self, mib, fake):
        super().__init__(mib, base=fake.base, log=lambda _: None)
        self.fake = fake

    def _set(self, number):
        super()._set(min(number, self.fake.most))
        self.fake.write("free_hugepages", self.fake.read("nr_hugepages") - self.fake.used)


class HugePages(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def test_enough_are_free(self):
        fake = FakePages(self.directory, total=600, free=512, most=1000)
        pages = Pages(1024, fake)
        pages.reserve()
        self.assertEqual(fake.read("nr_hugepages"), 600)
        self.assertEqual(pages.mib, 1024)
        fake.write("nr_hugepages", 700)  # somebody else's change meanwhile is not ours to undo
        pages.put_back()
        self.assertEqual(fake.read("nr_hugepages"), 700)

    def test_reserved_beside_those_in_use_and_put_back(self):
        fake = FakePages(self.directory, total=100, free=40, most=1000)
        pages = Pages(1024, fake)
        pages.reserve()
        self.assertEqual(fake.read("nr_hugepages"), 572)
        self.assertEqual(fake.read("free_hugepages"), 512)
        pages.put_back()
        self.assertEqual(fake.read("nr_hugepages"), 100)
        fake.write("nr_hugepages", 7)
        pages.put_back()  # once only
        self.assertEqual(fake.read("nr_hugepages"), 7)

    def test_a_machine_that_has_less(self):
        fake = FakePages(self.directory, total=0, free=0, most=100)
        pages = Pages(1024, fake)
        pages.reserve()
        self.assertEqual(pages.mib, 200)
        pages.put_back()
        self.assertEqual(fake.read("nr_hugepages"), 0)

    def test_a_kernel_without(self):
        pages = machine.HugePages(64, base=os.path.join(self.directory, "none"), log=lambda _: None)
        pages.reserve()
        pages.put_back()
        self.assertEqual(pages.mib, 0)

    def test_a_signal_waits_for_the_end_of_a_change(self):
        seen = []
        former = signal.signal(signal.SIGTERM, lambda *_: seen.append("signal"))
        try:
            with machine.undisturbed():
                os.kill(os.getpid(), signal.SIGTERM)
                seen.append("change")
        finally:
            signal.signal(signal.SIGTERM, former)
        self.assertEqual(seen, ["change", "signal"])


class Machine(unittest.TestCase):
    def test_lists_of_sysfs(self):
        self.assertEqual(machine.parse_list("0-2,5,7-8\n"), [0, 1, 2, 5, 7, 8])
        self.assertEqual(machine.parse_list(""), [])

    def test_isolated_cores_first_second_threads_last(self):
        siblings = {0: [0, 4], 4: [0, 4], 1: [1, 5], 5: [1, 5]}
        self.assertEqual(machine.order_cores([0, 1, 4, 5], siblings, []), [0, 1, 4, 5])
        self.assertEqual(machine.order_cores([0, 1, 4, 5], siblings, [1, 5]), [1, 0, 5, 4])

    def test_cpuinfo(self):
        found = machine.parse_cpuinfo(CPUINFO)
        self.assertEqual(found["model"], "Example CPU")
        self.assertEqual(found["tsc_mhz"], 2000)
        self.assertEqual(found["vector"], ["avx2", "avx512f"])
        self.assertTrue(found["virtual"])
        self.assertIsNone(machine.parse_cpuinfo(CPUINFO.replace("constant_tsc", ""))["tsc_mhz"])

    def test_a_report_of_before_is_no_change(self):
        status = " M perf/report.md\n M nic/eal.cpp\n?? perf/rate-rules.svg\n"
        changed = machine.parse_status(status, ["perf/report.md"])
        self.assertEqual(changed, ["nic/eal.cpp", "perf/rate-rules.svg"])

    def test_describe_has_all_that_the_report_shows(self):
        for key in ("model", "tsc_mhz", "cores", "isolated", "governor", "numa_nodes", "memory_mib", "kernel", "dpdk"):
            self.assertIn(key, machine.describe())


if __name__ == "__main__":
    unittest.main()
