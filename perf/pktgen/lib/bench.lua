-- What every script has around it: options in, ports up, results out, Pktgen ended, whatever happens.
local options = require("options")
local ports = require("ports")
local results = require("results")

local bench = {}

-- `name` of the results; `options`: a list like options.common; `columns` of the table; `run(options, report)`
-- adds report.rows and report.notes and ends the run by error(sentence, 0).
function bench.main(script)
  local report = { ok = false, bench = script.name, columns = script.columns, rows = {}, notes = {},
                   when = os.date("!%Y-%m-%dT%H:%M:%SZ"), asked = os.getenv("PORTCULLIS_BENCH") or "" }
  local directory = "."
  local done, problem = xpcall(function()
    local chosen = options.parse(report.asked, script.options)
    directory = chosen.out
    for key, value in pairs(ports.start()) do report[key] = value end
    chosen.speed = chosen.speed or report.link_gbps
    if chosen.speed > report.link_gbps then
      error(string.format("speed=%g, but the links run at %g Gbit/s", chosen.speed, report.link_gbps), 0)
    end
    report.options = chosen
    script.run(chosen, report)
  end, function(reason)
    -- A sentence of ours stays one; anything else is a fault of a script and needs its place.
    if type(reason) == "string" and not reason:match("%.lua:%d+:") then return reason end
    return debug.traceback(tostring(reason), 2)
  end)
  report.ok = done
  if not done then report.error = problem end
  local written, reason = pcall(results.write, directory, report)
  if not written then print(reason) end
  pktgen.stop("all")
  pktgen.quit()
end

function bench.note(report, text)
  for _, known in ipairs(report.notes) do
    if known == text then return end
  end
  report.notes[#report.notes + 1] = text
end

function bench.mpps(pps) return pps / 1e6 end

return bench
