-- The library of perf/pktgen without a Pktgen: lua5.4 lib_test.lua LIB-DIRECTORY
package.path = arg[1] .. "/?.lua;" .. package.path

local tests = {}

local function equal(actual, wanted, what)
  if actual ~= wanted then
    error(string.format("%s: %s instead of %s", what or "value", tostring(actual), tostring(wanted)), 2)
  end
end

local function near(actual, wanted, tolerance, what)
  if math.abs(actual - wanted) > tolerance then
    error(string.format("%s: %g instead of %g", what or "value", actual, wanted), 2)
  end
end

local function fails(pattern, f, ...)
  local ok, reason = pcall(f, ...)
  if ok then error("no error, but one like " .. pattern, 2) end
  if not tostring(reason):find(pattern) then error("the error is " .. tostring(reason), 2) end
end

-- RFC 2544's figures for Ethernet, for 10 Gbit/s.
function tests.line_rates()
  local frames = require("frames")
  for size, pps in pairs({ [64] = 14880952, [128] = 8445945, [512] = 2349624, [1024] = 1197318, [1518] = 812743 }) do
    near(frames.line_rate(10, size), pps, 1, size)
  end
  near(frames.line_rate(40, 64), 59523809, 1, "40 GbE")
  near(frames.mean("imix"), (7 * 64 + 4 * 594 + 1518) / 12, 0.5, "imix has the simple IMIX's mean")
  equal((frames.imix.last - frames.imix.first) % frames.imix.step, 0, "imix ends at its last size")
  near(frames.gbps(frames.line_rate(10, "imix"), "imix"), 10, 1e-9, "imix at line rate")
end

function tests.search_finds_a_hidden_limit()
  local search = require("search")
  for limit = 1, 99, 7 do
    local trials = 0
    local rate = search.highest(100, 0.5, function(pps)
      trials = trials + 1
      return pps <= limit, { pps = pps }
    end)
    assert(rate <= limit and rate > limit - 0.5, "limit " .. limit .. " gave " .. tostring(rate))
    assert(trials <= 9, trials .. " trials")
  end
end

function tests.search_at_its_ends()
  local search = require("search")
  local trials = 0
  local rate = search.highest(100, 1, function() trials = trials + 1 return true, {} end)
  equal(rate, 100, "nothing lost")
  equal(trials, 1, "trials")
  local none, record = search.highest(100, 1, function(pps) return false, { pps = pps } end)
  equal(none, nil, "everything lost")
  assert(record.pps <= 2, "the lowest rate that was tried")
end

function tests.confirmation_steps_down()
  local search = require("search")
  local asked = {}
  local rate = search.confirmed(100, 1, function(pps) return pps <= 50, {} end, function(pps)
    asked[#asked + 1] = pps
    return pps <= 48, {}
  end, 5)
  assert(rate <= 48 and rate > 46.9, rate)
  assert(#asked >= 2, "a rate that fails is not taken")
  equal(search.confirmed(100, 1, function() return true, {} end, function() return false, {} end, 3), nil, "never confirmed")
end

function tests.options_are_read()
  local options = require("options")
  local chosen = options.parse("sizes=64,imix speed=40 loss=0.001 sources=one", { { "trial", "positive", 60, "" } })
  equal(chosen.sizes[1], 64)
  equal(chosen.sizes[2], "imix")
  equal(chosen.speed, 40)
  equal(chosen.loss, 0.001)
  equal(chosen.sources, "one")
  equal(chosen.trial, 60, "a script's own default")
  equal(chosen.direction, "both", "the common default")
end

function tests.bad_options_are_named()
  local options = require("options")
  fails("no option 'sise'", options.parse, "sise=64")
  fails("sizes=63: it should be", options.parse, "sizes=63")
  fails("sizes=1519: it should be", options.parse, "sizes=1519")
  fails("flows=0: it should be", options.parse, "flows=0")
  fails("flows=1.5: it should be", options.parse, "flows=1.5")
  fails("direction=up: it should be both or in or out", options.parse, "direction=up")
  fails("trial=%-1: it should be", options.parse, "trial=-1")
  fails("speed=inf: it should be", options.parse, "speed=inf")
  fails("'fast' is not of the form", options.parse, "fast")
end

function tests.results_are_well_formed()
  local results = require("results")
  equal(results.csv({ "a", "b" }, { { a = 1, b = 'x,"y"' } }), 'a,b\n1,"x,""y"""\n')
  equal(results.json({ b = { 1, 2.5 }, a = 'q"\n', c = {}, d = 0 / 0, e = true }),
    '{\n  "a": "q\\"\\u000a",\n  "b": [\n    1,\n    2.5\n  ],\n  "c": [],\n  "d": null,\n  "e": true\n}')
  equal(results.text({ "name", "n" }, { { name = "x", n = 10 } }), "name   n\n   x  10\n")
end

local function counted(out_sent, out_received, in_sent, in_received)
  return { outside = { sent = out_sent, received = out_received, missed = 0 },
           inside = { sent = in_sent, received = in_received, missed = 3 } }
end

function tests.loss_is_summed_by_direction()
  local trial, ports = require("trial"), require("ports")
  local both, slow = { ports.outside, ports.inside }, counted(100, 0, 100, 0)
  -- Ten strays on the way out must not make up for ten lost on the way in.
  local record = trial.sum(both, counted(1100, 1110, 1100, 1090), slow, 100, 10)
  equal(record.lost, 10, "lost")
  near(record.loss_percent, 10 / 2200 * 100, 1e-9, "percent")
  near(record.offered_pps, 100, 1e-9, "offered, without the slow start")
  equal(record.generator_short, false, "the generator kept up")
  record = trial.sum({ ports.outside }, counted(1000, 0, 0, 1000), counted(0, 0, 0, 0), 200, 10)
  equal(record.lost, 0, "lost")
  equal(record.missed, 3, "missed")
  equal(record.generator_short, true, "half of what was asked")
  equal(trial.sum({ ports.outside }, counted(0, 0, 0, 0), counted(0, 0, 0, 0), 200, 10).loss_percent, 100, "nothing sent")
end

function tests.flows_stay_among_the_clients()
  local ports, options = require("ports"), require("options")
  local flow = ports.flow(options.parse("flows=65536"))
  equal(flow.first, "198.18.0.1", "first")
  equal(flow.last, "198.19.0.0", "last")
  equal(flow.first_port, flow.last_port, "one port")
  flow = ports.flow(options.parse("flows=1000 sources=one"))
  equal(flow.first, flow.last, "one address")
  equal(flow.last_port - flow.first_port, 999, "ports")
  fails("client addresses", ports.flow, options.parse("flows=200000"))
  fails("one address has no more", ports.flow, options.parse("flows=65000 sources=one"))
end

local failed = 0
for name, test in pairs(tests) do
  local ok, reason = pcall(test)
  if not ok then
    failed = failed + 1
    io.stderr:write(name, ": ", tostring(reason), "\n")
  end
end
os.exit(failed == 0)
