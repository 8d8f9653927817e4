import { script } from "./redis.ts";
import { RULES } from "./rules.lua.ts";

/** Scripts of the store. ARGV: the time, the changes kept, then what each takes. */
export const SCRIPTS = {
  // user, token, shared, platform, appVersion, locale, attributes; empty: not given
  register: script(`${RULES}
local user, token, shared = ARGV[3], ARGV[4], ARGV[5] == '1'
local fid = installation_of(token)
local target = token
-- an ID and its tokens are one device: where the ID is stored, its tokens are not used any more
if fid and fid ~= token and redis.call('HEXISTS', TOKENS, fid) == 1 then target = fid end
forget_rewrite(target)
local superseded = {}
if fid == token then superseded = tokens_of_installation(fid)
elseif target ~= token and rewrite_of(token) ~= target then superseded = { token } end
local users = {}
local state = state_of(target)
for i, each in ipairs(superseded) do
  local moved, brought = bring_together(each, target)
  users[i] = moved
  -- written at once: the next one brings its users to it as well
  state = brought
  if #state.ids > 0 then
    state.r = state.r or 0
    put_state(target, state)
  end
end
state = state or { ids = {} }

local number = next_number()
local id, known
for _, each in ipairs(state.ids) do
  local candidate = registration(each)
  if candidate.u == user then id, known = each, candidate end
end
if known == nil then
  id, known = number, { u = user, r = NOW }
  insert_sorted(state.ids, id)
  add_to_user(user, id)
end
known.t, known.o, known.h, known.l = target, number, shared, NOW
for i, name in ipairs({ 'p', 'v', 'c', 'a' }) do
  if ARGV[5 + i] ~= '' then known[name] = ARGV[5 + i] end
end
put_registration(id, known)
state.r, state.s, state.f, state.c = number, nil, nil, nil
local lost = settle_owners(state)
put_state(target, state)
for i, each in ipairs(superseded) do emit_replaced(each, target, users[i], lost) end
if #lost > 0 then emit_moved(target, { user }, lost) end
if fid == nil or shared then return 'OK' end
for _, other in ipairs(tokens_of_installation(fid)) do
  if other ~= target then
    local others = state_of(other)
    local kept, previous = {}, {}
    for _, each in ipairs(others.ids) do
      local owner = registration(each).u
      if owner == user then kept[#kept + 1] = each
      else
        delete_registration(each, owner)
        previous[#previous + 1] = owner
      end
    end
    if #previous > 0 then
      others.ids = kept
      put_state(other, others)
      emit_moved(other, { user }, previous)
    end
  end
end
return 'OK'
`),

  // user, token
  unregister: script(`${RULES}
local user, token = ARGV[3], ARGV[4]
local target = rewrite_of(token) or token
local fid, target_fid = installation_of(token), installation_of(target)
local found = 0
for _, id in ipairs(read(USERS, user) or {}) do
  local own = registration(id).t
  local own_fid = installation_of(own)
  if own == token or own == target or (own_fid and (own_fid == fid or own_fid == target_fid)) then
    local state = state_of(own)
    delete_registration(id, user)
    state.ids = without(state.ids, id)
    put_state(own, state)
    emit_removed(own, 'by-caller', { user })
    found = found + 1
  end
end
return found
`),

  // user, token
  touch: script(`${RULES}
local user, token = ARGV[3], ARGV[4]
local state = state_of(rewrite_of(token) or token)
for _, id in ipairs(state and state.ids or {}) do
  local known = registration(id)
  if known.u == user then
    known.l = NOW
    put_registration(id, known)
    return 1
  end
end
return 0
`),

  // user
  registrationsOf: script(`${RULES}
local found = {}
for _, id in ipairs(read(USERS, ARGV[3]) or {}) do
  local each = registration(id)
  found[#found + 1] = answer(id, each, state_of(each.t))
end
return found
`),

  // tokens; answers with the canonical ID and the state of each, empty where there is neither
  resolve: script(`${RULES}
local found = {}
for first = 3, #ARGV, 1000 do
  local last = math.min(first + 999, #ARGV)
  local canonicals = redis.call('HMGET', REWRITES, unpack(ARGV, first, last))
  local targets = {}
  for i, canonical in ipairs(canonicals) do targets[i] = canonical or ARGV[first + i - 1] end
  local states = redis.call('HMGET', TOKENS, unpack(targets))
  for i, packed in ipairs(states) do
    if packed then
      local state = unpacked(packed)
      local each = { first + i - 4, canonicals[i], string.format('%.0f', state.r), state.a }
      -- few tokens are in doubt
      if state.s then each[4], each[5], each[6], each[7] = state.a or false, state.s, state.f, state.c end
      found[#found + 1] = each
    elseif canonicals[i] then
      found[#found + 1] = { first + i - 4, canonicals[i] }
    end
  end
end
return found
`),

  // for each verdict: type, token, revision (empty: not stored), and three more: canonical ID; reason; or reason, sender, and the removal
  apply: script(`${RULES}
local function remove_token(token, state, reason)
  local users = {}
  if state then
    for _, id in ipairs(state.ids) do
      local user = registration(id).u
      users[#users + 1] = user
      delete_registration(id, user)
    end
    put_state(token, { ids = {} })
  end
  for _, source in ipairs(read(SOURCES, token) or {}) do forget_rewrite(source) end
  if #users > 0 then emit_removed(token, reason, users) end
end

local function replace(token, canonical)
  if token == canonical then return end
  local target = rewrite_of(canonical) or canonical
  if target == token then
    -- the answer is newer than the rewrite the other way round
    forget_rewrite(canonical)
    target = canonical
  end
  local users, state, from = bring_together(token, target)
  if #users > 0 then
    state.r = next_number()
    if from.a and (state.a == nil or tonumber(from.a) > tonumber(state.a)) then state.a = from.a end
  end
  local lost = settle_owners(state)
  if #state.ids > 0 then put_state(target, state) end
  emit_replaced(token, target, users, lost)
  if #lost > 0 then emit_moved(target, users_of(state), lost) end
end

local function suspect(token, state, reason, sender, refusals, over)
  if state.s ~= sender then state.s, state.f, state.c = sender, 0, NOW end
  state.f = state.f + 1
  if refusals ~= '' and state.f >= tonumber(refusals) and tonumber(NOW) - tonumber(state.c) >= tonumber(over) then
    return remove_token(token, state, 'suspect')
  end
  put_state(token, state)
  emit('suspect', token, { 'reason', reason, 'sender', sender, 'refusals', state.f, 'since', state.c,
    'userIds', list_json(users_of(state)) })
end

for i = 3, #ARGV, 7 do
  local kind, token, revision, first, second, third, fourth = unpack(ARGV, i, i + 6)
  local state = state_of(token)
  -- what was registered or rewritten since the attempt was sent stays
  local is_same = state and string.format('%.0f', state.r) == revision or (state == nil and revision == '')
  if is_same and rewrite_of(token) == nil then
    if kind == 'replaced' then replace(token, first)
    elseif kind == 'removed' then remove_token(token, state, first)
    elseif state and kind == 'suspect' then suspect(token, state, first, second, third, fourth)
    elseif state and kind == 'accepted' then
      state.a, state.s, state.f, state.c = NOW, nil, nil, nil
      put_state(token, state)
    end
  end
end
return 'OK'
`),

  // number of the user to begin after, id of that user's registration to begin after, limit, platform, seenSince, seenBefore
  registrations: script(`${RULES}
local after_user, after_id, limit = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local platform, since, before = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8])
local found = {}
local read_count = 0
local entries = redis.call('ZRANGE', ORDER, after_user, '+inf', 'BYSCORE', 'LIMIT', 0, limit + 1, 'WITHSCORES')
for i = 1, #entries, 2 do
  local user, number = entries[i], entries[i + 1]
  for _, id in ipairs(read(USERS, user)) do
    if number ~= after_user or id > after_id then
      if read_count == limit then return { found, after_user, string.format('%.0f', after_id) } end
      read_count = read_count + 1
      after_user, after_id = number, id
      local each = registration(id)
      local seen = tonumber(each.l)
      if (platform == '' or each.p == platform) and (since == nil or seen >= since) and (before == nil or seen < before) then
        found[#found + 1] = answer(id, each, state_of(each.t))
      end
    end
  end
  -- all of this user's: go on after the user
  after_user, after_id = number, 9007199254740991
end
if #entries == 2 * (limit + 1) then return { found, after_user, string.format('%.0f', after_id) } end
return { found }
`),

  // number of the user to begin after, limit
  users: script(`${RULES}
return redis.call('ZRANGE', ORDER, '(' .. ARGV[3], '+inf', 'BYSCORE', 'LIMIT', 0, ARGV[4], 'WITHSCORES')
`),

  counts: script(`${RULES}
return { redis.call('HLEN', REGISTRATIONS), redis.call('HLEN', USERS) }
`),

  // time, limit; answers with what was removed, and with 1 where there may be more
  removeUnseen: script(`${RULES}
local removed = {}
for _, member in ipairs(redis.call('ZRANGE', SEEN, '-inf', '(' .. ARGV[3], 'BYSCORE', 'LIMIT', 0, ARGV[4])) do
  local id = tonumber(member)
  local each = registration(id)
  local state = state_of(each.t)
  removed[#removed + 1] = answer(id, each, state)
  delete_registration(id, each.u)
  state.ids = without(state.ids, id)
  put_state(each.t, state)
  emit_removed(each.t, 'unseen', { each.u })
end
local superseded = redis.call('ZRANGE', LEARNED, '-inf', '(' .. ARGV[3], 'BYSCORE', 'LIMIT', 0, ARGV[4])
for _, token in ipairs(superseded) do forget_rewrite(token) end
return { removed, (#removed == tonumber(ARGV[4]) or #superseded == tonumber(ARGV[4])) and 1 or 0 }
`),

  // place to begin after ("oldest", "newest"), limit
  changes: script(`${RULES}
local last = tonumber(redis.call('HGET', META, 'place') or '0')
local from = ARGV[3]
if from == 'newest' then return { 'OK', string.format('%.0f', last) } end
local oldest = redis.call('XRANGE', CHANGES, '-', '+', 'COUNT', 1)[1]
local first = oldest and tonumber(string.match(oldest[1], '^%d+')) or last + 1
local since = from == 'oldest' and first - 1 or tonumber(from)
if since > last then return { 'UNKNOWN' } end
if since < first - 1 then return { 'LOST' } end
return { 'OK', string.format('%.0f', since), redis.call('XRANGE', CHANGES, string.format('(%.0f-1', since), '+', 'COUNT', ARGV[4]) }
`),
};
