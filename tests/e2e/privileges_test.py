#!/usr/bin/python3
"""`user =` and `control-user =`: once the devices are open neither process is root, and all goes on working."""
import glob
import grp
import os
import pwd
import unittest

from case import ACCESS_VIP, CLIENT, HLB, FirewallCase, clients
from lab.firewall import Firewall

# Users that every Debian has, and that own nothing.
DATAPLANE, CONTROL = "nobody", "daemon"


def status_of_threads(pid):
    """What /proc says of each thread, as dictionaries."""
    out = []
    for path in glob.glob(f"/proc/{pid}/task/*/status"):
        with open(path, encoding="utf-8") as file:
            out.append(dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line))
    return out


class Unprivileged(Firewall):
    def write_config(self, extra="", vdev=None):
        super().write_config(f"user = {DATAPLANE}\ncontrol-user = {CONTROL}\n" + extra, vdev)

    def start_control(self):
        self.control = self.site.firewall.start(
            "control", "setpriv", "--reuid", CONTROL, "--regid", CONTROL, "--clear-groups",
            self.program("portcullis-control"), "--socket", self.control_socket, "--peer", self.peer_socket,
            "--state-dir", self.state)
        self.wait_for(self.control, self.control_socket)


class Privileges(FirewallCase):
    @classmethod
    def start_firewall(cls):
        cls.firewall = Unprivileged(cls.site)
        # As an installation has them: both directories are control's.
        os.chmod(cls.directory, 0o755)
        for path in (cls.firewall.directory, cls.firewall.state):
            os.chown(path, pwd.getpwnam(CONTROL).pw_uid, grp.getgrnam(CONTROL).gr_gid)
        super().start_firewall()

    def assert_threads_are(self, process, user):
        entry = pwd.getpwnam(user)
        threads = status_of_threads(process.pid)
        self.assertTrue(threads)
        for thread in threads:
            told = f"thread {thread['Name']} of {process.name}"
            self.assertEqual(set(thread["Uid"].split()), {str(entry.pw_uid)}, told)
            self.assertEqual(set(thread["Gid"].split()), {str(entry.pw_gid)}, told)
            for capabilities in ("CapPrm", "CapEff", "CapAmb"):
                self.assertEqual(int(thread[capabilities], 16), 0, told)
        return threads

    def test_1_nobody_is_root_and_packets_pass(self):
        threads = self.assert_threads_are(self.firewall.dataplane, DATAPLANE)
        self.assertGreater(len(threads), 2, "main, a worker and the loader")
        self.assertEqual({t["NoNewPrivs"] for t in threads}, {"1"})
        self.assert_threads_are(self.firewall.control, CONTROL)
        self.assertTrue(clients.https(self.site.internet, CLIENT, ACCESS_VIP, 443)[0])

    def test_2_policies_are_still_taken_over(self):
        before = self.running()
        self.firewall.push(self.variant("other.yaml", lambda text: text.replace("198.51.100.0/24", "198.51.100.0/25")))
        self.assertNotEqual(self.running(), before)
        self.firewall.push(HLB)
        self.assertEqual(self.running(), before)
        self.assertTrue(clients.https(self.site.internet, CLIENT, ACCESS_VIP, 443)[0])

    def test_3_a_killed_data_plane_comes_back(self):
        before = self.running()
        self.firewall.kill(self.firewall.dataplane)
        self.firewall.start_dataplane()
        self.wait_until_forwarding()
        self.assert_threads_are(self.firewall.dataplane, DATAPLANE)
        self.assertEqual(self.running(), before)

    def test_4_an_orderly_end_leaves_no_error(self):
        self.assertEqual(self.firewall.dataplane.stop(), 0, self.firewall.dataplane.output()[-1000:])
        self.firewall.start_dataplane()
        self.wait_until_forwarding()


if __name__ == "__main__":
    unittest.main(verbosity=2)
