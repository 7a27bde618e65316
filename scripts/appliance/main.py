#!/usr/bin/python3
"""scripts/test --appliance: our data plane on real NIC drivers, in an emulator. What it proves is bring-up, binding,
RSS and steering, not speed."""
import argparse
import os
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import yaml

from appliance import emulator, guest
from appliance.cache import Cache
from appliance.console import Console
from appliance.judge import Judge
from appliance.machine import Machine
from appliance.flows import Tester, sample_flows
from appliance.site import FAR_MACS, MACS, Site, dataplane_conf, topology
from appliance.wires import WIRES
from lab.firewall import ROOT
from lab.network import LabError, Network

WORKERS = 2
BOOT_TIMEOUT = 600


def say(text):
    print(text, flush=True)


def try_nic(nic, prepared, build, seed):
    """One guest, one kind of NIC. Returns how many checks failed."""
    qemu, cached = prepared
    judge = Judge(nic, WORKERS, say)
    deployment = topology()
    site = Site(deployment)
    with tempfile.TemporaryDirectory(prefix="portcullis-appliance-") as directory, Network(directory) as network:
        wires, console, machine = {}, None, None
        try:
            host = network.host("appliance")
            say(f"\n== {nic}: booting the guest")
            guest.lay_out(directory, cached, build, {"topology.yaml": yaml.safe_dump(deployment)})
            for device in MACS:
                wires[device] = WIRES[emulator.NICS[nic].wire](host, directory, device, FAR_MACS[device])
                wires[device].responders = site.responders(device)
            vm = emulator.Emulator(host, qemu, cached, directory)
            console = Console(vm, os.path.join(directory, "agent"))
            started = time.monotonic()
            vm.start(nic, MACS)
            console.connect(BOOT_TIMEOUT)
            for wire in wires.values():
                wire.connect()
            say(f"booted in {time.monotonic() - started:.0f} s")
            machine = Machine(console, judge.check)
            machine.find_nics()
            kernel = machine.bind()
            console.write("/tmp/dataplane.conf", dataplane_conf(machine.addresses, WORKERS))
            machine.start_firewall()
            judge.rss = machine.rss()
            tester = Tester(console, wires, MACS)
            flows = sample_flows(site, seed)
            tester.warm_up(flows)
            judge.heading()
            for flow in flows:
                judge.flow(flow, *tester.send(flow))
            judge.all_flows(flows)
            machine.check_accounts()
            machine.stop_firewall()
            machine.unbind(kernel)
        except LabError as error:
            judge.check("the run itself", False, str(error))
            if machine is not None and "dataplane" in machine.pids and vm.process.alive():
                say(console.log("dataplane")[-3000:])
        finally:
            if console is not None:
                console.close()
            for wire in wires.values():
                wire.close()
    return judge.failed


def main():
    parser = argparse.ArgumentParser(prog="scripts/test --appliance", description=__doc__)
    parser.add_argument("--nic", choices=[*emulator.NICS, "all"], action="append", help="default: igb and e1000e")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the flows' sources; printed by each run")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("appliance: makes a network namespace and runs QEMU in a chroot: run it as root")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    nics = arguments.nic or ["igb", "e1000e"]
    if "all" in nics:
        nics = list(emulator.NICS)
    build = os.environ.get("PORTCULLIS_BUILD") or os.path.join(ROOT, "build")
    failed = 0
    try:
        cache = Cache(say)
        prepared = emulator.prepare(cache), guest.prepare(cache, build)
        say(f"appliance: seed {arguments.seed}")
        for nic in nics:
            failed += try_nic(nic, prepared, build, arguments.seed)
    except LabError as error:
        raise SystemExit(f"appliance: {error}") from error
    say(f"\nappliance: {'all checks passed' if failed == 0 else f'{failed} checks FAILED'}")
    return 1 if failed else 0


sys.exit(main())
