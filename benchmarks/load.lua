-- What wrk sends, and what it says at the end. Arguments: PAUSE in milliseconds between two requests
-- of a connection (0: none), then what is asked:
--   "get", or "create", or
--   "names" ORDER COUNT STEP SEED FIRST IN_AREA GAP EACH: the names of COUNT numbers, each STEP after
--   the one before, "drawn" by chance or "each" in turn from the SEED-th on; FIRST, IN_AREA, GAP and
--   EACH say what numbers and names there are, as benchmarks/dns/rows.py does.
local sent = 0
local mark = ""
local threads = {}
-- Answers that are not the name of their number; read by done, which is another state of Lua.
wrong = 0

local function create()
    sent = sent + 1
    local who = mark .. sent
    return wrk.format("POST", nil, nil,
        "FriendlyName=Acme%20Plumbing%20" .. who .. "%20LLC&Email=legal" .. sent .. "%40acme" .. who
        .. ".example&PolicySid=RNdfbf3fae0e1107f8aded0e7cead80bf5")
end

local function names(order, count, step, seed, first, in_area, gap, each)
    math.randomseed(seed)
    sent = seed
    local path = wrk.path
    request = function()
        local n = order == "each" and sent % count or math.random(0, count - 1)
        sent, n = sent + 1, n * step
        local number = first + n + math.floor(n / in_area) * gap
        return wrk.format("GET", string.format("%s+%.0f?format=json", path, number))
    end
    response = function(_, _, body)
        local name, digits = body:match('^{"name":"([^"]*)","number":"%+(%d+)"')
        local n = digits and tonumber(digits) - first or -1
        if n >= in_area then n = n - gap end
        if name ~= string.format("OWL %.0f, CO", math.floor(n / each)) then wrong = wrong + 1 end
    end
end

function setup(thread)
    threads[#threads + 1] = thread
end

-- wrk calls these anew for each request only where they are functions of these names.
function init(arguments)
    local pause, what = tonumber(arguments[1]), arguments[2]
    if pause > 0 then
        delay = function() return math.random(0, 2 * pause) end
    end
    if what == "create" then
        mark = tostring(os.time() % 1000000) .. "x"
        wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = create
    elseif what == "names" then
        local given = {}
        for place = 4, 10 do given[#given + 1] = tonumber(arguments[place]) end
        names(arguments[3], unpack(given))
    end
end

function done(summary, latency, _)
    local bad = summary.errors
    for _, thread in ipairs(threads) do bad.status = bad.status + thread:get("wrong") end
    io.write(string.format(
        "RESULT %d %d %.0f %.0f %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
