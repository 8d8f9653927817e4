import type { SchemaNames } from "@cloud-messaging/postgres";

/**
 * Functions that state the rules of a registration store (docs/registrations.md), in the schema of this quoted name. Each call is one
 * round trip and one transaction, or a part of the caller's.
 *
 * Writers exclude each other by device: `lock_devices` locks every installation, or token without one, that a call can touch, in the order
 * of their numbers, so that no two wait for each other.
 */
export const functions = ({ s, channel }: SchemaNames): string => `
CREATE OR REPLACE FUNCTION ${s}.key_of(token text) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT encode(substr(sha256(replace(token, '\\', '\\\\')::bytea), 1, 16), 'hex')::uuid
$$;

CREATE OR REPLACE FUNCTION ${s}.require_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'The registration store needs transactions of the isolation level "read committed", not "%"',
      current_setting('transaction_isolation') USING ERRCODE = '25001';
  END IF;
END $$;

-- the installation ID of a token, or the ID itself
CREATE OR REPLACE FUNCTION ${s}.installation_of(token text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT substring(token, '^([cdef][A-Za-z0-9_-]{21})(?::|$)')
$$;

-- advisory locks of everything that a call on these tokens can touch: they, their canonical IDs, and what leads to them or to others of
-- their installations
CREATE OR REPLACE FUNCTION ${s}.locks_of(tokens text[]) RETURNS bigint[] LANGUAGE sql STABLE AS $$
  WITH given AS (
    SELECT token, ${s}.key_of(token) AS key FROM unnest(tokens) AS token
  ), near AS (
    SELECT token, key FROM given
    UNION SELECT known.canonical, known.canonical_key FROM given, LATERAL (
      SELECT canonical, canonical_key FROM ${s}.rewrite WHERE rewrite.key = given.key LIMIT 1) AS known
    UNION SELECT known.token, known.key FROM given, LATERAL (
      SELECT token, key FROM ${s}.token WHERE installation = ${s}.installation_of(given.token) OFFSET 0) AS known
  ), touched AS (
    SELECT token FROM near
    UNION SELECT source.token FROM near, LATERAL (
      SELECT token FROM ${s}.rewrite WHERE canonical_key = near.key OFFSET 0) AS source
  )
  SELECT coalesce(array_agg(DISTINCT number ORDER BY number), '{}')
  FROM (SELECT hashtextextended(coalesce(${s}.installation_of(token), token), '${s}'::regnamespace::oid::bigint) AS number
        FROM touched) AS numbers
$$;

CREATE OR REPLACE FUNCTION ${s}.lock_devices(tokens text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wanted bigint[] := ${s}.locks_of(tokens);
  held bigint[];
BEGIN
  PERFORM ${s}.require_read_committed();
  LOOP
    BEGIN
      PERFORM pg_advisory_xact_lock(number) FROM unnest(wanted) AS number;
      held := wanted;
      wanted := ${s}.locks_of(tokens);
      EXIT WHEN wanted <@ held;
      wanted := ARRAY(SELECT DISTINCT number FROM unnest(wanted || held) AS number ORDER BY number);
      -- a rewrite came in between: the end of this block releases the locks, so that they are taken in their order
      RAISE EXCEPTION USING ERRCODE = 'CM001';
    EXCEPTION WHEN SQLSTATE 'CM001' THEN
      NULL;
    END;
  END LOOP;
  -- places in the feed that this transaction may take come after this one: readers stop there until it has ended
  PERFORM pg_advisory_xact_lock_shared(hashtext('${s} feed'), (last_value - (NOT is_called)::integer)::bit(32)::integer) FROM ${s}.place;
END $$;

CREATE OR REPLACE FUNCTION ${s}.emit(now double precision, body json) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ${s}.change (at, body) VALUES (now, body);
  PERFORM pg_notify('${channel}', '');
END $$;

CREATE OR REPLACE FUNCTION ${s}.emit_replaced(now double precision, token text, canonical text, users text[], lost text[])
RETURNS void LANGUAGE sql AS $$
  SELECT ${s}.emit(now, json_build_object('type', 'replaced', 'token', token, 'canonicalRegistrationId', canonical,
    'userIds', ARRAY(SELECT u FROM unnest(users) WITH ORDINALITY AS each (u, i) WHERE u <> ALL (lost) ORDER BY i)))
$$;

CREATE OR REPLACE FUNCTION ${s}.emit_moved(now double precision, token text, users text[], lost text[]) RETURNS void LANGUAGE sql AS $$
  SELECT ${s}.emit(now, json_build_object('type', 'moved', 'token', token, 'userIds', users, 'previousUserIds', lost))
$$;

CREATE OR REPLACE FUNCTION ${s}.emit_removed(now double precision, token text, reason text, users text[])
RETURNS void LANGUAGE sql AS $$
  SELECT ${s}.emit(now, json_build_object('type', 'removed', 'token', token, 'reason', reason, 'userIds', users))
$$;

CREATE OR REPLACE FUNCTION ${s}.users_of(token_key uuid) RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT ARRAY(SELECT user_id FROM ${s}.registration AS r WHERE r.token_key = users_of.token_key ORDER BY id)
$$;

-- gives the users of a token the target instead, and everything that leads to it; returns them
CREATE OR REPLACE FUNCTION ${s}.bring_together(now double precision, given text, target text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  given_key uuid := ${s}.key_of(given);
  target_key uuid := ${s}.key_of(target);
  users text[] := ${s}.users_of(given_key);
  moving ${s}.registration;
BEGIN
  FOR moving IN SELECT * FROM ${s}.registration WHERE token_key = given_key ORDER BY id LOOP
    UPDATE ${s}.registration AS r SET
      latest = greatest(r.latest, moving.latest),
      shared = CASE WHEN moving.latest > r.latest THEN moving.shared ELSE r.shared END,
      registered_at = least(r.registered_at, moving.registered_at),
      last_seen_at = greatest(r.last_seen_at, moving.last_seen_at)
    WHERE token_key = target_key AND user_id = moving.user_id;
    IF FOUND THEN DELETE FROM ${s}.registration WHERE id = moving.id;
    ELSE UPDATE ${s}.registration SET token_key = target_key WHERE id = moving.id;
    END IF;
  END LOOP;
  DELETE FROM ${s}.token WHERE key = given_key;
  UPDATE ${s}.rewrite SET canonical = target, canonical_key = target_key, learned_at = now WHERE canonical_key = given_key;
  INSERT INTO ${s}.rewrite VALUES (given_key, given, target_key, target, now)
  ON CONFLICT (key) DO UPDATE SET canonical = target, canonical_key = excluded.canonical_key, learned_at = now;
  RETURN users;
END $$;

-- leaves a token to those whom its latest registration leaves it to; returns the users who lost it
CREATE OR REPLACE FUNCTION ${s}.settle_owners(given_key uuid) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
  owner ${s}.registration;
  lost text[];
BEGIN
  SELECT * INTO owner FROM ${s}.registration WHERE token_key = given_key ORDER BY latest DESC LIMIT 1;
  IF NOT FOUND OR owner.shared THEN RETURN '{}'; END IF;
  WITH gone AS (DELETE FROM ${s}.registration WHERE token_key = given_key AND id <> owner.id RETURNING id, user_id)
  SELECT coalesce(array_agg(user_id ORDER BY id), '{}') INTO lost FROM gone;
  RETURN lost;
END $$;

CREATE OR REPLACE FUNCTION ${s}.register(now double precision, the_user text, given text, is_shared boolean,
  new_platform text, new_app_version text, new_locale text, new_attributes json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  fid text := ${s}.installation_of(given);
  target text := given;
  target_key uuid;
  news text[] := '{}';
  users json[] := '{}';
  lost text[];
  each text;
  number bigint;
BEGIN
  PERFORM ${s}.lock_devices(ARRAY[given]);
  -- an ID and its tokens are one device: where the ID is stored, its tokens are not used any more
  IF fid <> given AND EXISTS (SELECT FROM ${s}.token WHERE key = ${s}.key_of(fid)) THEN target := fid; END IF;
  target_key := ${s}.key_of(target);
  DELETE FROM ${s}.rewrite WHERE key = target_key;
  IF fid = given THEN
    news := ARRAY(SELECT token FROM ${s}.token WHERE installation = fid ORDER BY token COLLATE "C");
  ELSIF target <> given AND NOT EXISTS (
    SELECT FROM ${s}.rewrite WHERE key = ${s}.key_of(given) AND canonical_key = target_key
  ) THEN
    news := ARRAY[given];
  END IF;
  FOREACH each IN ARRAY news LOOP
    users := array_append(users, array_to_json(${s}.bring_together(now, each, target)));
  END LOOP;

  number := nextval('${s}.number');
  INSERT INTO ${s}.registration AS r
  VALUES (number, number, the_user, target_key, is_shared, now, now, new_platform, new_app_version, new_locale, new_attributes)
  ON CONFLICT (token_key, user_id) DO UPDATE SET latest = number, shared = is_shared, last_seen_at = now,
    platform = coalesce(new_platform, r.platform), app_version = coalesce(new_app_version, r.app_version),
    locale = coalesce(new_locale, r.locale), attributes = coalesce(new_attributes, r.attributes);
  INSERT INTO ${s}.token (key, token, installation, revision) VALUES (target_key, target, nullif(fid, target), number)
  ON CONFLICT (key) DO UPDATE SET revision = number,
    suspicion_sender = NULL, suspicion_refusals = NULL, suspicion_since = NULL;

  lost := ${s}.settle_owners(target_key);
  FOR i IN 1 .. cardinality(news) LOOP
    PERFORM ${s}.emit_replaced(now, news[i], target, ARRAY(SELECT json_array_elements_text(users[i])), lost);
  END LOOP;
  IF lost <> '{}' THEN PERFORM ${s}.emit_moved(now, target, ARRAY[the_user], lost); END IF;
  IF fid IS NULL OR is_shared THEN RETURN; END IF;
  FOR each IN SELECT token FROM ${s}.token WHERE installation = fid AND token <> target ORDER BY token COLLATE "C" LOOP
    WITH gone AS (
      DELETE FROM ${s}.registration WHERE token_key = ${s}.key_of(each) AND user_id <> the_user RETURNING id, user_id)
    SELECT coalesce(array_agg(user_id ORDER BY id), '{}') INTO lost FROM gone;
    CONTINUE WHEN lost = '{}';
    PERFORM ${s}.delete_if_unused(${s}.key_of(each));
    PERFORM ${s}.emit_moved(now, each, ARRAY[the_user], lost);
  END LOOP;
END $$;

-- a token is gone with its last registration
CREATE OR REPLACE FUNCTION ${s}.delete_if_unused(given_key uuid) RETURNS void LANGUAGE sql AS $$
  DELETE FROM ${s}.token WHERE key = given_key AND NOT EXISTS (SELECT FROM ${s}.registration WHERE token_key = given_key)
$$;

CREATE OR REPLACE FUNCTION ${s}.unregister(now double precision, the_user text, given text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  target text;
  signed_out record;
  found_any boolean := false;
BEGIN
  PERFORM ${s}.lock_devices(ARRAY[given]);
  SELECT canonical INTO target FROM ${s}.rewrite WHERE key = ${s}.key_of(given);
  target := coalesce(target, given);
  FOR signed_out IN
    SELECT r.id, t.key, t.token FROM ${s}.registration AS r JOIN ${s}.token AS t ON t.key = r.token_key
    WHERE r.user_id = the_user AND (t.token IN (given, target)
      OR ${s}.installation_of(t.token) IN (${s}.installation_of(given), ${s}.installation_of(target)))
    ORDER BY r.id
  LOOP
    DELETE FROM ${s}.registration WHERE id = signed_out.id;
    PERFORM ${s}.delete_if_unused(signed_out.key);
    PERFORM ${s}.emit_removed(now, signed_out.token, 'by-caller', ARRAY[the_user]);
    found_any := true;
  END LOOP;
  RETURN found_any;
END $$;

CREATE OR REPLACE FUNCTION ${s}.touch(now double precision, the_user text, given text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  target_key uuid := ${s}.key_of(given);
BEGIN
  PERFORM ${s}.lock_devices(ARRAY[given]);
  target_key := coalesce((SELECT canonical_key FROM ${s}.rewrite WHERE key = target_key), target_key);
  UPDATE ${s}.registration SET last_seen_at = now WHERE token_key = target_key AND user_id = the_user;
  RETURN FOUND;
END $$;
`;
