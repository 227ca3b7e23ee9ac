-- What wrk sends a signing or verifying server. Arguments:
--   KIND "sign" or "verify", FORM "json" (phonotary) or "text" (secsipidx), PAUSE in milliseconds,
--   then for sign: CALLERS, STEP, ORDER "drawn" or "each" (one after the other), the seed or the
--   first, X5U;
--   for verify: a file with a token in each line (caller, called, iat, Identity).
local callers, step, each, x5u
local sent = 0
local tokens = {}

local function sign(form)
    local n = each and sent % callers or math.random(0, callers - 1)
    sent = sent + 1
    local orig, dest = 12000000000 + n * step, 12025550000 + math.random(0, 9999)
    local origid = string.format("%08x-%04x-4%03x-a%03x-%04x%08x", math.random(0, 0x7fffffff),
        math.random(0, 0xffff), math.random(0, 0xfff), math.random(0, 0xfff),
        math.random(0, 0xffff), math.random(0, 0x7fffffff))
    if form == "text" then
        return wrk.format("POST", nil, nil, string.format("%.0f,%.0f,A,%s,%s", orig, dest, origid, x5u))
    end
    return wrk.format("POST", nil, nil, string.format(
        '{"signingRequest":{"attest":"A","dest":{"tn":["%.0f"]},"iat":%d,"orig":{"tn":"%.0f"},"origid":"%s"}}',
        dest, os.time(), orig, origid))
end

local function verify(form)
    sent = sent + 1
    local token = tokens[sent]
    -- Each is used once. Whoever comes after the last gets a 404, which ends the benchmark.
    if not token then return wrk.format("POST", "/no-token-is-left", nil, "") end
    if form == "text" then return wrk.format("POST", nil, nil, token[4]) end
    return wrk.format("POST", nil, nil, string.format(
        '{"verificationRequest":{"from":{"tn":"%s"},"to":{"tn":["%s"]},"time":%s,"identity":"%s"}}',
        token[1], token[2], token[3], token[4]))
end

-- wrk calls these anew for each request only where they are functions of these names.
function init(arguments)
    local kind, form, pause = arguments[1], arguments[2], tonumber(arguments[3])
    wrk.headers["Content-Type"] = form == "json" and "application/json" or "text/plain"
    if pause > 0 then
        delay = function() return math.random(0, 2 * pause) end
    end
    if kind == "sign" then
        callers, step, each = tonumber(arguments[4]), tonumber(arguments[5]), arguments[6] == "each"
        math.randomseed(tonumber(arguments[7]))
        sent = each and tonumber(arguments[7]) or 0
        x5u = arguments[8]
        request = function() return sign(form) end
    else
        for line in io.lines(arguments[4]) do
            tokens[#tokens + 1] = { line:match("^(%S+) (%S+) (%S+) (.*)$") }
        end
        request = function() return verify(form) end
    end
end

function done(summary, latency, _)
    local bad = summary.errors
    io.write(string.format(
        "RESULT %d %d %.0f %.0f %d %d\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99),
        bad.connect + bad.read + bad.write + bad.status + bad.timeout, summary.bytes))
end
