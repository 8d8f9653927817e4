import { script } from "./redis.ts";
import { RULES } from "./rules.lua.ts";

/** Scripts that store, change and remove submissions. ARGV[1] is JSON; bytes are further arguments, named by their positions. */
export const STORE_SCRIPTS = {
  // list of submissions: id, keyHash, key, lane, body, sendAt, perMinute, rampMs, chunks, seal
  submit: script(`${RULES}
local answers, lanes = {}, {}
for _, given in ipairs(cjson.decode(ARGV[1])) do
  local id = given.id
  local known = given.keyHash and call('HGET', NAMES, given.keyHash)
  if call('EXISTS', submission_key(id)) == 1 then answers[#answers + 1] = { id, 1 }
  elseif known then answers[#answers + 1] = { known, 0 }
  else
    local fields = { 'lane', given.lane, 'state', 'running', 'sealed', '0', 'createdAt', text_of(NOW), 'chunks', 0, 'recipients', 0,
      'pending', 0, 'body', ARGV[given.body] }
    local function put(name, value)
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
    if given.keyHash then
      call('HSET', NAMES, given.keyHash, id)
      put('key', ARGV[given.key])
      put('keyHash', given.keyHash)
    end
    if given.sendAt then put('sendAt', text_of(given.sendAt)) end
    if given.perMinute then
      put('perMinute', text_of(given.perMinute))
      put('rampMs', text_of(given.rampMs))
    end
    call('HSET', submission_key(id), unpack(fields))
    add_chunks(read(id), given)
    lanes[given.lane] = true
    answers[#answers + 1] = { id, 1 }
  end
end
wake()
local names = {}
for lane in pairs(lanes) do names[#names + 1] = lane end
return { answers, names }
`),

  // submission, after, chunks, seal
  append: script(`${RULES}
local given = cjson.decode(ARGV[1])
local s = read(given.submission)
if not s then return { 0, {} } end
local fits = s.chunks == given.after and not s.sealed
if fits then add_chunks(s, given) end
wake()
return { fits and 1 or 0, call('HGETALL', submission_key(s.id)), s.id }
`),

  // submission, and the change: state, pace
  control: script(`${RULES}
local given = cjson.decode(ARGV[1])
local s = read(given.submission)
if not s then return {} end
if s.state ~= 'cancelled' and not s.finished then
  local key = submission_key(s.id)
  if given.state then
    s.state = given.state
    call('HSET', key, 'state', given.state)
  end
  if given.state == 'cancelled' then
    s.sealed = true
    call('HSET', key, 'sealed', '1')
  end
  if given.pace ~= nil then
    call('HDEL', key, 'perMinute', 'rampMs', 'startedAt', 'nextAt')
    s.per_minute, s.next_at = nil, nil
    if given.pace ~= cjson.null then
      s.per_minute = given.pace.perMinute
      call('HSET', key, 'perMinute', text_of(s.per_minute), 'rampMs', text_of(given.pace.rampMs))
    end
  end
  finish(s)
  if s.state == 'cancelled' or (s.state == 'running' and not s.per_minute) then
    for _, number in ipairs(call('ZRANGE', open_key(s.id), 0, -1)) do hand_over(s, number, 'again') end
  else
    advance(s, nil, true)
  end
end
wake()
return { call('HGETALL', submission_key(s.id)), s.id, s.lane }
`),

  // age in milliseconds; removes one submission that was finished before
  prune: script(`${RULES}
local id = call('ZRANGE', FINISHED, '-inf', '(' .. text_of(NOW - tonumber(ARGV[1])), 'BYSCORE', 'LIMIT', 0, 1)[1]
if not id then return 0 end
local key = submission_key(id)
local hash = call('HGET', key, 'keyHash')
if hash then call('HDEL', NAMES, hash) end
for _, place in ipairs(call('ZRANGE', BASE .. 'f:' .. id, 0, -1)) do call('XDEL', FEED, place .. '-1') end
for _, place in ipairs(call('ZRANGE', BASE .. 'x:' .. id, 0, -1)) do call('ZREM', FAILED, place) end
call('UNLINK', key, chunks_key(id), open_key(id), BASE .. 'f:' .. id, BASE .. 'x:' .. id)
call('ZREM', FINISHED, id)
return 1
`),
};
