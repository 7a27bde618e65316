"""The guest's two disks. `root.ext4`: Debian 12 with a kernel, DPDK's drivers and what our programs link;
it changes rarely and is kept. `payload.ext4`: the programs as built, scripts/nic and its friends, and what
the guest runs first (in_guest/); made for each run."""
import os
import shutil
import subprocess

from lab.firewall import ROOT
from lab.network import LabError

from .cache import bootstrap, command

# python3, pciutils and dpdk-devbind.py come with dpdk.
PACKAGES = ["linux-image-amd64", "dpdk", "librte-net-e1000-23", "librte-net-virtio23", "librte-mempool-ring23", "librte-bus-pci23",
            "librte-bus-vdev23", "iproute2", "kmod", "procps"]
PROGRAMS = ("dataplane/portcullis-dataplane", "control/portcullis-control", "control/cli/portcullis")
# All that the root disk knows of the payload, so that it need not change with it.
STUB = "#!/bin/sh\nmount -o ro /dev/vdb /mnt\nexec /mnt/init\n"
INSIDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "in_guest")
SCRIPTS = ("nic", "hugepages", "host-check", "host")


def libraries(build):
    """The Debian packages of the shared libraries that our programs link."""
    paths = set()
    for program in PROGRAMS:
        for line in command("ldd", os.path.join(build, program), timeout=30).splitlines():
            if "not found" in line:
                raise LabError(f"{program}: {line.strip()}; run scripts/build")
            words = line.split()
            if len(words) > 2 and words[2].startswith("/"):
                paths.add(os.path.realpath(words[2]))
    packages = set()
    for path in paths:
        # A file moved by the merge of /usr is known by its old name.
        for name in (path, path.removeprefix("/usr")):
            found = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
            if found.returncode == 0:
                packages.add(found.stdout.split(":")[0])
                break
        else:
            raise LabError(f"{path} belongs to no Debian package, so the guest cannot have it")
    return sorted(packages)


def prepare(cache, build):
    """The folder with root.ext4, vmlinuz and initrd."""
    packages = PACKAGES + libraries(build)

    def make(folder):
        tree = os.path.join(folder, "tree")
        bootstrap("bookworm", "minbase", packages, tree)
        with open(f"{tree}/appliance-init", "w", encoding="ascii") as file:
            file.write(STUB)
        os.chmod(f"{tree}/appliance-init", 0o755)
        for name in ("vmlinuz", "initrd.img"):
            kernel, = (n for n in os.listdir(f"{tree}/boot") if n.startswith(f"{name}-"))
            shutil.move(f"{tree}/boot/{kernel}", os.path.join(folder, name.removesuffix(".img")))
        make_disk(tree, os.path.join(folder, "root.ext4"))
        shutil.rmtree(tree)

    return cache.part("guest", {"suite": "bookworm", "packages": packages, "stub": STUB, "recipe": 1}, make)


def make_disk(tree, image):
    """An ext4 image of a tree, with little room to spare: the guest mounts it read-only."""
    size = int(command("du", "-s", "--block-size=1M", tree).split()[0])
    command("mke2fs", "-q", "-t", "ext4", "-d", tree, "-O", "^has_journal", "-N", "60000" if size > 100 else "2000",
            image, f"{size * 5 // 4 + 16}M")


def lay_out(directory, cached, build, files):
    """Fills a run's folder: links to what is cached, and the payload. files: {name: text} beside the programs."""
    for name in ("root.ext4", "vmlinuz", "initrd"):
        # By hard link, for QEMU sees the folder through a chroot.
        try:
            os.link(os.path.join(cached, name), os.path.join(directory, name))
        except OSError:
            shutil.copy(os.path.join(cached, name), os.path.join(directory, name))
    tree = os.path.join(directory, "payload")
    os.makedirs(f"{tree}/scripts")
    for program in PROGRAMS:
        target = os.path.join(tree, os.path.basename(program))
        shutil.copy(os.path.join(build, program), target)
        command("strip", "--strip-debug", target)
    for name in SCRIPTS:
        source = os.path.join(ROOT, "scripts", name)
        (shutil.copytree if os.path.isdir(source) else shutil.copy)(source, f"{tree}/scripts/{name}")
    for name in os.listdir(INSIDE):
        shutil.copy(os.path.join(INSIDE, name), tree)
    for name, text in files.items():
        with open(os.path.join(tree, name), "w", encoding="utf-8") as file:
            file.write(text)
    make_disk(tree, os.path.join(directory, "payload.ext4"))
    shutil.rmtree(tree)
