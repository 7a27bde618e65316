#!/usr/bin/python3
"""The main job on the built-in lab (scripts/run): push a topology, let real clients go through the
firewall to real servers, and hold what they and the wires say against what the policy says.

Prints every flow; exits 1 if any differs, 2 if the lab itself could not be set up.
"""
import argparse
import os
import signal
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
from lab import clients, flows, services
from lab.capture import Wires
from lab.firewall import ROOT, Firewall
from lab.network import LabError, wait_until
from lab.sites import Site

SAMPLE = os.path.join(ROOT, "rules/samples/lync-2013-scaled-hlb.yaml")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topology", default=SAMPLE)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ip", type=int, choices=(4, 6), nargs="+", default=[4, 6], help="address families to try")
    parser.add_argument("--keep", action="store_true", help="keep captures and logs, and say where")
    arguments = parser.parse_args()
    # Ended from outside, the lab is still taken down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    directory = tempfile.mkdtemp(prefix="portcullis-lab-")
    try:
        outcomes = run_lab(directory, arguments)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 2
    finally:
        if arguments.keep:
            print(f"captures and logs: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    for outcome in outcomes:
        print("\n".join(outcome.lines()))
    failed = sum(1 for o in outcomes if o.problems)
    allowed = sum(1 for o in outcomes if o.answer["verdict"] == "allow")
    print(f"\n{len(outcomes)} flows tried: {allowed} allowed, {len(outcomes) - allowed} denied by the policy; "
          f"{len(outcomes) - failed} went as the policy says, {failed} did not")
    return 1 if failed else 0


def run_lab(directory, arguments):
    with Site(directory, arguments.topology) as site:
        services.start_all(site)
        firewall = Firewall(site, workers=arguments.workers)
        firewall.start()
        print(firewall.push(arguments.topology).stdout, end="")
        todo = [f for version in arguments.ip for f in flows.all_flows(site, version)]
        answers = firewall.trace(arguments.topology, [f.question(n) for n, f in enumerate(todo)])
        print(f"trying {len(todo)} flows, which takes some seconds\n", flush=True)
        warm_up(site, todo)
        with Wires(site) as wires:
            flows.attempt_all(todo, answers)
        return flows.judge_all(site, todo, answers, wires)


def warm_up(site, todo):
    """An af_packet device sometimes needs a moment before it hears anything."""
    flow = todo[0]
    wait_until(lambda: flow.client(flow.host, flow.src, flow.dst, flow.dport, clients.SILENCE)[0], "the first connection through the firewall",
               timeout=20)


if __name__ == "__main__":
    sys.exit(main())
