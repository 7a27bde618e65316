-- What the operator wants, from the words of PORTCULLIS_BENCH: "speed=40 sizes=64,imix trial=30".
-- Pktgen passes no arguments to a script, hence the environment.
local options = {}

-- An option's kind reads a word and returns its value, or nil and what it should have been.
local kinds = {}

function kinds.number(text)
  local value = tonumber(text)
  if not value or value < 0 or value ~= value or value == math.huge then
    return nil, "a number, 0 or more"
  end
  return value
end

function kinds.positive(text)
  local value = kinds.number(text)
  if not value or value == 0 then return nil, "a number above 0" end
  return value
end

function kinds.count(text)
  local value = math.tointeger(tonumber(text))
  if not value or value < 1 then return nil, "a whole number, 1 or more" end
  return value
end

function kinds.text(text) return text end

-- A list of frame sizes with FCS, and the word imix.
function kinds.sizes(text)
  local sizes = {}
  for word in text:gmatch("[^,]+") do
    local size = math.tointeger(tonumber(word))
    if word == "imix" then
      sizes[#sizes + 1] = word
    elseif size and size >= 64 and size <= 1518 then
      sizes[#sizes + 1] = size
    else
      return nil, "frame sizes from 64 to 1518 and imix, with commas between"
    end
  end
  if #sizes == 0 then return nil, "at least one frame size" end
  return sizes
end

function kinds.percents(text)
  local list = {}
  for word in text:gmatch("[^,]+") do
    local value = tonumber(word)
    if not value or value <= 0 or value > 100 then return nil, "percents above 0, with commas between" end
    list[#list + 1] = value
  end
  if #list == 0 then return nil, "at least one percent" end
  return list
end

-- A kind that takes one of some words.
function options.one_of(...)
  local words = { ... }
  return function(text)
    for _, word in ipairs(words) do
      if word == text then return word end
    end
    return nil, table.concat(words, " or ")
  end
end

-- What every script takes. Rates are in Mpps for each port that sends; times are in seconds.
options.common = {
  { "out", "text", ".", "directory of the results" },
  { "speed", "positive", nil, "Gbit/s of the links; absent: what the ports report" },
  { "sizes", "sizes", { 64 }, "frame sizes with FCS, and imix" },
  { "direction", options.one_of("both", "in", "out"), "both", "who sends: both ports, only the outside, only the inside" },
  { "flows", "count", 16384, "distinct flows" },
  { "sources", options.one_of("many", "one"), "many", "many: one flow for each client address; one: one client address, so one owner" },
  { "trial", "positive", 10, "length of a trial" },
  { "drain", "positive", 3, "wait after a trial; Pktgen's counters are up to 1 s old" },
  { "learn", "positive", 0.1, "Mpps at which flows are introduced before the trials" },
  { "max", "positive", nil, "Mpps that are never exceeded; absent: line rate" },
  { "loss", "number", 0, "percent of packets that a trial may lose" },
}

local function describe(spec)
  local lines = {}
  for _, entry in ipairs(spec) do lines[#lines + 1] = string.format("  %-12s %s", entry[1], entry[4]) end
  return table.concat(lines, "\n")
end

-- The options in `text` by the common ones and those of `extra`; an error is a sentence for the operator.
function options.parse(text, extra)
  local spec, known, values = {}, {}, {}
  for _, list in ipairs({ options.common, extra or {} }) do
    for _, entry in ipairs(list) do
      -- A script may change a common default by listing the option again.
      if not known[entry[1]] then spec[#spec + 1] = entry end
      known[entry[1]] = entry
    end
  end
  for name, entry in pairs(known) do values[name] = entry[3] end
  for word in (text or ""):gmatch("%S+") do
    local name, given = word:match("^([%w-]+)=(.+)$")
    if not name then
      error(string.format("option '%s' is not of the form name=value", word), 0)
    end
    local entry = known[name]
    if not entry then
      error(string.format("there is no option '%s'; there are:\n%s", name, describe(spec)), 0)
    end
    local kind = type(entry[2]) == "string" and kinds[entry[2]] or entry[2]
    local value, wanted = kind(given)
    if value == nil then
      error(string.format("option %s=%s: it should be %s", name, given, wanted), 0)
    end
    values[name] = value
  end
  return values
end

return options
