-- A flood of denied packets from many sources beside established traffic: does it cost a session?
--
-- The node keeps answering its clients at one rate, outwards; inwards nothing comes but the flood, at
-- rising rates. What of the answers is lost is the firewall's, and nothing of the flood may come through.
--
--   perf/pktgen/bench deny rate=5 floods=25,50,100 out=results -- EAL-ARGUMENTS -- PKTGEN-ARGUMENTS
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "lib/?.lua;" .. package.path
local addresses = require("addresses")
local bench = require("bench")
local ports = require("ports")
local trial = require("trial")

bench.main({
  name = "deny",
  options = {
    { "trial", "positive", 30, "length of a trial" },
    { "rate", "positive", nil, "Mpps of established traffic; absent: a tenth of max, or of line rate" },
    { "floods", "percents", { 10, 25, 50, 75, 100 }, "flood, in percents of max, or of line rate" },
    { "strays", "count", 20, "packets that may come in beside the traffic (ARP and the like)" },
  },
  columns = { "size", "flood_mpps", "established_mpps", "established_lost", "loss_percent", "flood_sent", "came_through" },
  run = function(options, report)
    for _, size in ipairs(options.sizes) do
      local established = ports.flow(options)
      local full = trial.highest_rate(options, size)
      local rate = options.rate and options.rate * 1e6 or full / 10
      trial.learn(size, established, options)
      ports.load(ports.inside, size, established)
      ports.load(ports.outside, size, ports.flow(options, { to_port = addresses.denied_port }))
      local floods = { 0, table.unpack(options.floods) }
      for _, percent in ipairs(floods) do
        local flood = full * percent / 100
        local record = trial.flood(size, rate, flood, options)
        report.rows[#report.rows + 1] = {
          size = size, flood_mpps = bench.mpps(record.flood_pps), established_mpps = bench.mpps(record.delivered_pps),
          established_lost = record.lost, loss_percent = record.loss_percent, flood_sent = record.flood_sent,
          came_through = record.came_through,
        }
        if record.sent == 0 then error("Pktgen sent no established traffic", 0) end
        if record.received == 0 then
          error(string.format("with a flood of %.3f Mpps no established packet came through", bench.mpps(flood)), 0)
        end
        if record.came_through > options.strays then
          error(string.format("%d packets came through to the inside, where nothing of the flood may: does the " ..
            "firewall run bench.yaml?", record.came_through), 0)
        end
        if record.loss_percent > options.loss then
          bench.note(report, string.format("%d: the flood of %.3f Mpps cost %d established packets", size,
            bench.mpps(record.flood_pps), record.lost))
        end
      end
    end
  end,
})
