-- For wrk: wrk.lua PREFIX HOST FOLDER SIZES asks for bodies of these sizes in turn, down and up, by length and chunked, and
-- compares each answer with FOLDER. PREFIX stands before each path (of a proxy: "http://host").
local requests, bodies, sums, at, threads = {}, {}, {}, 0, {}
down_length, down_chunked, up = 0, 0, 0  -- global: done() asks each thread for them

function setup(thread) table.insert(threads, thread) end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

local function chunked(body)
  local pieces = {}
  for from = 1, #body, 60000 do
    local piece = body:sub(from, from + 59999)
    table.insert(pieces, string.format("%x\r\n%s\r\n", #piece, piece))
  end
  return table.concat(pieces) .. "0\r\n\r\n"
end

function init(args)
  local prefix, host, folder = args[1], args[2], args[3]
  for size, sum in read(folder .. "/sums.json"):gmatch('"(%d+)": "(%x+)"') do sums[size] = sum end
  wrk.headers["Host"] = host
  for size in args[4]:gmatch("%d+") do
    local body = read(folder .. "/" .. size)
    bodies[#body] = body
    local path = prefix .. "/bytes?n=" .. size
    table.insert(requests, wrk.format("GET", path))
    table.insert(requests, wrk.format("GET", path .. "&chunked=1"))
    table.insert(requests, wrk.format("POST", prefix .. "/hash", nil, body))
    table.insert(requests, wrk.format("POST", prefix .. "/hash", {["Host"] = host, ["Transfer-Encoding"] = "chunked"}) .. chunked(body))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, headers, body)
  local size, sum = body:match("^(%d+) (%x+)$")
  if status == 200 and size and sums[size] == sum then
    up = up + 1
  elseif status == 200 and bodies[#body] == body then
    if headers["Content-Length"] or headers["content-length"] then down_length = down_length + 1 else down_chunked = down_chunked + 1 end
  else
    io.stderr:write(string.format("wrong answer: %d, %d bytes: %s\n", status, #body, body:sub(1, 80)))
    os.exit(1)
  end
end

function done()
  for _, thread in ipairs(threads) do
    print(string.format("answers: %d down-length, %d down-chunked, %d up", thread:get("down_length"), thread:get("down_chunked"), thread:get("up")))
  end
end
