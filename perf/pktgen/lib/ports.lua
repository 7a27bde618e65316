-- Everything that asks Pktgen for something: its two ports, what they send, what they count.
-- Port 0 is the outside (Internet), port 1 the inside (the Edge Server). Rates are in packets a second.
local addresses = require("addresses")
local frames = require("frames")

local ports = {
  outside = { id = 0, name = "outside" },
  inside = { id = 1, name = "inside" },
}
ports.outside.peer, ports.inside.peer = ports.inside, ports.outside

local BOTH = "0,1"
local FIRST_CLIENT_PORT = 50000
local first_one_source_port = 1024 -- with one client address the flows are its ports
local link_bps                     -- what Pktgen takes percents of
local release                      -- of Pktgen, as 2306

local function pause(seconds) pktgen.delay(math.ceil(seconds * 1000)) end
ports.pause = pause

-- Seconds since some moment, to 10 ms: Lua has no clock of that kind.
function ports.clock()
  local file = assert(io.open("/proc/uptime"))
  local now = file:read("n")
  file:close()
  return now
end

local function dotted(number)
  return string.format("%d.%d.%d.%d", number >> 24 & 255, number >> 16 & 255, number >> 8 & 255, number & 255)
end

local function number_of(address)
  local number = 0
  for part in address:gmatch("%d+") do number = number << 8 | math.tointeger(tonumber(part)) end
  return number
end

-- The address of client `index`, from 0.
function ports.client(index) return dotted(number_of(addresses.clients.first) + 1 + index) end

-- ---- start ----

local function check_version()
  local version = pktgen.info and pktgen.info.Pktgen_Version or "unknown"
  local year, month = version:match("(%d+)%.(%d+)")
  release = year and math.tointeger(tonumber(year)) * 100 + math.tointeger(tonumber(month))
  if not release or release < 2306 then
    error("this is " .. version .. "; the scripts need Pktgen 23.06 or later", 0)
  end
  if not pktgen.pktStats then
    error("this is " .. version .. ", which has no pktgen.pktStats() any more; use 23.06 to 25.08", 0)
  end
  return version
end

local function link_speed(port)
  local state = pktgen.linkState(tostring(port.id))[port.id] or ""
  return tonumber(state:match("UP%-(%d+)"))
end

-- Waits for both links; returns their speed in Gbit/s.
local function wait_for_links()
  for _ = 1, 60 do
    local outside, inside = link_speed(ports.outside), link_speed(ports.inside)
    if outside and inside then
      if outside ~= inside then
        error(string.format("port 0 runs at %d Mbit/s and port 1 at %d", outside, inside), 0)
      end
      return outside / 1000
    end
    pause(0.5)
  end
  error("no link on both ports after 30 s: is the cable in, and does the firewall run?", 0)
end

-- Asks the firewall for its MAC address on this cable. Pktgen (up to 25.08 at least) dies of a gratuitous
-- ARP for the address that its packet goes to, so that address is there only for the moment of asking; the
-- firewall announces itself for a few seconds after link-up and after a push.
local function resolve(port)
  local id, at = tostring(port.id), addresses[port.name]
  for _ = 1, 5 do
    pktgen.set_ipaddr(id, "dst", at.firewall)
    pktgen.send_arp(id, "r")
    pause(0.1)
    -- Up to 24.03 the request stays in a buffer; an echo request, which nobody answers, pushes it out. Later
    -- ones send it at once, and 24.07 dies of ping4().
    if release < 2405 then pktgen.ping4(id) end
    pause(0.5)
    local mac = pktgen.portInfo(id)[port.id].info.l2_l3_info.dst_mac
    pktgen.set_ipaddr(id, "dst", at.neighbour)
    if mac and mac ~= "00:00:00:00:00:00" then return mac:lower() end
    pause(1)
  end
  error(string.format("the firewall does not answer ARP for %s on port %d (%s): does it run with " ..
    "bench.yaml pushed (portcullis interfaces), and are the cables not swapped?", at.firewall, port.id, port.name), 0)
end

-- Brings both ports to where flows can be set; returns what is to be reported about them.
function ports.start()
  local version = check_version()
  if pktgen.totalPorts() < 2 then
    error("Pktgen has " .. pktgen.totalPorts() .. " port(s); two are needed (two -a or --vdev, and -m for both)", 0)
  end
  pktgen.screen("off")
  for _, port in ipairs({ ports.outside, ports.inside }) do
    local id, at = tostring(port.id), addresses[port.name]
    pktgen.set_ipaddr(id, "src", at.neighbour .. "/32")
    pktgen.set_ipaddr(id, "dst", at.neighbour)
    pktgen.set_mac(id, "dst", "00:00:00:00:00:00")
  end
  local gbps = wait_for_links()
  link_bps = gbps * 1e9
  -- From here on the ports answer the firewall's ARP requests.
  pktgen.process(BOTH, "on")
  pause(5)
  for _, port in ipairs({ ports.outside, ports.inside }) do port.gateway = resolve(port) end
  return { pktgen = version, dpdk = pktgen.info.DPDK_Version, link_gbps = gbps,
           firewall_mac = { outside = ports.outside.gateway, inside = ports.inside.gateway } }
end

-- ---- what is sent ----

local function range(port, field, first, last, step)
  local id, set = tostring(port.id), pktgen.range[field]
  set(id, "start", first)
  set(id, "min", first)
  set(id, "max", last)
  set(id, "inc", step)
end

local function fixed(port, field, value, zero) range(port, field, value, value, zero) end

-- What `port` will send: frames of `size` (a number or "imix"). `flow`: client addresses `first` to `last`,
-- client ports `first_port` to `last_port`, and the firewall's side. Pktgen steps every field at once, so only
-- one of the two varies.
function ports.load(port, size, flow)
  local id = tostring(port.id)
  local outside = port == ports.outside
  local client_ip, our_ip = outside and "src_ip" or "dst_ip", outside and "dst_ip" or "src_ip"
  local client_port, our_port = outside and "src_port" or "dst_port", outside and "dst_port" or "src_port"
  pktgen.range.ip_proto(id, "udp")
  fixed(port, "dst_mac", port.gateway, "00:00:00:00:00:00")
  range(port, client_ip, flow.first, flow.last, flow.first == flow.last and "0.0.0.0" or "0.0.0.1")
  fixed(port, our_ip, outside and flow.to or addresses.node, "0.0.0.0")
  range(port, client_port, flow.first_port, flow.last_port, flow.first_port == flow.last_port and 0 or 1)
  fixed(port, our_port, flow.to_port, 0)
  if size == "imix" then
    range(port, "pkt_size", frames.imix.first, frames.imix.last, frames.imix.step)
  else
    fixed(port, "pkt_size", size, 0)
  end
  -- Pktgen paces by the size of its single packet, whatever it sends.
  pktgen.set(id, "size", math.floor(frames.mean(size)))
  fixed(port, "ttl", 64, 0)
  pktgen.set_range(id, "on")
end

-- The flows that options ask for. `change` may set another service (`to`, `to_port`).
function ports.flow(options, change)
  local flow = { to = addresses.vip, to_port = addresses.port, first_port = FIRST_CLIENT_PORT,
                 last_port = FIRST_CLIENT_PORT, first = ports.client(0), count = options.flows }
  if options.sources == "one" then
    if options.flows > 65535 - first_one_source_port then
      error("sources=one: one address has no more than " .. 65535 - first_one_source_port .. " flows", 0)
    end
    flow.last = flow.first
    flow.first_port, flow.last_port = first_one_source_port, first_one_source_port + options.flows - 1
  else
    if options.flows > addresses.clients.count - 2 then
      error("flows: there are " .. addresses.clients.count - 2 .. " client addresses", 0)
    end
    flow.last = ports.client(options.flows - 1)
  end
  for key, value in pairs(change or {}) do flow[key] = value end
  return flow
end

-- `pps` packets a second.
function ports.rate(port, size, pps)
  local percent = pps / frames.line_rate(link_bps / 1e9, size) * 100
  pktgen.set(tostring(port.id), "rate", math.min(percent, 100.0))
end

local function list(senders)
  local ids = {}
  for _, port in ipairs(senders) do ids[#ids + 1] = port.id end
  return table.concat(ids, ",")
end

function ports.stop(senders)
  pktgen.stop(list(senders))
  for _ = 1, 50 do
    local busy = false
    for id, state in pairs(pktgen.isSending(list(senders))) do busy = busy or (id ~= "n" and state == "y") end
    if not busy then return end
    pause(0.1)
  end
  error("Pktgen does not stop sending", 0)
end

-- Sends `count` packets at `pps` and waits until they are gone, `limit` seconds at most. As slowly at first
-- as begin(), for the same reasons.
function ports.send_count(port, size, pps, count, limit)
  pktgen.set(tostring(port.id), "count", count)
  ports.begin({ port }, size, { [port.name] = pps })
  local start = ports.clock()
  while pktgen.isSending(tostring(port.id))[port.id] == "y" do
    if ports.clock() - start > limit then error("Pktgen does not come to the end of " .. count .. " packets", 0) end
    pause(0.02)
  end
  pktgen.set(tostring(port.id), "count", 0)
end

-- ---- what is counted ----

-- Packets and bytes of both ports since Pktgen's start; up to 1 s old.
function ports.counters()
  local stats = pktgen.portStats(BOTH, "port")
  local counted = {}
  for _, port in ipairs({ ports.outside, ports.inside }) do
    local one = stats[port.id]
    counted[port.name] = { sent = one.opackets, received = one.ipackets, missed = one.imissed + one.ierrors + one.rx_nombuf }
  end
  return counted
end

-- Starts `senders` at `rates` (packets a second, by port name). At its start Pktgen builds its packets, for a second or so; meanwhile it
-- does not receive, and 23.06 then catches up at full speed on what it should have sent. So the ports start
-- slowly, and get their rate when all of them have sent something. Returns the counters of that moment.
local SLOW_START_PPS = 200

function ports.begin(senders, size, rates)
  local before = ports.counters()
  for _, port in ipairs(senders) do ports.rate(port, size, math.min(rates[port.name], SLOW_START_PPS)) end
  pktgen.start(list(senders))
  for _ = 1, 150 do
    pause(0.2)
    local now, waiting = ports.counters(), nil
    for _, port in ipairs(senders) do
      if now[port.name].sent <= before[port.name].sent then waiting = port end
    end
    if not waiting then
      for _, port in ipairs(senders) do ports.rate(port, size, rates[port.name]) end
      return now
    end
  end
  ports.stop(senders)
  error("Pktgen sends nothing on all its ports within 30 s of its start; its own messages are in the .log file", 0)
end

-- Latency packets from now on: one each `every_us` from every port that sends, beside its load. They go
-- between the two neighbours, to a port that Pktgen has fixed.
function ports.latency_on(every_us)
  pktgen.set_ipaddr("0", "dst", addresses.inside.neighbour)
  pktgen.set_ipaddr("1", "dst", addresses.outside.neighbour)
  for _, port in ipairs({ ports.outside, ports.inside }) do
    pktgen.set_mac(tostring(port.id), "dst", port.gateway)
    pktgen.set(tostring(port.id), "sport", FIRST_CLIENT_PORT)
  end
  pktgen.latency(BOTH, "enable")
  pktgen.latency(BOTH, "rate", every_us)
end

function ports.latency_off()
  pktgen.latency(BOTH, "disable")
end

-- Pktgen keeps samples of what `port` receives, `count` of them at `per_second`, and writes them at the end.
function ports.sample_latency(port, count, per_second, path)
  pktgen.latsampler_params(tostring(port.id), "simple", count, per_second, path)
  pktgen.latsampler(tostring(port.id), "on")
end

function ports.end_samples(port) pktgen.latsampler(tostring(port.id), "off") end

-- Of what `port` has received since clear(): packets, and least, mean and greatest microseconds.
function ports.latency(port)
  local latency = pktgen.pktStats(tostring(port.id))[port.id].latency
  return { packets = latency.num_pkts, skipped = latency.num_skipped, min = latency.min_us,
           mean = latency.avg_us, max = latency.max_us }
end

function ports.clear() pktgen.clr() end

-- Ends the run where Pktgen does not send all of its packets before it sends one again: from 24.05 on a cache
-- gives back what was sent last first.
function ports.need_fresh_packets()
  if release >= 2405 then
    error("ramp needs Pktgen 23.06 to 24.03: later ones send the same few packets again and again, so most " ..
      "of what they send belongs to a session that is already there", 0)
  end
end

return ports
