-- What wrk sends, and what it says at the end. Arguments: "create" or "get".
local sent = 0
local mark = ""

local function create()
    sent = sent + 1
    local who = mark .. sent
    return wrk.format("POST", nil, nil,
        "FriendlyName=Acme%20Plumbing%20" .. who .. "%20LLC&Email=legal" .. sent .. "%40acme" .. who
        .. ".example&PolicySid=RNdfbf3fae0e1107f8aded0e7cead80bf5")
end

-- wrk makes a request anew each time only where there is a function of this name.
function init(arguments)
    if arguments[1] == "create" then
        mark = tostring(os.time() % 1000000) .. "x"
        wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
        request = create
    end
end

function done(summary, latency, _)
    local bad = summary.errors
    io.write(string.format(
        "RESULT %d %d %.0f %.0f %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        bad.connect + bad.read + bad.write + bad.status + bad.timeout))
end
