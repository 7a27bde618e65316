"""The test's hand in the guest: asks the agent (in_guest/agent.py) to run a command and waits for its answer."""
import json
import socket
import time

from lab.network import LabError

# Seconds. The guest is emulated, and the machine may have other things to do.
SLOW = 300


class Console:
    """A conversation with the guest's agent; ends when the guest does, or when an answer takes too long."""

    def __init__(self, emulator, path):
        self.emulator, self.path = emulator, path
        self.socket, self.rest = None, b""

    def connect(self, timeout):
        """Waits until the guest has booted."""
        deadline = time.monotonic() + timeout
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        while True:
            try:
                self.socket.connect(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError):  # bound and listening are two steps
                self.check(deadline, "QEMU to start")
                time.sleep(0.05)
        if not self.line(deadline, "the guest to boot").get("ready"):
            raise LabError("the guest's agent does not say that it is ready")

    def close(self):
        if self.socket is not None:
            self.socket.close()

    def check(self, deadline, what):
        if not self.emulator.process.alive():
            raise LabError(f"QEMU has ended: {self.emulator.process.output()[-2000:]}\n{self.emulator.serial()[-2000:]}")
        if time.monotonic() > deadline:
            raise LabError(f"waited too long for {what}; the guest's console ends with\n{self.emulator.serial()[-2000:]}")

    def line(self, deadline, what):
        while b"\n" not in self.rest:
            self.check(deadline, what)
            self.socket.settimeout(1)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            except ConnectionError:
                data = b""
            if not data:
                time.sleep(0.1)  # QEMU is ending: the next check says how
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, request, what, timeout=SLOW):
        try:
            self.socket.sendall(json.dumps(request).encode() + b"\n")
        except ConnectionError:
            pass  # as above
        answer = self.line(time.monotonic() + timeout + 10, what)
        if "error" in answer:
            raise LabError(f"{what}: {answer['error']}")
        return answer

    # What the test asks for

    def run(self, *argv, timeout=SLOW, check=True):
        answer = self.ask({"run": list(argv), "timeout": timeout}, " ".join(argv), timeout)
        if check and answer["code"] != 0:
            raise LabError(f"in the guest, `{' '.join(argv)}` ended with {answer['code']}:\n{answer['out']}{answer['err']}")
        return answer

    def start(self, name, *argv):
        return self.ask({"start": list(argv), "name": name}, " ".join(argv))["pid"]

    def write(self, path, text):
        self.ask({"write": path, "text": text}, f"writing {path}")

    def log(self, name):
        return self.run("cat", f"/tmp/{name}.log", check=False)["out"]

    def json(self, *commands):
        """What portcullis answers to each command, in one go."""
        script = "set -e; for command; do /mnt/portcullis $command --json; echo ,; done"
        said = json.loads(f"[{self.run('sh', '-c', script, 'sh', *commands)['out']}null]")[:-1]
        return said[0] if len(commands) == 1 else said
