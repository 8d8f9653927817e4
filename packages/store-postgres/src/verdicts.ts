import type { SchemaNames } from "@cloud-messaging/postgres";

/** Functions that take what a send brought and that read the feed; as `functions`, which they go with. */
export const verdicts = ({ s }: SchemaNames): string => `
CREATE OR REPLACE FUNCTION ${s}.remove_token(now double precision, given text, reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  given_key uuid := ${s}.key_of(given);
  users text[] := ${s}.users_of(given_key);
BEGIN
  DELETE FROM ${s}.registration WHERE token_key = given_key;
  DELETE FROM ${s}.token WHERE key = given_key;
  DELETE FROM ${s}.rewrite WHERE canonical_key = given_key;
  IF users <> '{}' THEN PERFORM ${s}.emit_removed(now, given, reason, users); END IF;
END $$;

CREATE OR REPLACE FUNCTION ${s}.replace(now double precision, given text, canonical_id text, state ${s}.token)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  target text;
  target_key uuid;
  users text[];
  lost text[];
BEGIN
  IF given = canonical_id THEN RETURN; END IF;
  SELECT canonical INTO target FROM ${s}.rewrite WHERE key = ${s}.key_of(canonical_id);
  IF target = given THEN
    -- the answer is newer than the rewrite the other way round
    DELETE FROM ${s}.rewrite WHERE key = ${s}.key_of(canonical_id);
    target := NULL;
  END IF;
  target := coalesce(target, canonical_id);
  target_key := ${s}.key_of(target);
  users := ${s}.bring_together(now, given, target);
  IF users <> '{}' THEN
    INSERT INTO ${s}.token AS t (key, token, installation, revision, accepted_at)
    VALUES (target_key, target, nullif(${s}.installation_of(target), target),
      nextval('${s}.number'), state.accepted_at)
    ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, accepted_at = greatest(t.accepted_at, excluded.accepted_at);
  END IF;
  lost := ${s}.settle_owners(target_key);
  PERFORM ${s}.emit_replaced(now, given, target, users, lost);
  IF lost <> '{}' THEN PERFORM ${s}.emit_moved(now, target, ${s}.users_of(target_key), lost); END IF;
END $$;

CREATE OR REPLACE FUNCTION ${s}.suspect(now double precision, state ${s}.token, verdict jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  sender text := verdict ->> 'sender';
  is_known boolean := state.suspicion_sender IS NOT DISTINCT FROM sender;
  refusals integer := CASE WHEN is_known THEN state.suspicion_refusals ELSE 0 END + 1;
  since double precision := CASE WHEN is_known THEN state.suspicion_since ELSE now END;
  removal jsonb := nullif(verdict -> 'removal', 'null');
BEGIN
  IF removal IS NOT NULL AND refusals >= (removal ->> 'refusals')::double precision
    AND now - since >= (removal ->> 'overMs')::double precision
  THEN
    PERFORM ${s}.remove_token(now, state.token, 'suspect');
    RETURN;
  END IF;
  UPDATE ${s}.token SET suspicion_sender = sender, suspicion_refusals = refusals, suspicion_since = since WHERE key = state.key;
  PERFORM ${s}.emit(now, json_build_object('type', 'suspect', 'token', state.token, 'reason', verdict ->> 'reason', 'suspicion',
    json_build_object('sender', sender, 'refusals', refusals, 'since', since), 'userIds', ${s}.users_of(state.key)));
END $$;

CREATE OR REPLACE FUNCTION ${s}.apply_verdict(now double precision, verdict jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  given text := verdict ->> 'token';
  state ${s}.token;
BEGIN
  SELECT * INTO state FROM ${s}.token WHERE key = ${s}.key_of(given);
  -- what was registered or rewritten since the attempt was sent stays
  IF state.revision::text IS DISTINCT FROM verdict ->> 'revision' THEN RETURN; END IF;
  IF state.key IS NULL AND EXISTS (SELECT FROM ${s}.rewrite WHERE key = ${s}.key_of(given)) THEN RETURN; END IF;
  CASE verdict ->> 'type'
    WHEN 'replaced' THEN PERFORM ${s}.replace(now, given, verdict ->> 'canonicalRegistrationId', state);
    WHEN 'removed' THEN PERFORM ${s}.remove_token(now, given, verdict ->> 'reason');
    WHEN 'accepted' THEN
      UPDATE ${s}.token SET accepted_at = now, suspicion_sender = NULL, suspicion_refusals = NULL, suspicion_since = NULL
      WHERE key = state.key;
    WHEN 'suspect' THEN
      IF state.key IS NOT NULL THEN PERFORM ${s}.suspect(now, state, verdict); END IF;
  END CASE;
END $$;

-- one transaction for so many verdicts, so that the locks held at once are few. The part that the server ends in favour of another's
-- transaction is made again here: a second call of the whole would count the refusals of the parts before it twice
CREATE OR REPLACE PROCEDURE ${s}.apply(now double precision, verdicts jsonb) LANGUAGE plpgsql AS $$
DECLARE
  last_index CONSTANT integer := jsonb_array_length(verdicts) - 1;
BEGIN
  FOR begin_index IN 0 .. last_index BY 64 LOOP
    LOOP
      BEGIN
        PERFORM ${s}.lock_devices(ARRAY(
          SELECT given FROM generate_series(begin_index, least(begin_index + 63, last_index)) AS i,
            unnest(ARRAY[verdicts -> i ->> 'token', verdicts -> i ->> 'canonicalRegistrationId']) AS given
          WHERE given IS NOT NULL));
        FOR i IN begin_index .. least(begin_index + 63, last_index) LOOP
          PERFORM ${s}.apply_verdict(now, verdicts -> i);
        END LOOP;
        EXIT;
      EXCEPTION WHEN deadlock_detected THEN
        NULL;
      END;
    END LOOP;
    COMMIT;
  END LOOP;
END $$;

-- removes registrations not seen since; answers with them as they were, and with a row without an ID where there may be more to do
CREATE OR REPLACE FUNCTION ${s}.remove_unseen(now double precision, before double precision, at_most integer, keep_since double precision)
RETURNS SETOF ${s}.registered LANGUAGE plpgsql AS $$
DECLARE
  ids bigint[] := ARRAY(SELECT id FROM ${s}.registration WHERE last_seen_at < before ORDER BY last_seen_at LIMIT at_most);
  given_id bigint;
  each ${s}.registered;
  forgotten integer;
  may_drop_more boolean;
BEGIN
  PERFORM ${s}.lock_devices(ARRAY(SELECT r.token FROM unnest(ids) AS wanted, LATERAL (
    SELECT token FROM ${s}.registered WHERE id = wanted LIMIT 1) AS r));
  FOREACH given_id IN ARRAY ids LOOP
    SELECT * INTO each FROM ${s}.registered WHERE id = given_id AND last_seen_at < before;
    CONTINUE WHEN NOT FOUND;
    DELETE FROM ${s}.registration WHERE id = given_id;
    PERFORM ${s}.delete_if_unused(${s}.key_of(each.token));
    PERFORM ${s}.emit_removed(now, each.token, 'unseen', ARRAY[each.user_id]);
    RETURN NEXT each;
  END LOOP;
  DELETE FROM ${s}.rewrite WHERE key = ANY (ARRAY(
    SELECT key FROM ${s}.rewrite WHERE learned_at < before ORDER BY learned_at LIMIT 1000 FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  may_drop_more := ${s}.drop_changes(keep_since);
  -- by what was looked at: of that, something may have been seen meanwhile
  IF cardinality(ids) = at_most OR forgotten = 1000 OR may_drop_more THEN
    each := NULL;
    RETURN NEXT each;
  END IF;
END $$;

-- the last place before those of transactions that have not ended: the places are read first, then the transactions
CREATE OR REPLACE FUNCTION ${s}.settled_place() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last bigint := (SELECT last_value - (NOT is_called)::integer FROM ${s}.place);
BEGIN
  RETURN least(last, (
    SELECT min(last - ((last - objid::bigint) & 4294967295)) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = (hashtext('${s} feed')::bigint & 4294967295)::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())));
END $$;

-- drops old changes; true if there may be more of them
CREATE OR REPLACE FUNCTION ${s}.drop_changes(keep_since double precision) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  settled bigint := ${s}.settled_place();
  dropped bigint[] := ARRAY(
    SELECT place FROM (SELECT place, at FROM ${s}.change ORDER BY place LIMIT 1000) AS oldest
    WHERE at < keep_since AND place <= settled ORDER BY place);
BEGIN
  IF dropped = '{}' THEN RETURN false; END IF;
  UPDATE ${s}.feed SET dropped_through = greatest(dropped_through, dropped[cardinality(dropped)]);
  DELETE FROM ${s}.change WHERE place = ANY (dropped);
  RETURN cardinality(dropped) = 1000;
END $$;

-- changes after a place, and in a last row without a change the place to go on from
CREATE OR REPLACE FUNCTION ${s}.changes(start text, at_most integer) RETURNS TABLE (place bigint, at double precision, body json)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  settled bigint;
  dropped bigint;
  since bigint;
  found_place bigint;
BEGIN
  PERFORM ${s}.require_read_committed();
  settled := ${s}.settled_place();
  since := CASE WHEN start = 'oldest' THEN 0 WHEN start = 'newest' THEN settled ELSE start::bigint END;
  IF start = 'newest' THEN
    -- a place that was taken and has no change may be taken again after a crash: only that of a change is given out
    SELECT place INTO found_place FROM ${s}.change WHERE place <= settled ORDER BY place DESC LIMIT 1;
    since := coalesce(found_place, 0);
  ELSE
    FOR place, at, body IN
      SELECT c.place, c.at, c.body FROM ${s}.change AS c WHERE c.place > since AND c.place <= settled ORDER BY c.place LIMIT at_most
    LOOP
      found_place := place;
      RETURN NEXT;
    END LOOP;
  END IF;
  -- read last: what is dropped meanwhile is missed above, and noticed here
  SELECT dropped_through INTO dropped FROM ${s}.feed;
  IF start NOT IN ('oldest', 'newest') THEN
    IF since < dropped THEN RAISE EXCEPTION USING ERRCODE = 'CM410'; END IF;
    IF since > (SELECT last_value - (NOT is_called)::integer FROM ${s}.place) THEN RAISE EXCEPTION USING ERRCODE = 'CM404'; END IF;
  END IF;
  place := greatest(coalesce(found_place, since), CASE WHEN start IN ('oldest', 'newest') THEN dropped ELSE 0 END);
  at := NULL;
  body := NULL;
  RETURN NEXT;
END $$;
`;
