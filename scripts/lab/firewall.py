"""The firewall under test: its two processes, as an administrator would start them."""
import json
import os
import shutil
import signal

from .network import LabError, run, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Firewall:
    def __init__(self, site, build=None, workers=1):
        self.site, self.workers = site, workers
        self.build = build or os.environ.get("PORTCULLIS_BUILD") or os.path.join(ROOT, "build")
        self.directory = os.path.join(site.directory, "firewall")
        os.makedirs(os.path.join(self.directory, "state"), exist_ok=True)
        self.control_socket = os.path.join(self.directory, "control.sock")
        self.peer_socket = os.path.join(self.directory, "peer.sock")
        self.state = os.path.join(self.directory, "state")
        self.config = os.path.join(self.directory, "dataplane.conf")
        self.dataplane = self.control = None

    def program(self, name):
        for folder in ("dataplane", "control", "control/cli"):
            path = os.path.join(self.build, folder, name)
            if os.path.isfile(path):
                return path
        raise LabError(f"{name} is not in {self.build}: run scripts/build")

    def write_config(self, extra="", vdev=None):
        """vdev: a pattern of {number} and {interface}; an af_packet device without it."""
        vdev = vdev or (f"net_af_packet{{number}},iface={{interface}},qpairs={self.workers},blocksz=131072,"
                        "framesz=2048,framecnt=2048")
        devices = []
        for number, device in enumerate(sorted({i["device"] for i in self.site.topology["interfaces"].values()})):
            devices.append(f"\n[device.{device}]\nvdev = {vdev.format(number=number, interface=f'pc-{device}')}\n")
        # Workers share the cores that there are: `idle = sleep` makes that bearable.
        cpus = sorted(os.sched_getaffinity(0))
        cores = ",".join(str(cpus[(n + 1) % len(cpus)]) for n in range(self.workers))
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"workers = {self.workers}\nmain-core = {cpus[0]}\ncores = {cores}\nidle = sleep\nhuge = off\n"
                       "memory-mib = 512\nsessions = 65536\n"
                       f"peer-socket = {self.peer_socket}\nimage = {self.state}/current\nstate-dir = {self.state}\n"
                       f"{extra}{''.join(devices)}")

    def start_dataplane(self):
        if not os.path.exists(self.config):
            self.write_config()
        self.dataplane = self.site.firewall.start("dataplane", self.program("portcullis-dataplane"), "--config", self.config)
        self.wait_for(self.dataplane, self.peer_socket)

    def start_control(self):
        self.control = self.site.firewall.start("control", self.program("portcullis-control"), "--socket", self.control_socket,
                                                "--peer", self.peer_socket, "--state-dir", self.state)
        self.wait_for(self.control, self.control_socket)

    def start(self):
        self.start_dataplane()
        self.start_control()

    def wait_for(self, process, socket):
        def ready():
            if not process.alive():
                raise LabError(f"{process.name} ended at its start (exit {process.popen.returncode}):\n{process.output()[-2000:]}")
            return os.path.exists(socket)

        wait_until(ready, f"{process.name} to open {socket}", timeout=30)

    def kill(self, process):
        process.stop(signal.SIGKILL)
        # DPDK's runtime directory, which only an orderly end takes along.
        shutil.rmtree(f"/var/run/dpdk/portcullis-{process.pid}", ignore_errors=True)

    def cli(self, *argv, check=True, **kwargs):
        return run(self.program("portcullis"), *argv, check=check, timeout=60, **kwargs)

    def online(self, command, *argv, check=True):
        return self.cli(command, *argv, "--socket", self.control_socket, check=check)

    def push(self, topology, *argv):
        return self.online("push", topology, *argv)

    def push_unchecked(self, topology, *argv):
        return self.online("push", topology, *argv, check=False)

    def set_aside_image(self):
        """As on a machine that has never had a policy."""
        for name in os.listdir(self.state):
            path = os.path.join(self.state, name)
            if os.path.isfile(path):
                os.rename(path, path + ".aside")

    def json(self, command, *argv):
        return json.loads(self.online(command, *argv, "--json").stdout)

    def trace(self, topology, lines):
        """Answers of `trace --batch`, by id."""
        text = "\n".join(json.dumps(line) for line in lines) + "\n"
        result = self.cli("trace", topology, "--batch", "-", check=False, input=text)
        answers = [json.loads(line) for line in result.stdout.splitlines()]
        for answer in answers:
            if "error" in answer:
                raise LabError(f"trace: {answer}")
        return {answer["id"]: answer for answer in answers}
