-- pipeline.lua - sends DEPTH requests at once and reports one line of JSON.
--
--     wrk -t1 -c64 -d3 -s pipeline.lua URL -- DEPTH [BODY_BYTES [FILES]]
--
-- The requests go to the URL's own path: GET, or POST with a body of BODY_BYTES. With
-- FILES, each batch goes to one of so many paths at random: the URL's, with a number
-- below FILES as its last segment.

local ffi = require("ffi")

local connections = tonumber(os.getenv("WRK_CONNECTIONS") or 64) -- as -c says
local batches = {}

function init(args)
  local depth = tonumber(args[1] or 1)
  local body_bytes = tonumber(args[2] or 0)
  local files = tonumber(args[3] or 0)

  wrk.headers["Host"] = wrk.host .. ":" .. wrk.port
  if body_bytes > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", body_bytes)
    wrk.headers["Content-Type"] = "application/octet-stream"
  end
  for i = 1, math.max(files, 1) do
    local path = files > 0 and wrk.path:gsub("[^/]+$", tostring(i - 1)) or wrk.path

    batches[i] = string.rep(wrk.format(nil, path), depth)
  end
end

function request()
  return batches[#batches > 1 and math.random(#batches) or 1]
end

-- wrk adds latencies that nobody waited for, so that a stall counts as if requests had
-- come at a constant rate; it takes every answer for a round trip of its own, which makes
-- nonsense of its percentiles when 64 answers come at once (often 0). What it added is
-- known, so it is taken away again: from the slowest down, since each latency n became
-- further ones at n - interval, n - 2 * interval and so on.
ffi.cdef [[
  struct wrk_stats { uint64_t count, limit, min, max, data[]; };
]]

local function measured(summary, latency)
  local stats = ffi.cast("struct wrk_stats **", latency)[0]
  local min, max = tonumber(stats.min), tonumber(stats.max)
  local per_connection = math.floor(summary.requests / connections)
  local counts, total = {}, 0

  if min ~= latency.min or max ~= latency.max then
    return nil -- another layout than that of wrk 4
  end
  for n = min, max do
    counts[n] = tonumber(stats.data[n])
  end
  if per_connection > 0 then
    local interval = math.floor(summary.duration / per_connection)

    for n = max, math.max(min, 2 * interval), -1 do
      local m = n - interval

      while counts[n] > 0 and m > interval and m >= min do
        counts[m] = counts[m] - counts[n]
        m = m - interval
      end
    end
  end
  for n = min, max do
    total = total + counts[n]
  end
  return {counts = counts, min = min, max = max, total = total}
end

local function percentile(of, share)
  local seen = 0

  for n = of.min, of.max do
    seen = seen + of.counts[n]
    if seen >= share * of.total then
      return n
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  local of = summary.requests > 0 and measured(summary, latency)

  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "bytes": %d, "p50_us": %s, "p99_us": %s, ' ..
    '"errors": {"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}}\n',
    summary.requests, summary.duration, summary.bytes,
    of and percentile(of, 0.50) or "null", of and percentile(of, 0.99) or "null",
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
