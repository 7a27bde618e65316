"""Huge pages of every size on every NUMA node: showing, setting, putting back."""
from .machine import HostError

MIB = 1 << 20
# Left to the rest of the system, on each node.
SPARE = 256 * MIB
KEPT = "hugepages"


def parse_size(text):
    """"2M", "1G", "512k" in bytes."""
    units = {"k": 1 << 10, "m": MIB, "g": 1 << 30}
    unit = units.get(text[-1:].lower())
    if unit is None or not text[:-1].isdigit():
        raise HostError(f"`{text}` is no size: write a number and k, M or G")
    return int(text[:-1]) * unit


def mib(amount):
    return f"{amount // MIB} MiB"


class Pages:
    def __init__(self, machine, dry_run=False):
        self.machine, self.dry_run = machine, dry_run

    def folder(self, node, size):
        return f"sys/devices/system/node/node{node}/hugepages/hugepages-{size // 1024}kB"

    def sizes(self):
        """Page sizes of this kernel, in bytes."""
        return sorted(int(name[10:-2]) * 1024 for name in self.machine.names("sys/kernel/mm/hugepages")
                      if name.startswith("hugepages-") and name.endswith("kB"))

    def reserved(self, node, size):
        return self.machine.number(self.folder(node, size), "nr_hugepages") or 0

    def free(self, node, size):
        return self.machine.number(self.folder(node, size), "free_hugepages") or 0

    def free_bytes(self):
        return sum(self.free(node, size) * size for node in self.machine.nodes() for size in self.sizes())

    def all_reserved(self):
        return {(node, size): self.reserved(node, size) for node in self.machine.nodes() for size in self.sizes()}

    # Commands

    def show(self):
        print("NODE  PAGE      RESERVED  FREE    MEMORY TO SPARE")
        for node in self.machine.nodes():
            for size in self.sizes():
                reserved = self.reserved(node, size)
                print(f"{node:<4}  {mib(size):<8}  {reserved:<8}  {self.free(node, size):<6}  {mib(self.spare(node))}")
        if self.machine.kept(KEPT) is not None:
            print("`scripts/hugepages restore` goes back to what was reserved before the first `set`")

    def set(self, amount, size, node):
        if size not in self.sizes():
            raise HostError(f"this kernel has no pages of {mib(size)}: it has {', '.join(map(mib, self.sizes())) or 'none'}")
        nodes = self.machine.nodes()
        if node is not None and node not in nodes:
            raise HostError(f"there is no NUMA node {node}: there are {', '.join(map(str, nodes))}")
        if amount.isdigit():
            count = int(amount)
        else:
            count = -(-parse_size(amount) // size)
        nodes = nodes if node is None else [node]
        # Evenly; the first nodes take what is left over.
        wanted = {(n, size): count // len(nodes) + (i < count % len(nodes)) for i, n in enumerate(nodes)}
        self.check(wanted)
        if not self.dry_run and self.machine.kept(KEPT) is None:
            self.machine.keep("\n".join(f"{n} {s} {c}" for (n, s), c in self.all_reserved().items()), KEPT)
        self.apply(wanted)
        self.say_how_to_keep(size, wanted, node is not None)

    def restore(self):
        kept = self.machine.kept(KEPT)
        if kept is None:
            raise HostError("nothing to restore: no `scripts/hugepages set` since the last boot")
        wanted = {}
        for line in kept.splitlines():
            node, size, count = map(int, line.split())
            wanted[node, size] = count
        self.check(wanted)
        self.apply(wanted)
        if not self.dry_run:
            self.machine.forget(KEPT)

    # Steps

    def spare(self, node):
        """What a node can give: free memory and file pages, less what the system should keep."""
        memory = self.machine.memory(node)
        return max(0, memory.get("MemFree", 0) + memory.get("Active(file)", 0) + memory.get("Inactive(file)", 0) - SPARE)

    def check(self, wanted):
        for node in sorted({node for node, _ in wanted}):
            more = 0
            for size in self.sizes():
                reserved, count = self.reserved(node, size), wanted.get((node, size), self.reserved(node, size))
                used = reserved - self.free(node, size)
                if count < used:
                    raise HostError(f"{used} pages of {mib(size)} are in use on node {node}: stop the data plane first, "
                                    f"or reserve at least that many")
                more += (count - reserved) * size
            if more > self.spare(node):
                raise HostError(f"node {node} has {mib(self.spare(node))} to spare and this takes {mib(more)} more: reserve less "
                                "(`memory-mib` in dataplane.conf says how much is needed), or add memory")

    def apply(self, wanted):
        """Fewer first, so that the memory is there for more."""
        before = {key: self.reserved(*key) for key in wanted}
        for key, count in sorted(wanted.items(), key=lambda item: item[1] - before[item[0]]):
            node, size = key
            if self.dry_run:
                print(f"echo {count} > /{self.folder(node, size)}/nr_hugepages")
                continue
            self.machine.write(f"{count}\n", self.folder(node, size), "nr_hugepages")
            now = self.reserved(node, size)
            if now != count:
                for other, was in before.items():
                    self.machine.write(f"{was}\n", self.folder(*other), "nr_hugepages")
                raise HostError(
                    f"node {node} has only {now} contiguous pages of {mib(size)} of the {count} wanted, so nothing was changed: "
                    "memory is fragmented; reserve them at boot (kernel command line: "
                    f"`hugepagesz={size // MIB}M hugepages={count}`)")
            print(f"node {node}: {before[key]} -> {now} pages of {mib(size)}")

    def say_how_to_keep(self, size, wanted, on_one_node):
        total = sum(wanted.values())
        print("This lasts until the next boot. To keep it:")
        if on_one_node:
            (node, _), = wanted
            print(f"  kernel command line: hugepagesz={size // MIB}M hugepages={node}:{total}")
        elif size == 2 * MIB:
            print(f"  echo vm.nr_hugepages={total} > /etc/sysctl.d/80-portcullis.conf")
        else:
            print(f"  kernel command line: hugepagesz={size // MIB}M hugepages={total}")
