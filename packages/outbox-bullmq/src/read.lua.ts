import { script } from "./redis.ts";
import { RULES } from "./rules.lua.ts";

/** Scripts that read. ARGV[1] is JSON. */
export const READ_SCRIPTS = {
  // id, or keyHash
  find: script(`${RULES}
local given = cjson.decode(ARGV[1])
local id = given.id or call('HGET', NAMES, given.keyHash)
if not id then return {} end
return { call('HGETALL', submission_key(id)), id }
`),

  // submission, from, limit
  chunks: script(`${RULES}
local given = cjson.decode(ARGV[1])
local s = read(given.submission)
local found = {}
for number = given.from, math.min(given.from + given.limit, s and s.chunks or 0) - 1 do
  found[#found + 1] = { number, call('HGET', chunks_key(s.id), 'r' .. number), chunk_of(s.id, number).size }
end
return found
`),

  // after, limit, submission, failedOnly
  results: script(`${RULES}
local given = cjson.decode(ARGV[1])
local index = given.failedOnly and FAILED or nil
if given.submission then index = BASE .. (given.failedOnly and 'x:' or 'f:') .. given.submission end
if not index then return call('XRANGE', FEED, '(' .. given.after .. '-1', '+', 'COUNT', given.limit) end
local found = {}
for _, place in ipairs(call('ZRANGE', index, '(' .. given.after, '+inf', 'BYSCORE', 'LIMIT', 0, given.limit)) do
  found[#found + 1] = call('XRANGE', FEED, place .. '-1', place .. '-1')[1]
end
return found
`),

  backlog: script(`${RULES}
return call('HGETALL', BACKLOG)
`),
};
