-- Reload under load: the same rate twice, first in peace, then while policies are pushed. What the second
-- half loses more than the first is what reloads cost.
--
-- `pushes` is a command, with commas for spaces, that pushes until it is ended, such as
-- ssh,firewall,/opt/portcullis/perf/pktgen/push-loop. Without it the script says when to start push-loop by hand.
--
--   perf/pktgen/bench reload rate=5 seconds=120 out=results -- EAL-ARGUMENTS -- PKTGEN-ARGUMENTS
package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "lib/?.lua;" .. package.path
local bench = require("bench")
local ports = require("ports")
local trial = require("trial")

-- Starts `command` in the background; returns a function that ends it and says what it printed. The shell
-- that io.popen starts becomes the command, so its process id is the one to end.
local function start_pushes(command, log)
  local words = {}
  for word in command:gmatch("[^,]+") do words[#words + 1] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local shell = io.popen(string.format("%s >'%s' 2>&1 & echo $!", table.concat(words, " "), log))
  local pid = shell:read("l")
  shell:close()
  return function()
    local alive = os.execute("kill " .. pid .. " 2>/dev/null")
    -- The last push puts bench.yaml back.
    for _ = 1, 100 do
      if not os.execute("kill -0 " .. pid .. " 2>/dev/null") then break end
      ports.pause(0.1)
    end
    local file = io.open(log)
    local said = file and file:read("a") or ""
    if file then file:close() end
    return alive, said
  end
end

bench.main({
  name = "reload",
  options = {
    { "rate", "positive", nil, "Mpps; absent: half of max, or of line rate. Take 70 % of your no-drop rate" },
    { "seconds", "positive", 120, "length of each half" },
    { "pushes", "text", nil, "command that pushes, commas for spaces; absent: you start it when told" },
    { "wait", "positive", 20, "without `pushes`: seconds to start push-loop by hand" },
  },
  columns = { "size", "half", "mpps", "sent", "lost", "loss_percent", "worst_second_lost", "lowest_mpps" },
  run = function(options, report)
    local senders = trial.senders(options.direction)
    for _, size in ipairs(options.sizes) do
      local flow = ports.flow(options)
      local pps = options.rate and options.rate * 1e6 or trial.highest_rate(options, size) / 2
      trial.learn(size, flow, options)
      for _, port in ipairs(senders) do ports.load(port, size, flow) end
      local lost = {}
      for _, half in ipairs({ "in peace", "reloading" }) do
        local stop
        if half == "reloading" then
          if options.pushes then
            stop = start_pushes(options.pushes, options.out .. "/pushes.log")
          else
            print(string.format("\n>>> start push-loop on the firewall now; %g s until traffic\n", options.wait))
            ports.pause(options.wait)
          end
        end
        local watch = trial.watch(senders)
        local record = trial.run(senders, size, pps, options.seconds, options.drain, watch.look)
        if stop then
          local alive, said = stop()
          if not alive then error("the pushes ended before the traffic did; they said:\n" .. said, 0) end
          bench.note(report, "pushes: " .. (said:gsub("%s+$", "")))
        end
        lost[half] = record.lost
        report.rows[#report.rows + 1] = {
          size = size, half = half, mpps = bench.mpps(record.delivered_pps), sent = record.sent, lost = record.lost,
          loss_percent = record.loss_percent, worst_second_lost = watch.worst, lowest_mpps = bench.mpps(watch.lowest or 0),
        }
        if record.received == 0 then error("nothing came through " .. half, 0) end
      end
      bench.note(report, string.format("%s: reloads cost %d packets", size, math.max(0, lost["reloading"] - lost["in peace"])))
    end
  end,
})
