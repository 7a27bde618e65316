#!/usr/bin/python3
"""Bad topologies, bad configuration, bad clients, and control killed in the middle of a push: each says what
is wrong, and none of them touches what runs."""
import json
import os
import random
import signal
import socket
import threading
import time
import unittest

from case import HLB, FirewallCase, LabError, wait_until
from traffic import Traffic


class BadInput(FirewallCase):
    # Topologies

    def refused(self, topology, *says):
        """Pushing this ends with exit code 1, says all of that, and what runs still runs."""
        before = self.running()
        result = self.firewall.push_unchecked(topology)
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in says:
            self.assertIn(word, result.stderr)
        self.assertEqual(self.running(), before)
        return result.stderr

    def test_every_error_of_a_topology_is_listed_at_once(self):
        bad = self.variant("many.yaml", lambda t: t.replace("pools:", "poolz:").replace("xmpp: on}", "xmmp: on}")
                           .replace("av:               [203.0.113.30,", "av:               [203.0.113.300,")
                           .replace("10.40.0.0/16, via: 10.30.0.254", "10.40.0.0/33, via: 10.30.0.254"))
        said = self.refused(bad, "poolz", "xmmp", "203.0.113.300", "10.40.0.0/33")
        places = [line for line in said.splitlines() if "many.yaml:" in line]
        self.assertGreaterEqual(len(places), 4)
        for line in places:
            self.assertRegex(line, r"many\.yaml:\d+:\d+: \S")

    def test_what_is_no_topology_at_all_is_refused(self):
        for number, text in enumerate(("", "]", "a: b: c:", "- 1\n- 2\n", "&a [*a, *a]", "[" * 5000, "release: lync-2099\n",
                                       "\t\n", "release: lync-2013\n---\nrelease: lync-2010\n")):
            with self.subTest(text=text[:20]):
                self.refused(self.variant(f"no-{number}.yaml", lambda _, t=text: t), f"no-{number}.yaml")
        path = os.path.join(self.directory, "binary.yaml")
        with open(path, "wb") as file:
            file.write(random.randbytes(4096))
        self.refused(path, "binary.yaml")
        self.refused(os.path.join(self.directory, "missing.yaml"), "missing.yaml")

    def test_a_device_that_dataplane_conf_does_not_name_is_refused(self):
        # The topology itself is sound: only the data plane knows its devices.
        unknown = self.variant("unknown.yaml", lambda t: t.replace("device: dmz-p", "device: dmz-q"))
        self.assertEqual(self.firewall.cli("check", unknown).returncode, 0)
        self.refused(unknown, "dmz-q")

    # The data plane's start

    def start_refused(self, config, *says):
        """The data plane ends with exit code 1 and one line."""
        path = os.path.join(self.directory, "bad.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        result = self.site.firewall.run(self.firewall.program("portcullis-dataplane"), "--config", path, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        lines = (result.stdout + result.stderr).strip().splitlines()
        self.assertEqual(len(lines), 1, "\n".join(lines))
        for word in says:
            self.assertIn(word, lines[0])
        return lines[0]

    def config(self, device="vdev = net_ring0", **changes):
        state = os.path.join(self.directory, "other-state")
        os.makedirs(state, exist_ok=True)
        values = {"workers": 1, "main-core": 0, "cores": 0, "idle": "sleep", "huge": "off", "memory-mib": 256, "sessions": 1024,
                  "peer-socket": f"{state}/peer.sock", "image": f"{state}/current", "state-dir": state, "log-level": "warning"}
        values.update({k.replace("_", "-"): v for k, v in changes.items()})
        return "".join(f"{k} = {v}\n" for k, v in values.items()) + f"[device.wan]\n{device}\n"

    def test_a_data_plane_that_cannot_start_says_why_in_one_line(self):
        for config, says in (
                (self.config("vdev = net_af_packet0,iface=nothere"), ("wan", "nothere", "ip link")),
                (self.config("vdev = net_nonsense0"), ("wan", "net_nonsense0")),
                (self.config("pci = 0000:ff:1f.7"), ("wan", "`huge = on`")),
                (self.config(""), ("wan", "`pci` or `vdev`")),
                (self.config(cores=4000), ("cores",)),
                (self.config(cores=1000), ("1000",)),
                (self.config(main_core=900), ("900",)),
                (self.config(workers=0), ("workers",)),
                (self.config(workers="two"), ("workers", "two")),
                (self.config(peer_socket="relative.sock"), ("peer-socket", "absolute")),
                (self.config(peer_socket="/nowhere/at/all/peer.sock"), ("/nowhere/at/all",)),
                (self.config(peer_socket=self.firewall.peer_socket), (self.firewall.peer_socket,)),
                (self.config(user="nosuchuser"), ("nosuchuser",)),
                (self.config(sesions=5), ("sesions",)),
                ("what is this\n" + self.config(), ("bad.conf:1",)),
                (self.config() + "[devise.lan]\n", ("[devise.lan]",)),
        ):
            with self.subTest(config=config):
                self.start_refused(config, *says)
        # The one that runs has not noticed.
        self.assertTrue(self.firewall.dataplane.alive())
        self.wait_until_forwarding()

    def test_huge_pages_that_are_not_there(self):
        with open("/proc/meminfo", encoding="ascii") as file:
            free = next(int(line.split()[1]) for line in file if line.startswith("HugePages_Free"))
        if free:
            self.skipTest("this machine has huge pages")
        self.start_refused(self.config(huge="on"), "huge = off")

    def test_a_missing_configuration(self):
        program = self.firewall.program("portcullis-dataplane")
        for arguments in (["--config", "/nowhere.conf"], [], ["--konfig", "x"]):
            result = self.firewall_run(program, *arguments)
            self.assertEqual((result.returncode, len(result.stderr.strip().splitlines())), (1, 1), result.stderr)

    def firewall_run(self, *argv):
        return self.site.firewall.run(*argv, check=False)

    # Control's start and its clients

    def test_a_second_control_does_not_take_the_socket_away(self):
        result = self.firewall_run(self.firewall.program("portcullis-control"), "--socket", self.firewall.control_socket,
                                   "--peer", self.firewall.peer_socket, "--state-dir", os.path.join(self.directory, "second"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        self.assertIn(self.firewall.control_socket, result.stderr)
        self.assertIsNotNone(self.running())

    def connection(self):
        s = self.closed(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        s.settimeout(10)
        s.connect(self.firewall.control_socket)
        return s

    def answer(self, line):
        """The answer to one line; None where the connection was closed instead."""
        with self.connection() as s:
            try:
                s.sendall(line + b"\n")
                data = b""
                while not data.endswith(b"\n"):
                    more = s.recv(65536)
                    if not more:
                        return None
                    data += more
                return json.loads(data)
            except (BrokenPipeError, ConnectionResetError):
                return None

    def test_garbage_on_the_control_socket(self):
        for line in (b"garbage", b"{}", b"[]", b"null", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nonsense\"}",
                     b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"push\"}",
                     b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"push\",\"params\":{\"topology\":7}}",
                     b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\",\"params\":{\"nonsense\":7}}",
                     b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"sessions\",\"params\":{\"limit\":-1}}",
                     b"[" * 20000, b"\xff\xfe\x00\x01"):
            with self.subTest(line=line[:60]):
                answer = self.answer(line)
                self.assertIn("error", answer)
                self.assertTrue(answer["error"]["message"])
        # A line without an end is not kept for ever: refused, or the connection closed.
        with self.connection() as s:
            try:
                for _ in range(64):
                    s.sendall(b"x" * (1 << 20))
                self.fail("64 MiB without a newline were taken")
            except (BrokenPipeError, ConnectionResetError):
                pass
        # Random bytes, half lines, silence: others are still served.
        idle = [self.connection() for _ in range(10)]
        for s in idle[:5]:
            s.sendall(b"{\"jsonrpc\":")
        for _ in range(50):
            with self.connection() as s:
                try:
                    s.sendall(random.randbytes(random.randrange(1, 4000)))
                except (BrokenPipeError, ConnectionResetError):
                    pass  # one too many, and refused before it had spoken
        # The number of connections is bounded, and those above must first be seen to be gone.
        wait_until(lambda: self.settled() is not None, "control to answer again", timeout=5)
        self.assertTrue(self.firewall.control.alive())

    # Control killed

    def test_control_killed_in_the_middle_of_a_push(self):
        variants = [HLB] + [self.variant(f"kill-{n}.yaml", lambda t, n=n: t.replace("198.51.100.0/24", f"198.51.100.0/{n}"))
                            for n in (25, 26)]
        hashes = []
        for topology in reversed(variants):
            self.firewall.push(topology)
            hashes.append(self.running())
        hashes.reverse()  # as variants; HLB runs now
        self.assertEqual(len(set(hashes)), 3)
        traffic = Traffic(self.site)
        self.addCleanup(traffic.close)
        totals = []
        stop = threading.Event()

        def go():
            while not stop.is_set():
                totals.append(traffic.run(0.5))

        thread = threading.Thread(target=go)
        thread.start()
        began = time.monotonic()
        self.firewall.push(variants[1])
        push_takes = time.monotonic() - began
        current, ends = 1, set()
        try:
            for _ in range(10):
                other = (current + 1) % 3
                push = self.site.firewall.start("push", self.firewall.program("portcullis"), "push", variants[other],
                                                "--socket", self.firewall.control_socket)
                time.sleep(random.uniform(0, push_takes * 1.1))
                self.firewall.kill(self.firewall.control)
                push.popen.wait(20)
                self.firewall.start_control()
                wait_until(lambda: self.settled() is not None, "control and data plane to agree", timeout=15)
                now = self.running()
                self.assertIn(now, (hashes[current], hashes[other]), f"ran {hashes[current]}, pushed {hashes[other]} of {hashes}; "
                              + self.firewall.online("history").stdout + self.firewall.control.output()[-3000:]
                              + self.firewall.dataplane.output()[-2000:])
                if push.popen.returncode == 0:
                    self.assertEqual(now, hashes[other], "reported as done, and not running")
                ends.add(now == hashes[other])
                current = hashes.index(now)
        finally:
            stop.set()
            thread.join(30)
        lost, broken = sum(t[1] for t in totals), sum(t[2] for t in totals)
        self.assertGreater(sum(t[0] for t in totals), 300)
        self.assertEqual((lost, broken), (0, 0))
        print("pushes ended with the old policy:", False in ends, "with the new one:", True in ends, flush=True)
        self.firewall.push(HLB)
        self.assertEqual(self.running(), hashes[0])
        self.assert_every_packet_is_accounted_for()

    def settled(self):
        """What runs, once status says the same of the data plane and of the disk."""
        try:
            status = self.firewall.json("status")
        except (LabError, json.JSONDecodeError):
            return None
        running = status["dataplane"]["running"]
        stored = status["stored"]
        if status["dataplane"].get("loading"):
            return None  # handed over by the daemon that was killed
        if running is None or stored["current"] is None or stored["candidate"] is not None:
            return None
        return running if stored["current"]["hash"] == running else None


if __name__ == "__main__":
    unittest.main(verbosity=2)
