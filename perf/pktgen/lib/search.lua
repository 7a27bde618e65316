-- The binary search of RFC 2544 (26.1): the highest rate at which a trial passes. Pure: it asks `trial`.
local search = {}

-- `trial(rate)` returns whether that rate passed, and its record. Starts at `max`; ends when what
-- passed and what failed are no more than `resolution` apart. Returns the highest rate that passed with
-- its record, or nil with the record of the lowest one that failed.
function search.highest(max, resolution, trial)
  local passed, record = trial(max)
  if passed then return max, record end
  local best, best_record, lowest = nil, nil, record
  local low, high = 0, max
  while high - low > resolution do
    local middle = (low + high) / 2
    passed, record = trial(middle)
    if passed then
      low, best, best_record = middle, middle, record
    else
      high, lowest = middle, record
    end
  end
  if best then return best, best_record end
  return nil, lowest
end

-- The same, and then `confirm(rate)`, a longer trial, must pass too. Where it does not, the rate goes
-- down by one resolution at a time, `tries` times at most.
function search.confirmed(max, resolution, trial, confirm, tries)
  local rate, record = search.highest(max, resolution, trial)
  if not rate then return nil, record end
  for _ = 1, tries do
    local passed, confirmed = confirm(rate)
    if passed then return rate, confirmed end
    record = confirmed
    if rate <= resolution then break end
    rate = rate - resolution
  end
  return nil, record
end

return search
