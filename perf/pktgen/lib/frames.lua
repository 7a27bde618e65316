-- Sizes on the wire and line rates. A frame's size includes its FCS, as everywhere in RFC 2544; on the
-- wire each frame takes 20 bytes more (preamble, start delimiter, inter-frame gap).
local frames = {}

frames.overhead = 20

-- Pktgen cannot weigh sizes: its ranges step from one to the next, and its sequences set only their first
-- entry (seen in 23.06 and 24.07). So `imix` is these five sizes in equal parts: their mean is that of the simple
-- IMIX (7 of 64, 4 of 594, 1 of 1518: 361.8), hence so is the packet rate at line rate.
frames.imix = { first = 64, last = 660, step = 149 }

-- Mean bytes of a frame of `size` (a number or "imix"), with FCS.
function frames.mean(size)
  return size == "imix" and (frames.imix.first + frames.imix.last) / 2 or size
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
