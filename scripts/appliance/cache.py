"""What takes minutes to make is made once: a folder for each part in ~/.cache/portcullis (XDG_CACHE_HOME),
made again when what it is made from changes."""
import fcntl
import hashlib
import json
import os
import shutil
import subprocess

from lab.network import LabError

# Seconds; a mirror that hangs must not hang us.
BUILD_TIMEOUT = 1500


class Cache:
    def __init__(self, say):
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        self.folder = os.path.join(base, "portcullis")
        self.say = say
        os.makedirs(self.folder, exist_ok=True)

    def part(self, name, inputs, make):
        """The folder of a part; make(folder) fills it. A failed or ended make leaves nothing behind, and of two
        runs at once the second waits for the first."""
        folder = os.path.join(self.folder, name)
        wanted = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        with open(f"{folder}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                with open(f"{folder}/made-from", encoding="ascii") as file:
                    if file.read() == wanted:
                        return folder
            except FileNotFoundError:
                pass
            self.say(f"making {folder} (some minutes, once)")
            fresh = f"{folder}.new"
            for old in (fresh, folder):
                shutil.rmtree(old, ignore_errors=True)
            os.makedirs(fresh)
            try:
                make(fresh)
                with open(f"{fresh}/made-from", "w", encoding="ascii") as file:
                    file.write(wanted)
                os.rename(fresh, folder)
            except BaseException:
                shutil.rmtree(fresh, ignore_errors=True)
                raise
        return folder


def command(*argv, timeout=BUILD_TIMEOUT):
    """A step of a make, ended with us or by its time limit, with all that it started."""
    with subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, start_new_session=True) as process:
        try:
            said, _ = process.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
            if isinstance(error, subprocess.TimeoutExpired):
                raise LabError(f"{argv[0]} took longer than {timeout} s: {' '.join(map(str, argv))}") from error
            raise
    if process.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}:\n{said[-3000:]}")
    return said


def mirror():
    """The Debian mirror that this machine's apt uses."""
    for name in sorted(os.listdir("/etc/apt/sources.list.d")) + [""]:
        path = f"/etc/apt/sources.list.d/{name}" if name else "/etc/apt/sources.list"
        if name and not name.endswith((".sources", ".list")):
            continue
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    words = [w for w in line.split("#")[0].split() if not w.startswith("[")]
                    if words[:1] in (["URIs:"], ["deb"]) and words[1:] and words[1].rstrip("/").endswith("/debian"):
                        return words[1]
        except FileNotFoundError:
            continue
    raise LabError("no source in /etc/apt names a Debian mirror (…/debian)")


def bootstrap(suite, variant, packages, folder):
    """A Debian tree of some packages, without documentation."""
    command("mmdebstrap", "--quiet", "--mode=root", f"--variant={variant}", f"--include={','.join(packages)}",
            "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
            "--dpkgopt=path-exclude=/usr/share/locale/*", suite, folder, mirror())
