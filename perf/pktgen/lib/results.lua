-- Results: a table to read, CSV for a spreadsheet, JSON for everything else. All three have the same rows.
local results = {}

local function escape(text)
  return (text:gsub('[%c"\\]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    return string.format("\\u%04x", c:byte())
  end))
end

-- JSON of numbers, texts, truth values, lists and maps; maps with their keys in order.
function results.json(value, indent)
  indent = indent or ""
  local kind = type(value)
  if kind == "nil" then return "null" end
  if kind == "boolean" then return tostring(value) end
  if kind == "string" then return '"' .. escape(value) .. '"' end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then return "null" end
    if math.type(value) == "integer" then return tostring(value) end
    return string.format("%.10g", value)
  end
  local deeper, parts = indent .. "  ", {}
  if value[1] ~= nil or next(value) == nil then
    for _, item in ipairs(value) do parts[#parts + 1] = deeper .. results.json(item, deeper) end
    if #parts == 0 then return "[]" end
    return "[\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "]"
  end
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for _, key in ipairs(keys) do
    parts[#parts + 1] = deeper .. '"' .. escape(key) .. '": ' .. results.json(value[key], deeper)
  end
  return "{\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "}"
end

local function cell(value)
  if value == nil then return "" end
  if type(value) == "boolean" then return value and "yes" or "no" end
  if math.type(value) == "float" then return string.format("%.4f", value) end
  return tostring(value)
end

function results.csv(columns, rows)
  local function quoted(text)
    if text:find('[,"\n]') then return '"' .. text:gsub('"', '""') .. '"' end
    return text
  end
  local lines = { table.concat(columns, ",") }
  for _, row in ipairs(rows) do
    local cells = {}
    for i, name in ipairs(columns) do cells[i] = quoted(cell(row[name])) end
    lines[#lines + 1] = table.concat(cells, ",")
  end
  return table.concat(lines, "\n") .. "\n"
end

function results.text(columns, rows)
  local widths, table_rows = {}, { columns }
  for _, row in ipairs(rows) do
    local cells = {}
    for i, name in ipairs(columns) do cells[i] = cell(row[name]) end
    table_rows[#table_rows + 1] = cells
  end
  for _, cells in ipairs(table_rows) do
    for i, text in ipairs(cells) do widths[i] = math.max(widths[i] or 0, #text) end
  end
  local lines = {}
  for _, cells in ipairs(table_rows) do
    local padded = {}
    for i, text in ipairs(cells) do padded[i] = string.rep(" ", widths[i] - #text) .. text end
    lines[#lines + 1] = table.concat(padded, "  ")
  end
  return table.concat(lines, "\n") .. "\n"
end

local function put(path, text)
  local file, reason = io.open(path, "w")
  if not file then error("the results cannot be written: " .. reason, 0) end
  file:write(text)
  file:close()
end

-- `report`: ok, bench, columns, rows, notes and whatever else describes the run. Written as NAME.json,
-- NAME.csv and NAME.txt in `directory`; the JSON last, for whoever waits for it.
function results.write(directory, report)
  local base = directory .. "/" .. report.bench
  local text = report.bench .. "\n\n" .. results.text(report.columns, report.rows)
  for _, note in ipairs(report.notes) do text = text .. "\nnote: " .. note .. "\n" end
  if report.error then text = text .. "\nfailed: " .. report.error .. "\n" end
  put(base .. ".csv", results.csv(report.columns, report.rows))
  put(base .. ".txt", text)
  put(base .. ".json", results.json(report) .. "\n")
end

return results
