"""A device under test and `traffic` (perf/traffic), two processes joined by a pair of memif devices.

    traffic, clients' side ── memif "wan" ──┐
    traffic, nodes' side   ── memif "dmz" ──┤ device under test: our data plane, or testpmd

The device under test is the memif server. The policy is the sample of rules/samples, with the interfaces
that are not used made VLANs of one of the two devices. It is compiled and pushed once, by the control
process; what is measured starts from the image that this leaves behind, as after a restart, with no other
process beside it.
"""
import os
import pathlib
import re
import shutil
import time

from .context import ProgramFailed

SAMPLE = "rules/samples/lync-2013-scaled-hlb.yaml"
SCENARIOS = "perf/traffic/scenarios"
SIDES = ("wan", "dmz")  # the clients' and the nodes'
START_SECONDS = 30


def two_devices(text):
    """The sample topology with all but `wan` on one device, each of the others behind a VLAN of it."""
    vlan = iter(range(10, 100, 10))

    def move(match):
        name, device = match.group(1), match.group(2)
        if device == "wan":
            return match.group(0)
        tag = "" if device == "dmz-x" else f" vlan: {next(vlan)},"
        return f"{name}device: dmz,{tag}"
    changed, moved = re.subn(r"(\{)device: ([a-z-]+),", move, text)
    if moved != 5:
        raise ValueError(f"{SAMPLE} has {moved} interfaces where 5 were expected: two_processes.py must follow it")
    return changed


def memif(number, role, socket):
    """The process's device of that number, rings of 1,024; both ends name one socket."""
    return f"net_memif{number},role={role},id=0,socket={socket},socket-abstract=no,rsize=10"


class Bench:
    """Devices under test, one after the other, and the generator at their other end. `context` is the harness's."""

    def __init__(self, context):
        self.context = context
        self.directory = pathlib.Path(context.work)
        self.number = 0
        self.process = None
        self.image = None

    # Where things are

    def socket(self, side):
        return self.directory / f"{side}-{self.number}.sock"

    def scenario(self, name):
        return self.context.root / SCENARIOS / f"{name}.conf"

    def program(self, name):
        for folder in ("dataplane", "control", "control/cli", "perf/traffic"):
            path = self.context.build_root / folder / name
            if path.is_file():
                return path
        raise ProgramFailed(f"{name} is not in {self.context.build_root}: run scripts/build")

    # Devices under test

    def start_process(self, argv, ready, what):
        log = self.directory / f"{what}-{self.number}.log"
        with open(log, "wb") as out:
            process = self.context.start(argv, stdout=out, stderr=out)
        deadline = time.monotonic() + START_SECONDS
        while not all(path.exists() for path in ready):
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")[-1500:]
                self.context.stop(process)
                raise ProgramFailed(f"{what} does not start: {said}")
            time.sleep(0.02)
        return process

    def write_config(self, devices, *, sessions=65536, huge=True, idle="spin", core=None, extra=""):
        path = self.directory / "dataplane.conf"
        worker = self.context.dut_cores[0] if core is None else core
        path.write_text(
            f"workers = 1\nmain-core = {self.context.generator_core}\ncores = {worker}\nidle = {idle}\n"
            f"sessions = {sessions}\nmemory-mib = 256\nhuge = {'on' if huge else 'off'}\n"
            f"peer-socket = {self.directory}/peer.sock\nstate-dir = {self.directory}/state\n"
            f"image = {self.directory}/state/current\nlog-level = warning\n{extra}"
            + "".join(f"[device.{name}]\nvdev = {vdev}\n" for name, vdev in devices), encoding="utf-8")
        return path

    def make_image(self):
        """Has the control process compile and push the policy; its image stays in the state directory."""
        state = self.directory / "state"
        state.mkdir()
        topology = self.directory / "topology.yaml"
        topology.write_text(two_devices((self.context.root / SAMPLE).read_text(encoding="utf-8")), encoding="utf-8")
        peer, control_socket = self.directory / "peer.sock", self.directory / "control.sock"
        config = self.write_config([(side, f"net_null{n},no-rx=1") for n, side in enumerate(SIDES)], huge=False,
                                   idle="sleep")
        dataplane = self.start_process([self.program("portcullis-dataplane"), "--config", config], [peer], "dataplane")
        control = None
        try:
            control = self.start_process([self.program("portcullis-control"), "--socket", control_socket, "--peer", peer,
                                          "--state-dir", state], [control_socket], "control")
            self.context.run([self.program("portcullis"), "push", topology, "--socket", control_socket])
        finally:
            for process in filter(None, (control, dataplane)):
                self.end(process)
        self.image = state / "current"
        if not self.image.exists():
            raise ProgramFailed("the push left no image behind")

    def start_dataplane(self, sessions=65536):
        self.number += 1
        if self.image is None:
            self.make_image()
        config = self.write_config([(side, memif(n, "server", self.socket(side))) for n, side in enumerate(SIDES)],
                                   sessions=sessions)
        # The peer socket comes after the policy: from here on packets pass.
        peer = self.directory / "peer.sock"
        peer.unlink(missing_ok=True)
        self.process = self.start_process([self.program("portcullis-dataplane"), "--config", config],
                                          [peer, *map(self.socket, SIDES)], "dataplane")

    def start_testpmd(self):
        """The floor: swaps MAC addresses, with the same devices, rings and bursts."""
        self.number += 1
        testpmd = shutil.which("dpdk-testpmd")
        if testpmd is None:
            raise ProgramFailed("dpdk-testpmd is not installed: run scripts/setup --perf")
        devices = []
        for n, side in enumerate(SIDES):
            devices += ["--vdev", memif(n, "server", self.socket(side))]
        self.process = self.start_process(
            [testpmd, "--lcores", f"0@{self.context.generator_core},1@{self.context.dut_cores[0]}", "--main-lcore", "0",
             "--in-memory", "-m", "256", "--no-pci", "--no-telemetry", "--file-prefix", f"testpmd-{os.getpid()}", *devices,
             "--", "--forward-mode=macswap", "--auto-start", "--nb-cores=1", "--rxd=1024", "--txd=1024", "--burst=32",
             "--port-topology=paired",
             # Without a terminal it would end at once; with a period it shows statistics until it is ended.
             "--stats-period=3600"],
            list(map(self.socket, SIDES)), "testpmd")

    def end(self, process):
        """Ends a DPDK process and removes what a killed one leaves: its runtime directory."""
        pid = process.pid
        self.context.stop(process, seconds=10)
        for name in (f"portcullis-{pid}", f"testpmd-{os.getpid()}"):
            shutil.rmtree(f"/var/run/dpdk/{name}", ignore_errors=True)

    def stop(self):
        if self.process is not None:
            self.end(self.process)
        self.process = None
        for side in SIDES:
            self.socket(side).unlink(missing_ok=True)

    # The generator

    def traffic_argv(self, scenario, *arguments, floor=False):
        argv = [self.program("traffic"), "--core", self.context.generator_core, "--scenario", self.scenario(scenario),
                "--client-port", memif(0, "client", self.socket(SIDES[0])),
                "--node-port", memif(1, "client", self.socket(SIDES[1])), *arguments]
        if floor:  # nobody translates and nobody answers ARP
            argv += ["--nat", "none", "--peer-mac", "02:00:00:00:00:01"]
        return [str(a) for a in argv]

    def traffic(self, scenario, *arguments, floor=False, timeout=120):
        """Runs the generator to its end; its lines. ProgramFailed where a packet came back wrong."""
        if self.process.poll() is not None:
            raise ProgramFailed(f"the device under test has ended (exit {self.process.returncode})")
        return self.context.measure(self.traffic_argv(scenario, *arguments, floor=floor), timeout=timeout)
