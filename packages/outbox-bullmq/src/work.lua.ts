import { script } from "./redis.ts";
import { RULES } from "./rules.lua.ts";

/** Scripts that lease chunks and write what became of them. ARGV[1] is JSON; bytes are further arguments, named by their positions. */
export const WORK_SCRIPTS = {
  // lane, number of chunks to hand over; gives the time, and chunks that are to become jobs with the instants at which they are due
  look: script(`${RULES}
local asked = cjson.decode(ARGV[1])
local found = {}
for _, entry in ipairs(call('LRANGE', BASE .. 'out:' .. asked.lane, 0, asked.limit - 1)) do
  local id, number, kind = string.match(entry, '^%d+ (%S+) (%d+) (%a+)$')
  local s, c = read(id), chunk_of(id, number)
  local is_open = s and c and c.pending > 0
  found[#found + 1] = { entry, id, number, kind, is_open and text_of(due_at(s, tonumber(number), c)) or '', c and c.size or 0 }
end
return { text_of(NOW), found }
`),

  // lane, entries that are done, entries whose jobs were locked: unless the chunk is leased, they are tried again
  handed: script(`${RULES}
local given = cjson.decode(ARGV[1])
local key = BASE .. 'out:' .. given.lane
for _, entry in ipairs(given.done) do call('LREM', key, 1, entry) end
for _, entry in ipairs(given.locked) do
  local id, number = string.match(entry, '^%d+ (%S+) (%d+)')
  local c = chunk_of(id, number)
  if call('LREM', key, 1, entry) == 1 and c and c.pending > 0 and not is_leased(c) then call('RPUSH', key, entry) end
end
return 0
`),

  // leaseMs, jobs in hand: submission, chunk, token; gives for each a leased chunk, 'drop', or the instant to which it is postponed
  lease: script(`${RULES}
local given = cjson.decode(ARGV[1])
local answers = {}
for i, job in ipairs(given.jobs) do
  local number = job.chunk
  local s, c = read(job.submission), chunk_of(job.submission, number)
  local answer
  if not s or not c or c.pending == 0 or s.state == 'paused' then answer = 'drop'
  elseif is_leased(c) or c.due > NOW then
    if s.turn == number then advance(s, number, true) end
    answer = text_of(due_at(s, number, c))
  elseif s.per_minute and s.state == 'running' and (s.next_at or 0) > NOW then
    advance(s, number)
    answer = s.turn == number and text_of(due_at(s, number, c)) or 'drop'
  else
    answer = lease(s, number, c, job.token, given.leaseMs)
    advance(s)
  end
  answers[i] = answer
end
wake()
return answers
`),

  // submission, limit, leaseMs, token; leases any of its chunks without a live lease
  sweep: script(`${RULES}
local given = cjson.decode(ARGV[1])
local s = read(given.submission)
local found = {}
for _, number in ipairs(s and call('ZRANGE', open_key(s.id), 0, -1) or {}) do
  if #found == given.limit then break end
  local c = chunk_of(s.id, number)
  if not is_leased(c) then found[#found + 1] = lease(s, tonumber(number), c, given.token .. '-' .. number, given.leaseMs) end
end
if s then advance(s) end
wake()
return { text_of(NOW), found }
`),

  // updates: submission, chunk, lease, revision, state, pending, result, releaseAfterMs
  // gives for each the status, the lane, and for one that ended its lease 'done' or the instant at which the chunk is due again
  write: script(`${RULES}
local answers = {}
for i, update in ipairs(cjson.decode(ARGV[1])) do
  local number = update.chunk
  local s, c = read(update.submission), chunk_of(update.submission, number)
  if not s or not c or c.lease ~= update.lease then answers[i] = { 'lost', '', '' }
  else
    local place = ''
    if update.revision > c.revision then
      add_backlog(s, update.pending - c.pending)
      c.revision, c.pending, c.state = update.revision, update.pending, ARGV[update.state]
      if update.result then record(s, number, update.result) end
      local after = update.releaseAfterMs
      if c.pending == 0 then
        c.lease, c.ends, c.state, place = false, 0, '', 'done'
        call('ZREM', open_key(s.id), number)
      elseif after then
        c.lease, c.ends = false, 0
        if after > 0 then c.due = NOW + after end
        call('ZADD', open_key(s.id), c.due, number)
        place = text_of(math.ceil(c.due))
        has_work = has_work or after == 0
      end
      store_chunk(s.id, number, c)
      finish(s)
      if place ~= '' then advance(s) end
    end
    answers[i] = { s.state, s.lane, place }
  end
end
wake()
return { text_of(NOW), answers }
`),

  // leaseMs, leases: submission, chunk, lease; gives for each the status and the lane
  renew: script(`${RULES}
local given = cjson.decode(ARGV[1])
local answers = {}
for i, held in ipairs(given.leases) do
  local s, c = read(held.submission), chunk_of(held.submission, held.chunk)
  if not s or not c or c.lease ~= held.lease then answers[i] = { 'lost', '' }
  else
    c.ends = NOW + given.leaseMs
    store_chunk(s.id, held.chunk, c)
    answers[i] = { s.state, s.lane }
  end
end
return answers
`),
};
