/**
 * The rules of a registration store (docs/registrations.md) in Lua: the part that every script begins with. Each script is atomic. KEYS:
 * `KEY_NAMES`; all of them in one slot, so that a store is on one node of a cluster.
 *
 * Numbers of times are kept as the text that they came as.
 */
export const KEY_NAMES = [
  "meta", // hash: number (ids, orders, revisions), place (of the last change)
  "tokens", // hash: token -> state of a stored token
  "registrations", // hash: id -> registration
  "users", // hash: user -> ids, ascending
  "order", // sorted set: user by the number of the first registration
  "seen", // sorted set: id by lastSeenAt
  "installations", // hash: installation ID -> its stored tokens
  "rewrites", // hash: superseded token -> canonical ID
  "sources", // hash: canonical ID -> superseded tokens
  "learned", // sorted set: superseded token by the time at which it was learned
  "changes", // stream
] as const;

/** Functions over the keys. */
export const RULES = `
local META, TOKENS, REGISTRATIONS, USERS, ORDER, SEEN, INSTALLATIONS, REWRITES, SOURCES, LEARNED, CHANGES = unpack(KEYS)
local NOW, KEEP = ARGV[1], ARGV[2]
local pack, unpacked = cmsgpack.pack, cmsgpack.unpack

local function read(key, field)
  local text = redis.call('HGET', key, field)
  return text and unpacked(text) or nil
end
local function write(key, field, value)
  if value == nil or (type(value) == 'table' and next(value) == nil) then redis.call('HDEL', key, field)
  else redis.call('HSET', key, field, pack(value)) end
end
local function next_number() return redis.call('HINCRBY', META, 'number', 1) end

local function without(list, value)
  local rest = {}
  for _, each in ipairs(list) do if each ~= value then rest[#rest + 1] = each end end
  return rest
end
local function insert_sorted(list, value)
  local position = #list + 1
  while position > 1 and list[position - 1] >= value do
    if list[position - 1] == value then return end
    position = position - 1
  end
  table.insert(list, position, value)
end

local function is_fid(text) return #text == 22 and string.find(text, '^[cdef][%w_-]+$') ~= nil end
local function installation_of(token)
  local head = string.sub(token, 1, 22)
  if is_fid(head) and (#token == 22 or string.sub(token, 23, 23) == ':') then return head end
end

-- state of a stored token: r revision, a acceptedAt, s sender, f refusals, c since, ids of its registrations
local function state_of(token) return read(TOKENS, token) end
local function put_state(token, state)
  local fid = installation_of(token)
  local belongs = fid and fid ~= token
  if #state.ids > 0 then
    if belongs and redis.call('HEXISTS', TOKENS, token) == 0 then
      local list = read(INSTALLATIONS, fid) or {}
      insert_sorted(list, token)
      write(INSTALLATIONS, fid, list)
    end
    write(TOKENS, token, state)
  else
    redis.call('HDEL', TOKENS, token)
    if belongs then write(INSTALLATIONS, fid, without(read(INSTALLATIONS, fid) or {}, token)) end
  end
end
local function tokens_of_installation(fid) return read(INSTALLATIONS, fid) or {} end

-- registration: u user, t token, o order, h shared, r registeredAt, l lastSeenAt, p platform, v appVersion, c locale, a attributes
local function registration(id) return read(REGISTRATIONS, id) end
local function put_registration(id, each)
  write(REGISTRATIONS, id, each)
  redis.call('ZADD', SEEN, each.l, id)
end
local function add_to_user(user, id)
  local ids = read(USERS, user)
  if ids == nil then
    ids = {}
    redis.call('ZADD', ORDER, id, user)
  end
  insert_sorted(ids, id)
  write(USERS, user, ids)
end
-- takes a registration from everything but the state of its token
local function delete_registration(id, user)
  redis.call('HDEL', REGISTRATIONS, id)
  redis.call('ZREM', SEEN, id)
  local ids = without(read(USERS, user) or {}, id)
  write(USERS, user, ids)
  if #ids == 0 then redis.call('ZREM', ORDER, user) end
end
local function users_of(state)
  local users = {}
  for _, id in ipairs(state and state.ids or {}) do users[#users + 1] = registration(id).u end
  return users
end

local function rewrite_of(token) return redis.call('HGET', REWRITES, token) or nil end
local function forget_rewrite(token)
  local canonical = rewrite_of(token)
  if canonical == nil then return end
  redis.call('HDEL', REWRITES, token)
  redis.call('ZREM', LEARNED, token)
  write(SOURCES, canonical, without(read(SOURCES, canonical) or {}, token))
end
local function set_rewrite(token, canonical)
  forget_rewrite(token)
  redis.call('HSET', REWRITES, token, canonical)
  redis.call('ZADD', LEARNED, NOW, token)
  local sources = read(SOURCES, canonical) or {}
  sources[#sources + 1] = token
  write(SOURCES, canonical, sources)
end

-- cjson writes an empty list as an object
local function list_json(list) return #list == 0 and '[]' or cjson.encode(list) end
local function emit(kind, token, fields)
  local place = redis.call('HINCRBY', META, 'place', 1)
  redis.call('XADD', CHANGES, 'MAXLEN', '~', KEEP, string.format('%.0f-1', place), 'at', NOW, 'type', kind, 'token', token, unpack(fields))
end
local function emit_removed(token, reason, users)
  emit('removed', token, { 'reason', reason, 'userIds', list_json(users) })
end

-- gives the users of a token the target instead, and everything that leads to it; returns them and the state of the target
local function bring_together(token, target)
  local users = {}
  local from, to = state_of(token), state_of(target) or { ids = {} }
  for _, id in ipairs(from and from.ids or {}) do
    local moving = registration(id)
    users[#users + 1] = moving.u
    local same_id, same
    for _, other in ipairs(to.ids) do
      local candidate = registration(other)
      if candidate.u == moving.u then same_id, same = other, candidate end
    end
    if same == nil then
      moving.t = target
      write(REGISTRATIONS, id, moving)
      insert_sorted(to.ids, id)
    else
      delete_registration(id, moving.u)
      if moving.o > same.o then same.o, same.h = moving.o, moving.h end
      if tonumber(moving.r) < tonumber(same.r) then same.r = moving.r end
      if tonumber(moving.l) > tonumber(same.l) then same.l = moving.l end
      put_registration(same_id, same)
    end
  end
  if from then put_state(token, { ids = {} }) end
  for _, source in ipairs(read(SOURCES, token) or {}) do set_rewrite(source, target) end
  set_rewrite(token, target)
  return users, to, from
end

-- leaves a token to those whom its latest registration leaves it to; returns the users who lost it
local function settle_owners(state)
  local latest, latest_id
  local all = {}
  for _, id in ipairs(state.ids) do
    all[id] = registration(id)
    if latest == nil or all[id].o > latest.o then latest, latest_id = all[id], id end
  end
  local lost = {}
  if latest == nil or latest.h then return lost end
  for _, id in ipairs(state.ids) do
    if id ~= latest_id then
      delete_registration(id, all[id].u)
      lost[#lost + 1] = all[id].u
    end
  end
  state.ids = { latest_id }
  return lost
end

local function emit_replaced(token, target, users, lost)
  local kept = {}
  for _, user in ipairs(users) do
    local is_lost = false
    for _, other in ipairs(lost) do is_lost = is_lost or other == user end
    if not is_lost then kept[#kept + 1] = user end
  end
  emit('replaced', token, { 'canonicalRegistrationId', target, 'userIds', list_json(kept) })
end
local function emit_moved(token, users, lost)
  emit('moved', token, { 'userIds', list_json(users), 'previousUserIds', list_json(lost) })
end

-- the fields of a registration with the state of its token, for an answer
local function answer(id, each, state)
  return { string.format('%.0f', id), each.u, each.t, each.r, each.l, each.p or false, each.v or false, each.c or false, each.a or false,
    string.format('%.0f', state.r), state.a or false, state.s or false, state.f or false, state.c or false }
end
`;
