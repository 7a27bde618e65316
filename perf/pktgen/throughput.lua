-- Throughput by RFC 2544 (26.1): for each frame size the highest rate without loss.
--
--   perf/pktgen/bench throughput sizes=64,512,1518,imix out=results -- EAL-ARGUMENTS -- PKTGEN-ARGUMENTS
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "lib/?.lua;" .. package.path
local bench = require("bench")
local frames = require("frames")
local ports = require("ports")
local search = require("search")
local trial = require("trial")

bench.main({
  name = "throughput",
  options = {
    { "sizes", "sizes", { 64, 128, 256, 512, 1024, 1280, 1518, "imix" }, "frame sizes with FCS, and imix" },
    { "resolution", "positive", 0.5, "percent of the highest rate at which the search ends" },
    { "confirm", "positive", 60, "length of the last trial, which confirms the rate" },
    { "retries", "count", 5, "steps down if the confirming trial fails" },
  },
  columns = { "size", "mpps", "line_percent", "gbps", "loss_percent", "line_mpps", "limited_by" },
  run = function(options, report)
    local senders = trial.senders(options.direction)
    for _, size in ipairs(options.sizes) do
      local flow = ports.flow(options)
      trial.learn(size, flow, options)
      for _, port in ipairs(senders) do ports.load(port, size, flow) end
      local highest, line = trial.highest_rate(options, size), frames.line_rate(options.speed, size)
      local function attempt(seconds)
        return function(pps)
          local record = trial.run(senders, size, pps, seconds, options.drain)
          return record.sent > 0 and record.received > 0 and record.loss_percent <= options.loss, record
        end
      end
      local rate, record = search.confirmed(highest, highest * options.resolution / 100, attempt(options.trial),
        attempt(options.confirm), options.retries)
      local limited = "firewall"
      if not rate then
        bench.note(report, string.format("%s: no rate passed; at %.4f Mpps %.4f %% were lost",
          size, bench.mpps(record.asked_pps), record.loss_percent))
      elseif record.generator_short then
        limited = "generator"
        bench.note(report, string.format("%s: Pktgen sent %.3f of the %.3f Mpps it was asked for; the firewall may do more",
          size, bench.mpps(record.offered_pps), bench.mpps(record.asked_pps)))
      elseif rate >= line then
        limited = "line"
      elseif rate >= highest then
        limited = "max"
      end
      local pps = rate and record.delivered_pps or 0.0
      report.rows[#report.rows + 1] = {
        size = size, mpps = bench.mpps(pps), line_percent = pps / line * 100, gbps = frames.gbps(pps, size),
        loss_percent = record.loss_percent, line_mpps = bench.mpps(line), limited_by = limited,
        sent = record.sent, received = record.received, missed = record.missed,
      }
    end
    for _, row in ipairs(report.rows) do
      if row.mpps == 0 then error("a size passed at no rate; the notes say which", 0) end
    end
  end,
})
