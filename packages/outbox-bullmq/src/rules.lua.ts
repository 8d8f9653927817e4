/**
 * Beginning of each script: the keys, the clock, and the rules that scripts share. KEYS[1] is the beginning of the outbox's keys.
 *
 * A submission is the hash `s:<id>` (what it is, its counters as `n:<name>`), its chunks the hash `c:<id>` (`<number>`: the packed chunk,
 * `r<number>`: its recipients), its unsettled chunks the sorted set `o:<id>` by their due times, its results the sorted sets `f:<id>` and
 * `x:<id>` (failed ones) of places in the stream `feed`. `out:<lane>` lists the chunks that are to become jobs of BullMQ.
 *
 * The paced submission that runs has one chunk whose turn it is (`turn`): that one is a job, due when the pace allows it.
 */
export const RULES = `
local BASE = KEYS[1]
local call = redis.call
local TIME = redis.call('TIME')
local NOW = TIME[1] * 1000 + math.floor(TIME[2] / 1000)
local FEED, FAILED, BACKLOG, FINISHED = BASE .. 'feed', BASE .. 'failed', BASE .. 'backlog', BASE .. 'finished'
local NAMES, COUNTERS = BASE .. 'keys', BASE .. 'counters'
local has_work = false

local function submission_key(id) return BASE .. 's:' .. id end
local function chunks_key(id) return BASE .. 'c:' .. id end
local function open_key(id) return BASE .. 'o:' .. id end
local function text_of(number) return string.format('%.17g', number) end

local function read(id)
  local values = call('HMGET', submission_key(id), 'lane', 'state', 'sealed', 'pending', 'chunks', 'sendAt', 'perMinute', 'rampMs',
    'startedAt', 'nextAt', 'turn', 'finishedAt')
  if not values[1] then return nil end
  return {
    id = id, lane = values[1], state = values[2], sealed = values[3] == '1', pending = tonumber(values[4]), chunks = tonumber(values[5]),
    send_at = tonumber(values[6] or nil), per_minute = tonumber(values[7] or nil), ramp = tonumber(values[8] or nil),
    started_at = tonumber(values[9] or nil), next_at = tonumber(values[10] or nil), turn = tonumber(values[11] or nil),
    finished = values[12] and true or false,
  }
end

local function chunk_of(id, number)
  local packed = call('HGET', chunks_key(id), number)
  if not packed then return nil end
  local c = cmsgpack.unpack(packed)
  return { size = c[1], pending = c[2], due = c[3], lease = c[4], ends = c[5], revision = c[6], state = c[7] }
end

local function store_chunk(id, number, c)
  call('HSET', chunks_key(id), number, cmsgpack.pack({ c.size, c.pending, c.due, c.lease, c.ends, c.revision, c.state }))
end

local function is_leased(c) return c.lease and c.ends > NOW end

-- puts a chunk on the list of those that are to become jobs; 'again': it may be a job in a wrong place
local function hand_over(s, number, kind)
  local serial = call('HINCRBY', COUNTERS, 'out', 1)
  call('RPUSH', BASE .. 'out:' .. s.lane, string.format('%.0f', serial) .. ' ' .. s.id .. ' ' .. number .. ' ' .. kind)
  has_work = true
end

-- instant at which a chunk may be handed out, as far as it and its submission's pace say
local function due_at(s, number, c)
  local at = c.due
  if is_leased(c) and c.ends > at then at = c.ends end
  if s.per_minute and s.state == 'running' and s.next_at and s.next_at > at then at = s.next_at end
  return math.ceil(at)
end

-- gives the turn of a paced submission to the chunk that is due first; 'drawn' is in the hands of the caller, so not handed over
local function advance(s, drawn, anew)
  if not s.per_minute or s.state ~= 'running' then return end
  local current = s.turn and chunk_of(s.id, s.turn)
  if current and not anew and current.pending > 0 and not is_leased(current) then return end
  local best, best_at
  local open = call('ZRANGE', open_key(s.id), 0, -1, 'WITHSCORES')
  for i = 1, #open, 2 do
    if best and tonumber(open[i + 1]) >= best_at then break end
    local number = tonumber(open[i])
    local c = chunk_of(s.id, number)
    local at = is_leased(c) and math.max(c.due, c.ends) or c.due
    if not best or at < best_at then best, best_at = number, at end
  end
  if best == s.turn and not anew then return end
  s.turn = best
  if best then
    call('HSET', submission_key(s.id), 'turn', best)
    if best ~= drawn then hand_over(s, best, 'again') end
  else
    call('HDEL', submission_key(s.id), 'turn')
  end
end

local function add_backlog(s, change)
  if change == 0 then return end
  s.pending = s.pending + change
  call('HINCRBY', submission_key(s.id), 'pending', change)
  if call('HINCRBY', BACKLOG, s.lane, change) == 0 then call('HDEL', BACKLOG, s.lane) end
end

local function finish(s)
  if s.finished or not s.sealed or s.pending > 0 then return end
  s.finished = true
  call('HSET', submission_key(s.id), 'finishedAt', text_of(NOW))
  call('ZADD', FINISHED, NOW, s.id)
end

-- result: counts, failed, and the position of its body in ARGV
local function record(s, number, result)
  local place = string.format('%.0f', call('HINCRBY', COUNTERS, 'feed', 1))
  call('XADD', FEED, place .. '-1', 's', s.id, 'c', number, 'a', text_of(NOW), 'f', result.failed, 'b', ARGV[result.body])
  call('ZADD', BASE .. 'f:' .. s.id, place, place)
  if result.failed > 0 then
    call('ZADD', FAILED, place, place)
    call('ZADD', BASE .. 'x:' .. s.id, place, place)
  end
  for name, count in pairs(result.counts) do call('HINCRBY', submission_key(s.id), 'n:' .. name, count) end
end

local function add_chunks(s, given)
  local recipients, pending = 0, 0
  local due = math.max(NOW, s.send_at or 0)
  for _, each in ipairs(given.chunks) do
    local number = s.chunks
    s.chunks = number + 1
    recipients = recipients + each.size
    pending = pending + each.pending
    store_chunk(s.id, number, { size = each.size, pending = each.pending, due = due, lease = false, ends = 0, revision = 0,
      state = each.state and ARGV[each.state] or '' })
    call('HSET', chunks_key(s.id), 'r' .. number, ARGV[each.recipients])
    if each.pending > 0 then
      call('ZADD', open_key(s.id), due, number)
      if s.state == 'running' and not s.per_minute then hand_over(s, number, 'new') end
    end
    if each.result then record(s, number, each.result) end
  end
  call('HINCRBY', submission_key(s.id), 'recipients', recipients)
  call('HSET', submission_key(s.id), 'chunks', s.chunks)
  add_backlog(s, pending)
  if given.seal then
    s.sealed = true
    call('HSET', submission_key(s.id), 'sealed', '1')
  end
  finish(s)
  advance(s)
end

-- leases a chunk; gives what a worker needs
local function lease(s, number, c, token, lease_ms)
  c.lease, c.ends, c.revision = token, NOW + lease_ms, 0
  store_chunk(s.id, number, c)
  local record = call('HGETALL', submission_key(s.id))
  local spread = ''
  if s.per_minute then
    -- the formula of paceAfterClaim in core
    s.started_at = s.started_at or NOW
    local reached = s.ramp > 0 and math.min(1, math.max(1 / 60, (NOW - s.started_at) / s.ramp)) or 1
    local time = c.pending * 60000 / (s.per_minute * reached)
    s.next_at = math.max(s.next_at or NOW, NOW - 1000) + time
    spread = text_of(time)
    call('HSET', submission_key(s.id), 'startedAt', text_of(s.started_at), 'nextAt', text_of(s.next_at))
  end
  return { number, token, c.size, c.pending, spread, c.state, call('HGET', chunks_key(s.id), 'r' .. number), record }
end

local function wake()
  if has_work then call('PUBLISH', BASE .. 'work', '') end
end
`;
