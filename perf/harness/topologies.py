"""Topologies of a chosen size, for whatever measures rules: rate against rules, and pushes.

    text = many_rules(10_000)                        # 10,000 rules in all
    text = many_rules(10_000, changed=10, seed=3)    # the same, but ten of the site rules have other ports
    text = many_rules(10_000, partner=True)          # the same, with one network of federated partners more

The deployment is small (a scaled Edge with two nodes, IPv4 only, BASE_RULES rules; the addresses are those
of the samples and of perf/traffic's scenarios, the devices `wan` and `dmz`); the rest are site rules
as operators write them: hosts of the Internet that are blocked, networks that are blocked at one port,
partners that reach a service, administrators that reach a node, hosts that a node may fetch from. Each is
drawn from its own number, none covers another, and all are named, so that a rule keeps its id whatever
becomes of its neighbours.

    python3 topologies.py 10000 > big.yaml           # for a look, or for `portcullis push`
"""

import argparse

BASE_RULES = 45  # what the deployment itself has; many_rules() counts on it

BASE = """\
release: lync-2013
interfaces:
  wan:   {device: wan,   addresses: 192.0.2.1/24,   zones: internet, gateway: 192.0.2.254}
  dmz-x: {device: dmz,   addresses: 203.0.113.1/25, zones: edge-external}
  dmz-i: {device: dmz, vlan: 20, addresses: 10.20.0.1/24, zones: edge-internal}
  lan:   {device: dmz, vlan: 30, addresses: 10.30.0.1/16, zones: corporate}
features: [federation, web-conferencing]
edge:
  vips: {access: 203.0.113.10, web-conferencing: 203.0.113.20, av: 203.0.113.30, internal: 10.20.0.10}
  nodes:
    edge1: {access: 203.0.113.11, web-conferencing: 203.0.113.21, av: 203.0.113.31, internal: 10.20.0.11}
    edge2: {access: 203.0.113.12, web-conferencing: 203.0.113.22, av: 203.0.113.32, internal: 10.20.0.12}
pools:
  pool-a: {role: front-end, servers: 10.30.2.11}
# Nobody answers between two measurements: the nodes stay up.
service-settings: {probe-interval: 3600}
"""

GOLDEN = 0x9E3779B1  # odd, so multiplying by it permutes the numbers of any power of two


def spread(number, bits):
    return number * GOLDEN % (1 << bits)


def dotted(value):
    return ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))


def site_rule(number, changed):
    """One of five kinds, half of them blocked hosts."""
    name = f"name: r{number}"
    kind = number % 20
    if kind < 10:
        source = dotted(16 << 24 | spread(number, 28))
        return f"- deny: {{from: internet, to: edge-external, sources: {source}, " \
               f"tcp: {5061 if changed else 443}, reason: abuse, {name}}}"
    if kind < 14:
        source = dotted(32 << 24 | spread(number, 20) << 8)
        return f"- deny: {{from: internet, to: edge-external, sources: {source}/24, " \
               f"udp: {'any' if changed else 3478}, reason: abuse, {name}}}"
    if kind < 17:
        source = dotted(48 << 24 | spread(number, 24) << 4)
        return f"- allow: {{from: internet, to: edge-external, sources: {source}/28, destinations: 203.0.113.31, " \
               f"tcp: {50050 if changed else '50000-50019'}, reason: media, {name}}}"
    if kind < 19:
        source = dotted(10 << 24 | 30 << 16 | 1 << 15 | spread(number, 15))
        return f"- allow: {{from: corporate, to: edge-internal, sources: {source}, " \
               f"tcp: {5986 if changed else 3389}, reason: operation, {name}}}"
    destination = dotted(64 << 24 | spread(number, 24))
    return f"- allow: {{from: edge-external, to: internet, sources: 203.0.113.11, destinations: {destination}, " \
           f"tcp: {8080 if changed else 80}, reason: revocation, {name}}}"


def many_rules(count, changed=0, seed=0, partner=False):
    """A topology whose policy has `count` rules, at least BASE_RULES. `changed` of its site rules, evenly
    spread and shifted by `seed`, differ from those of other calls."""
    wanted = count - BASE_RULES
    if wanted < 0 or not 0 <= changed <= wanted:
        raise ValueError(f"{count} rules, {changed} of them changed: at least {BASE_RULES} are needed")
    step = wanted // changed if changed else 0
    other = {(number * step + seed) % wanted for number in range(changed)}
    networks = "[198.51.100.0/24, 198.51.99.0/24]" if partner else "[198.51.100.0/24]"
    lines = [BASE, f"partners: {{federated: {networks}}}\n"]
    if wanted:
        lines.append("site-rules:\n")
    lines.extend(f"  {site_rule(number, number in other)}\n" for number in range(wanted))
    return "".join(lines)


def main():
    parser = argparse.ArgumentParser(description="Print a topology with many rules.")
    parser.add_argument("rules", type=int)
    parser.add_argument("--changed", type=int, default=0, help="so many site rules have other ports")
    parser.add_argument("--seed", type=int, default=0, help="which ones")
    parser.add_argument("--partner", action="store_true", help="one network of partners more")
    given = parser.parse_args()
    print(many_rules(given.rules, given.changed, given.seed, given.partner), end="")


if __name__ == "__main__":
    main()
