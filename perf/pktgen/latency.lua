-- Latency (RFC 2544, 26.2) under some loads: time-stamped packets among the load, by Pktgen's own clock.
--
--   perf/pktgen/bench latency sizes=64,imix rate=7.4 loads=10,50,90 out=results -- EAL-ARGUMENTS -- PKTGEN-ARGUMENTS
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "lib/?.lua;" .. package.path
local bench = require("bench")
local ports = require("ports")
local trial = require("trial")

-- The `share` (0 to 1) quantile of a sorted list, by the nearest rank.
local function quantile(sorted, share)
  return sorted[math.max(1, math.ceil(share * #sorted))]
end

-- Pktgen's file of samples: a heading, then nanoseconds, one a line.
local function read_samples(path)
  local samples = {}
  local file = io.open(path)
  if not file then return samples end
  for line in file:lines() do
    local value = tonumber(line)
    if value then samples[#samples + 1] = value / 1000 end
  end
  file:close()
  os.remove(path)
  table.sort(samples)
  return samples
end

bench.main({
  name = "latency",
  options = {
    { "trial", "positive", 60, "length of a trial" },
    { "rate", "positive", nil, "Mpps of which `loads` are percents: your no-drop rate; absent: max, or line rate" },
    { "loads", "percents", { 10, 50, 90 }, "percents of `rate`" },
    { "every", "count", 100, "microseconds between two time-stamped packets of a port" },
    { "samples", "count", 50000, "kept for the percentiles, at most 50000" },
  },
  columns = { "size", "load_percent", "mpps", "direction", "packets", "min_us", "mean_us", "p50_us", "p99_us", "p999_us",
              "max_us", "loss_percent" },
  run = function(options, report)
    local senders = trial.senders(options.direction)
    for _, size in ipairs(options.sizes) do
      local flow = ports.flow(options)
      local full = options.rate and options.rate * 1e6 or trial.highest_rate(options, size)
      trial.learn(size, flow, options)
      for _, port in ipairs(senders) do ports.load(port, size, flow) end
      for _, load in ipairs(options.loads) do
        ports.latency_on(options.every)
        -- A first trial opens the sessions of the time-stamped packets and fills caches; it is not counted.
        trial.run(senders, size, full * load / 100, 2, options.drain)
        ports.clear()
        ports.pause(2)
        local files = {}
        for _, port in ipairs(senders) do
          files[port.name] = string.format("%s/latency-%s.samples", options.out, port.name)
          local count = math.min(options.samples, 50000)
          ports.sample_latency(port.peer, count, math.max(1, math.ceil(count / options.trial)), files[port.name])
        end
        local record = trial.run(senders, size, full * load / 100, options.trial, options.drain)
        for _, port in ipairs(senders) do
          ports.end_samples(port.peer)
          local latency, samples = ports.latency(port.peer), read_samples(files[port.name])
          if latency.packets == 0 then
            error(string.format("no time-stamped packet came back through the firewall (%s): bench.yaml lets " ..
              "them through by its site rules; `portcullis denies` says more", port == ports.outside and "in" or "out"), 0)
          end
          report.rows[#report.rows + 1] = {
            size = size, load_percent = load, mpps = bench.mpps(record.offered_pps),
            direction = port == ports.outside and "in" or "out", packets = latency.packets, min_us = latency.min,
            mean_us = latency.mean, max_us = latency.max, p50_us = quantile(samples, 0.5), p99_us = quantile(samples, 0.99),
            p999_us = quantile(samples, 0.999), samples = #samples, loss_percent = record.loss_percent,
          }
          if record.loss_percent > options.loss then
            bench.note(report, string.format("%s at %g %%: %d packets were lost, so queues were full and this " ..
              "latency says little; take a lower rate", size, load, record.lost))
          end
        end
        ports.latency_off()
      end
    end
  end,
})
