-- Sizes on the wire and line rates. A frame's size includes its FCS, as everywhere in RFC 2544; on the
-- wire each frame takes 20 bytes more (preamble, start delimiter, inter-frame gap).
local frames = {}

frames.overhead = 20

-- The simple IMIX, in the order in which it is sent: 7 of 64, 4 of 594, 1 of 1518 bytes.
frames.imix = { 64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 594, 64 }

-- Mean bytes of a frame of `size` (a number or "imix"), with FCS.
function frames.mean(size)
  if size ~= "imix" then return size end
  local sum = 0
  for _, one in ipairs(frames.imix) do sum = sum + one end
  return sum / #frames.imix
end

-- Frames a second that a link of `gbps` carries.
function frames.line_rate(gbps, size)
  return gbps * 1e9 / ((frames.mean(size) + frames.overhead) * 8)
end

-- Gbit/s on the wire of `pps` frames a second.
function frames.gbps(pps, size)
  return pps * (frames.mean(size) + frames.overhead) * 8 / 1e9
end

return frames
