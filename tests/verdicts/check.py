#!/usr/bin/python3
"""Holds `portcullis trace --batch` against the oracle, on one sample topology.

    check.py PORTCULLIS SAMPLE.yaml [--count N] [--seed N] [--exhaustive]

Exits 1 and prints the first disagreements if there are any, each with the command that repeats it.
"""
import argparse
import json
import subprocess
import sys

import oracle


def differences(expected, answer):
    """The fields of `expected` that `answer` does not have like that."""
    out = []
    for field, value in expected.items():
        if answer.get(field) != value:
            out.append(f"{field}: expected {json.dumps(value)}, got {json.dumps(answer.get(field))}")
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portcullis")
    parser.add_argument("sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--exhaustive", action="store_true")
    arguments = parser.parse_args()
    world = oracle.World(arguments.sample)
    lines = (oracle.exhaustive(world) if arguments.exhaustive
             else oracle.sampled(world, arguments.seed, arguments.count))
    lines = list(lines)
    # Without "expect": it is this script that compares, and the command that answers.
    questions = "\n".join(json.dumps({k: v for k, v in json.loads(line).items() if k != "expect"}) for line in lines)
    result = subprocess.run([arguments.portcullis, "trace", arguments.sample, "--batch", "-"], input=questions + "\n",
                            capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    if result.returncode != 0 or len(answers) != len(lines):
        print(f"trace --batch: exit {result.returncode}, {len(answers)} answers to {len(lines)} questions\n"
              f"{result.stderr[-2000:]}")
        return 1
    wrong, allowed = 0, 0
    for line, answer in zip(lines, answers):
        question = json.loads(line)
        expected = question.pop("expect")
        allowed += expected["verdict"] == "allow"
        found = differences(expected, answer)
        if expected["verdict"] == "allow" and not answer.get("rule"):
            found.append("an allowed flow names no rule")
        if found:
            wrong += 1
            if wrong <= 20:
                print(json.dumps(question), *found, f"rule: {answer.get('rule')}, reason: {answer.get('reason')}", sep="\n    ")
    print(f"{len(lines)} verdicts ({allowed} allowed), {wrong} wrong")
    return 1 if wrong or not allowed else 0


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    sys.exit(main())
