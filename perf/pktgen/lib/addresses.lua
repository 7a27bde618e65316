-- Written by perf/pktgen/addresses from bench.yaml; do not edit.
return {
  -- On each cable: the firewall's own address, and the neighbour that Pktgen's port plays for it.
  outside = { firewall = "192.0.2.1", neighbour = "192.0.2.254" },
  inside = { firewall = "203.0.113.1", neighbour = "203.0.113.31" },
  -- Clients reach the VIP, the node answers.
  vip = "203.0.113.30",
  node = "203.0.113.31",
  port = 3478,
  clients = { first = "198.18.0.0", count = 131072 },
  latency_port = 1028,
  denied_port = 1433,
}
