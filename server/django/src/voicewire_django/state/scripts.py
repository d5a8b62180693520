"""
One decision each, made inside Redis so that no other instance can come between.

Keys and meaning are those of the relay for Node: instances of both share what they count.
"""

_MICROSECONDS = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function whole(number) return string.format('%.0f', number) end"""

_MILLISECONDS = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)"""

_KEEP = """
local function keep(key, life)
  if redis.call('PTTL', key) < tonumber(life) then redis.call('PEXPIRE', key, life) end
end"""

WINDOW = f"""{_MICROSECONDS}
local length, limit, counts = ARGV[1] * 1000, tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - length))
local count = redis.call('ZCARD', KEYS[1])
if count >= limit then
  local first = redis.call('ZRANGE', KEYS[1], count - limit, count - limit, 'WITHSCORES')[2]
  return {{0, 0, math.ceil((first + length - now) / 1000)}}
end
if counts == 1 then
  redis.call('ZADD', KEYS[1], whole(now), whole(now) .. ':' .. count)
  redis.call('PEXPIRE', KEYS[1], math.ceil(length / 1000))
end
return {{1, limit - count - counts, 0}}"""

VIOLATE = f"""{_MICROSECONDS}
local length, threshold = ARGV[1] * 1000, tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - length))
local count = redis.call('ZCARD', KEYS[1])
if count + 1 < threshold then
  redis.call('ZADD', KEYS[1], whole(now), whole(now) .. ':' .. count)
  redis.call('PEXPIRE', KEYS[1], math.ceil(length / 1000))
  return 0
end
redis.call('DEL', KEYS[1])
if redis.call('PTTL', KEYS[2]) < length / 1000 then
  redis.call('SET', KEYS[2], '1', 'PX', math.ceil(length / 1000))
end
return 1"""

HOLD = f"""{_MILLISECONDS}{_KEEP}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local cap = tonumber(ARGV[i + 2])
  if cap > 0 and redis.call('ZCARD', key) >= cap then return i end
end
if ARGV[1] == '' then return 0 end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  keep(key, ARGV[2])
end
return 0"""

RENEW = f"""{_MILLISECONDS}{_KEEP}
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  keep(key, ARGV[1])
end
return #KEYS"""

RELEASE = """
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1"""

PUT_SESSION = f"""{_MILLISECONDS}{_KEEP}
if ARGV[1] ~= '' and redis.call('HGET', KEYS[1], 'hash') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'session', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
redis.call('ZADD', KEYS[2], now + ARGV[4], KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
keep(KEYS[2], ARGV[4])
return 1"""

COUNT_SESSIONS = f"""{_MILLISECONDS}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZCARD', KEYS[1])"""

SPEND = """
local spent = {}
for i, key in ipairs(KEYS) do
  spent[2 * i - 1] = redis.call('HINCRBY', key, 'tokens', ARGV[2 * i])
  spent[2 * i] = redis.call('HINCRBY', key, 'ms', ARGV[2 * i + 1])
  redis.call('EXPIRE', key, ARGV[1])
end
return spent"""

REVOKE = f"""{_MILLISECONDS}
local at = tonumber(ARGV[3])
if at == 0 then at = now end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])
redis.call('ZADD', KEYS[1], 'GT', at, ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.pcall('PUBLISH', ARGV[2], at .. ' ' .. ARGV[4])
return at"""
