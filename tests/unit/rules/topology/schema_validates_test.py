#!/usr/bin/python3
"""The JSON Schema accepts the samples and refuses what it can see is wrong.

Usage: schema_validates_test.py SOURCE_ROOT
"""
import json
import pathlib
import sys

import jsonschema
import yaml

# Files of bad/ whose mistake a schema can see; the rest is left to the loader.
REFUSED = [
    "a-list", "addresses-that-are-none", "conformance", "features", "keys-without-value", "many-errors",
    "missing-keys", "no-interfaces", "public-addresses", "ranges", "reverse-proxies", "site-rules",
    "store-in-two-pools", "strange-text", "unknown-keys", "unknown-zone", "vip-without-nodes",
    "wrong-types",
]


def main():
    root = pathlib.Path(sys.argv[1])
    schema = json.loads((root / "rules/topology/topology.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    failures = []
    samples = sorted((root / "rules/samples").glob("*.yaml"))
    if len(samples) < 3:
        failures.append("there are no samples")
    for sample in samples:
        for error in validator.iter_errors(yaml.safe_load(sample.read_text())):
            failures.append(f"{sample.name}: {error.json_path}: {error.message}")
    example = (root / "rules/topology/README.md").read_text().split("```yaml\n")[1].split("```")[0]
    for error in validator.iter_errors(yaml.safe_load(example)):
        failures.append(f"README.md: {error.json_path}: {error.message}")
    for name in REFUSED:
        text = (root / "tests/unit/rules/topology/bad" / (name + ".yaml")).read_text()
        if validator.is_valid(yaml.safe_load(text)):
            failures.append(f"{name}: the schema accepts it")
    print("\n".join(failures) or f"{len(samples)} samples, {len(REFUSED)} bad files")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
