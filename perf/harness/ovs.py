"""Open vSwitch with DPDK as a device under test over memif: conntrack, and NAT where the sample's services have it.

A private instance: its own database, sockets and run directory in the group's work directory, in a network namespace
of its own (its bridge wants a tap device), one PMD core. The system's service is neither used nor needed.

A connection with DNAT and SNAT passes conntrack twice, for OpenFlow's ct() translates one end at a time: zone 1
holds clients and VIPs, zone 2 what the nodes see. The flows are made from our own rules: for each IPv4 service on
the clients' way the rule that opens it, its nodes by a hash of the source (a select group), default drop.
"""
import contextlib
import json
import os
import re
import shutil
import time

from . import two_processes
from .context import ProgramFailed
from .veth import MAC, inside, run

DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
CLIENTS, NODES = 1, 2  # OpenFlow ports
# It answers no ARP, and gives each of its threads a transmit queue: which of the two the PMD core has is its affair.
GENERATOR = ("--peer-mac", MAC, "--rx-queues", "2")
SERVICE = re.compile(r'ct mark \d+ dnat ip to (.*?) comment "(.*)"')
ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def missing():
    """What is not installed, or None."""
    return next((path for path in (DAEMON, SCHEMA) if not os.path.exists(path)), None)


def nodes_of(ruleset):
    """Service -> its nodes' addresses, from the nftables ruleset of the same policy."""
    return {name: ADDRESS.findall(target) for target, name in SERVICE.findall(ruleset)}


def openflow(rules, nodes):
    """(groups, flows) for `rules` (of `portcullis rules --json`) that lead from clients to nodes."""
    groups, flows = [], []

    def add(table, priority, match, actions):
        flows.append(f"table={table},priority={priority},{match},actions={actions}" if match else
                     f"table={table},priority={priority},actions={actions}")

    # Tables: 0 entry; 10, 11 clients -> nodes through zones 1 and 2; 20, 21 the way back; 30, 31 forwarding.
    add(0, 0, "", "drop")
    add(0, 10, f"ip,in_port={CLIENTS}", "ct(table=10,zone=1,nat)")
    add(0, 10, f"ip,in_port={NODES}", "ct(table=21,zone=1,nat)")
    for vip in sorted({vip for rule in rules if rule["nat"] == "full" and rule["family"] == "ipv4"
                       for vip in rule["destinations"]}):
        add(0, 20, f"ip,in_port={NODES},nw_dst={vip}", "ct(table=20,zone=2,nat)")
    for table in (10, 11, 20, 21):
        add(table, 0, "", "drop")
    add(10, 100, "ct_state=+trk+est-inv,ct_mark=1,ip", "ct(table=11,zone=2,nat)")
    add(10, 100, "ct_state=+trk+est-inv,ct_mark=0,ip", "goto_table:30")
    add(11, 100, "ct_state=+trk+est-inv,ip", "goto_table:30")
    add(20, 100, "ct_state=+trk+est+rpl-inv,ip", "ct(table=21,zone=1,nat)")
    add(21, 100, "ct_state=+trk+est+rpl-inv,ip", "goto_table:31")
    for rule in rules:
        if rule["family"] != "ipv4" or rule["action"] != "allow" or rule["from"] != "internet" or \
                rule["to"] != "edge-external":
            continue
        ports = rule["destination_ports"]
        if ports["first"] != ports["last"]:
            continue  # media ranges: no flow of the benchmark takes them
        full = rule["nat"] == "full"
        for vip in rule["destinations"]:
            match = f"ct_state=+trk+new,{rule['transport']},nw_dst={vip},tp_dst={ports['first']}"
            if rule["nat"] == "none":
                add(10, 50, match, "ct(commit,zone=1),goto_table:30")
                continue
            number = len(groups) + 1
            mark = "exec(set_field:1->ct_mark)," if full else ""
            buckets = ",".join(f"bucket=actions=ct(commit,zone=1,table={11 if full else 30},{mark}nat(dst={node}))"
                               for node in nodes[rule["service"]])
            groups.append(f"group_id={number},type=select,selection_method=hash,fields(ip_src),{buckets}")
            add(10, 50, match, f"group:{number}")
            if full:
                # Behind DNAT the VIP is in the original tuple only.
                for node in nodes[rule["service"]]:
                    add(11, 50, f"ct_state=+trk+new,{rule['transport']},nw_dst={node},tp_dst={ports['first']}",
                        f"ct(commit,zone=2,table=30,nat(src={vip}:1024-65535))")
    for table, port in ((30, NODES), (31, CLIENTS)):
        add(table, 0, "ip", f"set_field:{MAC}->eth_src,set_field:02:00:00:00:01:0{port}->eth_dst,dec_ttl,output:{port}")
    return groups, flows


class Bench(two_processes.Bench):
    """As its base, with Open vSwitch as a device under test."""

    def __init__(self, context):
        super().__init__(context)
        self.directory = self.directory / "ovs"  # the group has two benches
        self.directory.mkdir()
        self.namespace = f"perf{os.getpid()}-ovs"
        self.run_directory = self.directory / "run"
        self.database = None

    def private(self, *argv):
        """A command of Open vSwitch with every path of its own."""
        paths = (f"OVS_{name}={self.run_directory}" for name in ("RUNDIR", "LOGDIR", "DBDIR", "SYSCONFDIR"))
        return ["env", *paths, *argv]

    def vsctl(self, *argv):
        return self.context.run(self.private("ovs-vsctl", f"--db=unix:{self.run_directory}/db.sock", "--timeout=20", *argv))

    def ofctl(self, command, lines):
        path = self.run_directory / command
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.context.run(self.private("ovs-ofctl", "-O", "OpenFlow15", command, f"unix:{self.run_directory}/br0.mgmt", path))

    def start_ovs(self):
        self.number += 1
        shutil.rmtree(self.run_directory, ignore_errors=True)
        self.run_directory.mkdir()
        run("ip", "netns", "add", self.namespace)
        here = self.run_directory
        self.context.run(self.private("ovsdb-tool", "create", here / "conf.db", SCHEMA))
        self.database = self.start_process(
            self.private("ovsdb-server", here / "conf.db", f"--remote=punix:{here}/db.sock", f"--unixctl={here}/db.ctl",
                         "--no-chdir"), [here / "db.sock"], "ovsdb-server")
        dut, main = self.context.dut_cores[0], self.context.generator_core
        self.vsctl("--no-wait", "init")
        self.vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                   f"other_config:dpdk-lcore-mask={1 << main:#x}", f"other_config:pmd-cpu-mask={1 << dut:#x}",
                   "other_config:dpdk-socket-mem=512",
                   f'other_config:dpdk-extra="--in-memory --no-pci --no-telemetry --file-prefix=ovs-{os.getpid()}"')
        self.process = self.start_process(
            inside(self.namespace, *self.private(DAEMON, f"unix:{here}/db.sock", f"--unixctl={here}/vswitchd.ctl", "--no-chdir")),
            [here / "vswitchd.ctl"], "ovs-vswitchd")
        ports = []
        for number, side in ((CLIENTS, two_processes.SIDES[0]), (NODES, two_processes.SIDES[1])):
            devargs = two_processes.memif(number - 1, "server", self.socket(side))
            ports += ["--", "add-port", "br0", side, "--", "set", "Interface", side, "type=dpdk",
                      f"ofport_request={number}", f'options:dpdk-devargs="{devargs}"', "options:n_rxq=1",
                      "options:n_rxq_desc=1024", "options:n_txq_desc=1024"]
        self.vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail-mode=secure", *ports)
        for side in two_processes.SIDES:
            problem = self.vsctl("get", "Interface", side, "error").strip()
            if problem != "[]":
                raise ProgramFailed(f"Open vSwitch does not open its port {side}: {problem}")
        groups, flows = self.flows()
        self.ofctl("add-groups", groups)
        self.ofctl("add-flows", flows)
        deadline = time.monotonic() + two_processes.START_SECONDS
        while not all(self.socket(side).exists() for side in two_processes.SIDES):
            if time.monotonic() > deadline:
                raise ProgramFailed("Open vSwitch makes no memif sockets")
            time.sleep(0.02)

    def flows(self):
        sample = self.context.root / two_processes.SAMPLE
        portcullis = self.program("portcullis")
        rules = json.loads(self.context.run([portcullis, "rules", sample, "--json"]))["rules"]
        return openflow(rules, nodes_of(self.context.run([portcullis, "rules", sample, "--nft"])))

    def stop(self):
        super().stop()
        if self.database is not None:
            self.context.stop(self.database)
            self.database = None
        shutil.rmtree(f"/var/run/dpdk/ovs-{os.getpid()}", ignore_errors=True)
        with contextlib.suppress(ProgramFailed):
            run("ip", "netns", "del", self.namespace)
