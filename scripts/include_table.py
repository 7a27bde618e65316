#!/usr/bin/python3
"""Who may include what (README.md of each folder): prints violations as FILE:LINE: TEXT.

The table is the architecture: rules/ knows nothing of packets, the data plane nothing of topologies,
control nothing of DPDK, and nobody outside tests/ and perf/ includes those.
"""
import re
import sys

OURS = ("rules", "nic", "dataplane", "control", "tests", "perf")
DPDK = r"(rte_|ethdev|bus_)\w*"

# folder -> (own folders it may include, third-party headers it may include)
TABLE = {
    "rules": (("rules/",), (r"tl/expected\.hpp",)),
    "nic": (("nic/",), (DPDK, r"tl/expected\.hpp")),
    "dataplane": (
        ("dataplane/", "nic/", "rules/policy/", "rules/peer/", "rules/inspect/"),
        (DPDK, r"tl/expected\.hpp", r"spdlog/.*", r"boost/program_options.*"),
    ),
    "control": (
        ("control/", "rules/"),
        (r"tl/expected\.hpp", r"spdlog/.*", r"boost/program_options.*", r"nlohmann/.*", r"prometheus/.*"),
    ),
}
# Adapters: the one file in which a library may be used.
ADAPTERS = {
    "rules/topology/yaml.cpp": (r"yaml\.h",),
    "rules/signatures/compile.cpp": (r"hs/hs\.h",),
    "rules/inspect/scan.cpp": (r"hs/hs_runtime\.h",),
    "control/identify/capture.cpp": (r"pcap/pcap\.h",),
    "rules/policy/image.cpp": (r"xxhash\.h",),
}
# Poll-path folders must not log.
QUIET = ("dataplane/stages/", "dataplane/session/", "dataplane/nat/")
STANDARD = re.compile(r"^[a-z0-9_]+$|^(sys|net|netinet|arpa|linux|immintrin)\b.*|^(unistd|fcntl|poll|signal|pwd|grp|errno|sched|pthread|dirent|getopt|immintrin|x86intrin|emmintrin|endian)\.h$")
SYSTEM = re.compile(r"^(sys|net|netinet|arpa|linux)/|^(unistd|fcntl|poll|pthread|signal)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def check(path, number, bracket, header):
    folder = path.split("/")[0]
    if folder not in TABLE:
        return None
    own, third_party = TABLE[folder]
    if bracket == '"':
        if header.split("/")[0] not in OURS:
            return f'"{header}": include from the root, e.g. "{folder}/{header}"'
        if not header.startswith(own):
            return f'"{header}": {folder}/ may include {", ".join(own)} only'
        return None
    if any(header.startswith(q) for q in ("spdlog/",)) and path.startswith(QUIET):
        return f"<{header}>: nothing on the poll path logs"
    if folder == "rules" and SYSTEM.match(header):
        return f"<{header}>: rules/ makes no system calls"
    if STANDARD.match(header):
        return None
    allowed = third_party + ADAPTERS.get(path, ())
    if not any(re.fullmatch(pattern, header) or re.fullmatch(pattern + r"\.h", header) for pattern in allowed):
        return f"<{header}>: not in the table for {path}"
    return None


def main():
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                match = INCLUDE.match(text)
                if match:
                    complaint = check(path, number, *match.groups())
                    if complaint:
                        print(f"{path}:{number}: {complaint}")


if __name__ == "__main__":
    main()
