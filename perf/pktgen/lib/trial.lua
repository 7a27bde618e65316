-- One trial: send for a while, wait, count what came back on the other port.
local frames = require("frames")
local ports = require("ports")

local trial = {}

-- The ports that send in `direction`.
function trial.senders(direction)
  if direction == "in" then return { ports.outside } end
  if direction == "out" then return { ports.inside } end
  return { ports.outside, ports.inside }
end

-- What a port sent too little of to blame the firewall: the generator or the link is the limit.
local GENERATOR_SHORT = 0.98

local function difference(after, before)
  local counted = {}
  for name, now in pairs(after) do
    counted[name] = {}
    for key, value in pairs(now) do counted[name][key] = value - before[name][key] end
  end
  return counted
end

-- Sums up what `senders` sent and their peers received. Pure.
-- `slow` is what was sent before the rate was set, and takes no part in the rates.
function trial.sum(senders, counted, slow, asked_pps, seconds)
  local record = { asked_pps = asked_pps, seconds = seconds, sent = 0, received = 0, lost = 0, missed = 0 }
  local slowly = 0
  for _, port in ipairs(senders) do
    local sent, received = counted[port.name].sent, counted[port.peer.name].received
    record.sent = record.sent + sent
    record.received = record.received + received
    -- In one direction a few strays (ARP) must not hide what was lost in the other.
    record.lost = record.lost + math.max(0, sent - received)
    record.missed = record.missed + counted[port.peer.name].missed
    slowly = slowly + slow[port.name].sent
  end
  record.offered_pps = math.max(0, record.sent - slowly) / #senders / seconds
  record.delivered_pps = math.max(0, record.received - slowly) / #senders / seconds
  record.loss_percent = record.sent > 0 and record.lost / record.sent * 100 or 100
  record.generator_short = record.offered_pps < asked_pps * GENERATOR_SHORT
  return record
end

-- Sends at `rates` (by port name) for `seconds`; what is sent was set by ports.load(). `during`, if given, is
-- called about once a second. Returns the counters of the whole, those of the slow start, and the seconds.
local function send(senders, size, rates, seconds, drain, during)
  local before = ports.counters()
  local slow = difference(ports.begin(senders, size, rates), before)
  local start = ports.clock()
  local function left() return seconds - (ports.clock() - start) end
  while left() > 0 do
    ports.pause(math.max(0.01, during and math.min(1, left()) or left()))
    if during then during() end
  end
  ports.stop(senders)
  local stopped = ports.clock()
  ports.pause(drain)
  return difference(ports.counters(), before), slow, stopped - start
end

-- All of `senders` send `pps` frames of `size` each for `seconds`.
function trial.run(senders, size, pps, seconds, drain, during)
  local rates = {}
  for _, port in ipairs(senders) do rates[port.name] = pps end
  local counted, slow, took = send(senders, size, rates, seconds, drain, during)
  return trial.sum(senders, counted, slow, pps, took)
end

-- The inside sends `pps` of established traffic, the outside `flood_pps` of what must not come through.
function trial.flood(size, pps, flood_pps, options)
  local senders = flood_pps > 0 and { ports.outside, ports.inside } or { ports.inside }
  local counted, slow, took = send(senders, size, { outside = flood_pps, inside = pps }, options.trial, options.drain)
  local record = trial.sum({ ports.inside }, counted, slow, pps, took)
  record.flood_sent = counted.outside.sent
  record.flood_pps = math.max(0, counted.outside.sent - slow.outside.sent) / took
  record.came_through = counted.inside.received
  return record
end

-- Looks at the counters while a trial runs: the most that was lost between two looks, a second or so apart, and
-- the lowest rate that came back to a port. Pktgen counts once a second, so this is coarse; totals are exact.
function trial.watch(senders)
  local watch, last, at = { worst = 0 }, nil, nil
  function watch.look()
    local now, clock = ports.counters(), ports.clock()
    local lost, rate, moved = 0, nil, last ~= nil
    for _, port in ipairs(senders) do
      local sent = last and now[port.name].sent - last[port.name].sent or 0
      local received = last and now[port.peer.name].received - last[port.peer.name].received or 0
      moved = moved and sent > 0
      lost = lost + math.max(0, sent - received)
      rate = math.min(rate or math.huge, received / math.max(0.5, clock - (at or clock)))
    end
    if moved then
      watch.worst = math.max(watch.worst, lost)
      watch.lowest = math.min(watch.lowest or math.huge, rate)
    end
    if moved or not last then last, at = now, clock end
  end
  return watch
end

-- Opens a session for each of `options.flows` by sending from the outside, twice over, so that packets that
-- waited for ARP cost nothing later. Ends the run if nothing at all comes through.
function trial.learn(size, flow, options)
  ports.load(ports.outside, size, flow)
  local pps = math.min(options.learn, options.max or options.learn) * 1e6
  local seconds = math.max(2, 2 * flow.count / pps)
  local record = trial.run({ ports.outside }, size, pps, seconds, options.drain)
  if record.sent == 0 then error("Pktgen sent nothing: see its own messages in the .log file", 0) end
  if record.received == 0 then
    error(string.format("of %d packets to %s:%d none came through: the firewall drops them. On it, ask " ..
      "`portcullis status` (is bench.yaml pushed?), `portcullis counters` and `portcullis denies`; check " ..
      "that port 1 is the cable of device `inside`", record.sent, flow.to, flow.to_port), 0)
  end
  return record
end

-- The highest rate of a port that makes sense: line rate, or the operator's limit.
function trial.highest_rate(options, size)
  local line = frames.line_rate(options.speed, size)
  return options.max and math.min(line, options.max * 1e6) or line
end

return trial
