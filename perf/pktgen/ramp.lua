-- New sessions: the highest rate at which every first packet of a session comes through, and how many sessions
-- the firewall held by then. Every packet that is sent is a session's first.
--
-- Pktgen builds a fixed number of packets and sends them round, so sessions come in batches of that many: each
-- batch has a client port of its own, and each of its packets a client address of its own.
--
--   perf/pktgen/bench ramp sessions=262144 max=4 out=results -- EAL-ARGUMENTS -- PKTGEN-ARGUMENTS
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "lib/?.lua;" .. package.path
local addresses = require("addresses")
local bench = require("bench")
local ports = require("ports")
local search = require("search")
local trial = require("trial")

-- Fewer than Pktgen's packets (24,576), by more than a NIC's transmit ring can hold back: then none is sent twice.
local BATCH = 16384
local FIRST_PORT, LAST_PORT = 1024, 65535

bench.main({
  name = "ramp",
  options = {
    { "sessions", "count", 262144, "new sessions in a trial" },
    { "resolution", "positive", 5, "percent of the highest rate at which the search ends" },
    { "max", "positive", 4, "million new sessions a second at which the search begins" },
  },
  columns = { "size", "asked_mpps", "sessions", "came_through", "loss_percent", "passed" },
  run = function(options, report)
    ports.need_fresh_packets()
    local port = FIRST_PORT
    local function batch(size, pps, count)
      if port > LAST_PORT then error("all client ports are used up; take fewer sessions or a coarser resolution", 0) end
      ports.load(ports.outside, size, { to = addresses.vip, to_port = addresses.port, first = ports.client(0),
        last = ports.client(addresses.clients.count - 3), first_port = port, last_port = port })
      port = port + 1
      ports.send_count(ports.outside, size, pps, count, 10 + 2 * count / pps)
    end
    local total = 0
    for _, size in ipairs(options.sizes) do
      trial.learn(size, ports.flow(options), options) -- ARP, and whether anything comes through at all
      local highest = trial.highest_rate(options, size)
      local function attempt(pps)
        local before, sent = ports.counters(), 0
        while sent < options.sessions do
          local count = math.min(BATCH, options.sessions - sent)
          batch(size, pps, count)
          sent = sent + count
        end
        ports.pause(options.drain)
        local after = ports.counters()
        local record = { asked_pps = pps, sent = after.outside.sent - before.outside.sent,
                         received = after.inside.received - before.inside.received }
        total = total + record.sent
        record.loss_percent = record.sent > 0 and math.max(0, record.sent - record.received) / record.sent * 100 or 100
        local passed = record.sent > 0 and record.loss_percent <= options.loss
        report.rows[#report.rows + 1] = { size = size, asked_mpps = bench.mpps(pps), sessions = record.sent,
          came_through = record.received, loss_percent = record.loss_percent, passed = passed }
        return passed, record
      end
      local rate = search.highest(highest, highest * options.resolution / 100, attempt)
      if not rate then error(string.format("size %d: packets of new sessions were lost at every rate", size), 0) end
      report.sessions_per_second = rate
      bench.note(report, string.format("%d: %.4f million new sessions a second without loss (sent in batches of %d)",
        size, bench.mpps(rate), BATCH))
    end
    bench.note(report, string.format("%d sessions were opened in all; those not idle for 300 s (av-udp-idle) are held: " ..
      "compare `portcullis status`", total))
  end,
})
