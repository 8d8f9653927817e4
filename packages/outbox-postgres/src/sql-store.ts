import type { SchemaNames } from "@cloud-messaging/postgres";

/**
 * Functions that store and change submissions. Bytes come in one value, `blobs`; in the JSON beside it, `[position, length]` names a part.
 *
 * Locks: of a submission before those of its work, several submissions in the order of their IDs. A claim of a lane waits for no lock.
 */
export const storeFunctions = ({ s, channel }: SchemaNames): string => `
-- the engine's clock
CREATE FUNCTION ${s}.now_ms() RETURNS double precision LANGUAGE sql VOLATILE AS $$
  SELECT extract(epoch FROM clock_timestamp())::double precision * 1000
$$;

CREATE FUNCTION ${s}.require_read_committed() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'The outbox needs the isolation level "read committed" here, not "%"', current_setting('transaction_isolation')
      USING ERRCODE = '25001';
  END IF;
END $$;

CREATE FUNCTION ${s}.part(blobs bytea, of jsonb) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN of IS NULL THEN ''::bytea ELSE substr(blobs, (of ->> 0)::integer, (of ->> 1)::integer) END
$$;

CREATE FUNCTION ${s}.add_counts(one jsonb, other jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(jsonb_object_agg(key, count), '{}') FROM (
    SELECT key, sum(value::bigint) AS count
    FROM (SELECT * FROM jsonb_each_text(one) UNION ALL SELECT * FROM jsonb_each_text(other)) AS both_of_them GROUP BY key
  ) AS sums
$$;

CREATE FUNCTION ${s}.meta(of ${s}.submission) RETURNS json LANGUAGE sql STABLE AS $$
  SELECT json_build_object('id', of.id, 'key', of.key, 'lane', of.lane, 'state', of.state, 'sealed', of.sealed,
    'perMinute', of.per_minute, 'rampMs', of.ramp_ms, 'createdAt', of.created_at, 'sendAt', of.send_at, 'finishedAt', of.finished_at,
    'chunks', of.chunks, 'recipients', of.recipients, 'pending', of.pending, 'counts', of.counts)
$$;

-- places that this transaction takes come after this one: readers stop there until it has ended
CREATE FUNCTION ${s}.hold_results() RETURNS void LANGUAGE sql VOLATILE AS $$
  SELECT pg_advisory_xact_lock_shared(hashtext('${s} results'), (last_value - (NOT is_called)::integer)::bit(32)::integer) FROM ${s}.place
$$;

CREATE FUNCTION ${s}.add_chunks(now double precision, given ${s}.submission, first integer, added jsonb, blobs bytea)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ${s}.chunk
  SELECT given.id, first + place - 1, (chunk ->> 'size')::integer, ${s}.part(blobs, chunk -> 'recipients')
  FROM jsonb_array_elements(added) WITH ORDINALITY AS each (chunk, place);
  INSERT INTO ${s}.work (submission, number, lane, free, due_at, pending, state)
  SELECT given.id, first + place - 1, given.lane, given.per_minute IS NULL AND given.state <> 'paused',
    greatest(now, coalesce(given.send_at, 0)), (chunk ->> 'pending')::integer, ${s}.part(blobs, chunk -> 'state')
  FROM jsonb_array_elements(added) WITH ORDINALITY AS each (chunk, place) WHERE (chunk ->> 'pending')::integer > 0;
  IF EXISTS (SELECT FROM jsonb_array_elements(added) AS chunk WHERE chunk ? 'result') THEN
    PERFORM ${s}.hold_results();
    INSERT INTO ${s}.result (submission, number, at, failed, body)
    SELECT given.id, first + place - 1, now, (chunk -> 'result' ->> 'failed')::integer, ${s}.part(blobs, chunk -> 'result' -> 'body')
    FROM jsonb_array_elements(added) WITH ORDINALITY AS each (chunk, place) WHERE chunk ? 'result' ORDER BY place;
  END IF;
END $$;

-- in the order in which they are given: keys in one order, so that no two calls wait for each other
CREATE FUNCTION ${s}.submit(given jsonb, blobs bytea) RETURNS TABLE (at integer, stored_id text, created boolean) LANGUAGE plpgsql AS $$
DECLARE
  now double precision := ${s}.now_ms();
  each jsonb;
  news text[] := '{}';
  stored ${s}.submission;
BEGIN
  FOR each IN SELECT value FROM jsonb_array_elements(given) WITH ORDINALITY ORDER BY ordinality LOOP
    at := (each ->> 'at')::integer;
    LOOP
      INSERT INTO ${s}.submission (id, key, key_hash, lane, body, sealed, per_minute, ramp_ms, created_at, send_at, finished_at,
        chunks, recipients, pending, counts)
      VALUES (each ->> 'id', each ->> 'key', decode(each ->> 'keyHash', 'hex'), each ->> 'lane', ${s}.part(blobs, each -> 'body'),
        (each ->> 'sealed')::boolean, (each ->> 'perMinute')::double precision, (each ->> 'rampMs')::double precision, now,
        (each ->> 'sendAt')::double precision,
        CASE WHEN (each ->> 'sealed')::boolean AND (each ->> 'pending')::integer = 0 THEN now END,
        jsonb_array_length(each -> 'chunks'), (each ->> 'recipients')::integer, (each ->> 'pending')::integer, each -> 'counts')
      ON CONFLICT DO NOTHING RETURNING * INTO stored;
      IF FOUND THEN
        PERFORM ${s}.add_chunks(now, stored, 0, each -> 'chunks', blobs);
        news := array_append(news, stored.id);
        created := true;
        EXIT;
      END IF;
      SELECT id, true INTO stored_id, created FROM ${s}.submission WHERE id = each ->> 'id';
      EXIT WHEN FOUND;
      SELECT id, false INTO stored_id, created FROM ${s}.submission WHERE key_hash = decode(each ->> 'keyHash', 'hex');
      EXIT WHEN FOUND;
      -- it was pruned in between
    END LOOP;
    IF created THEN stored_id := each ->> 'id'; END IF;
    RETURN NEXT;
  END LOOP;
  INSERT INTO ${s}.backlog SELECT lane, sum(pending) FROM ${s}.submission WHERE id = ANY (news) AND pending > 0 GROUP BY lane;
  IF news <> '{}' THEN PERFORM pg_notify('${channel}', ''); END IF;
END $$;

CREATE FUNCTION ${s}.append(given jsonb, blobs bytea) RETURNS TABLE (stored boolean, meta json, body bytea) LANGUAGE plpgsql AS $$
DECLARE
  now double precision := ${s}.now_ms();
  of ${s}.submission;
  added bigint := (given ->> 'pending')::bigint;
BEGIN
  SELECT * INTO of FROM ${s}.submission WHERE id = given ->> 'submission' FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  stored := of.chunks = (given ->> 'after')::integer AND NOT of.sealed AND of.state <> 'cancelled';
  IF stored THEN
    PERFORM ${s}.add_chunks(now, of, of.chunks, given -> 'chunks', blobs);
    UPDATE ${s}.submission AS u SET
      chunks = u.chunks + jsonb_array_length(given -> 'chunks'), recipients = u.recipients + (given ->> 'recipients')::integer,
      pending = u.pending + added, counts = ${s}.add_counts(u.counts, given -> 'counts'), sealed = (given ->> 'seal')::boolean,
      finished_at = CASE WHEN (given ->> 'seal')::boolean AND u.pending + added = 0 THEN now END
    WHERE id = of.id RETURNING * INTO of;
    IF added > 0 THEN
      INSERT INTO ${s}.backlog VALUES (of.lane, added);
      PERFORM pg_notify('${channel}', '');
    END IF;
  END IF;
  meta := ${s}.meta(of);
  body := of.body;
  RETURN NEXT;
END $$;

CREATE FUNCTION ${s}.control(given_id text, change jsonb) RETURNS TABLE (meta json, body bytea) LANGUAGE plpgsql AS $$
DECLARE
  of ${s}.submission;
  was_free boolean;
  is_free boolean;
BEGIN
  SELECT * INTO of FROM ${s}.submission WHERE id = given_id FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  IF of.state <> 'cancelled' AND of.finished_at IS NULL THEN
    was_free := of.per_minute IS NULL AND of.state <> 'paused';
    of.state := coalesce(change ->> 'state', of.state);
    IF change ? 'pace' THEN
      of.per_minute := (change -> 'pace' ->> 'perMinute')::double precision;
      of.ramp_ms := (change -> 'pace' ->> 'rampMs')::double precision;
      of.pace_started := NULL;
      of.hold_until := 0;
    END IF;
    IF of.state = 'cancelled' THEN
      of.sealed := true;
      of.hold_until := 0;
    END IF;
    IF of.sealed AND of.pending = 0 THEN of.finished_at := ${s}.now_ms(); END IF;
    UPDATE ${s}.submission SET state = of.state, sealed = of.sealed, per_minute = of.per_minute, ramp_ms = of.ramp_ms,
      pace_started = of.pace_started, hold_until = of.hold_until, finished_at = of.finished_at WHERE id = of.id;
    is_free := of.per_minute IS NULL AND of.state <> 'paused';
    IF is_free <> was_free THEN UPDATE ${s}.work SET free = is_free WHERE submission = of.id; END IF;
    PERFORM pg_notify('${channel}', '');
  END IF;
  meta := ${s}.meta(of);
  body := of.body;
  RETURN NEXT;
END $$;
`;
