-- What wrk sends and says: the requests on stdin, in turn, each whole behind a line with its length in bytes; and one line of JSON.
--   wrk -s wrk.lua http://127.0.0.1:8080 < requests

local requests = {}
local turn
others = 0

function setup(thread)
  worker = thread
end

function init()
  local bytes = io.stdin:read('*a')
  local at = 1
  while at <= #bytes do
    local lineEnd = bytes:find('\n', at, true)
    local length = tonumber(bytes:sub(at, lineEnd - 1))
    requests[#requests + 1] = bytes:sub(lineEnd + 1, lineEnd + length)
    at = lineEnd + length + 1
  end
  -- wrk looks at one request before it sends any: it is given the last.
  turn = #requests - 1
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function response(status)
  if status ~= 200 then others = others + 1 end
end

function done(summary, latency)
  local processorSeconds = os.clock()
  local counts = {}
  for index = 1, #latency do
    local microseconds, count = latency(index)
    counts[index] = string.format('[%d,%d]', microseconds, count)
  end
  local errors = summary.errors
  print(string.format(
    '{"processorSeconds":%.6f,"durationUs":%d,"requests":%d,"others":%d,'
      .. '"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d},"latencies":[%s]}',
    processorSeconds, summary.duration, summary.requests, worker:get('others'),
    errors.connect, errors.read, errors.write, errors.timeout, table.concat(counts, ',')
  ))
end
