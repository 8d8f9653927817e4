import type { SchemaNames } from "@cloud-messaging/postgres";

/** Functions that lease chunks and write what became of them. */
export const workFunctions = ({ s, channel }: SchemaNames): string => `
-- leases chunks; the last row has the time, and in \`spread\` the time until something else is due
CREATE FUNCTION ${s}.claim(lanes text[], at_most integer, lease_ms double precision, the_submission text, lease_name text)
RETURNS TABLE (now double precision, number integer, lease text, size integer, pending integer, spread double precision,
  state bytea, recipients bytea, meta json, body bytea) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  t double precision := ${s}.now_ms();
  taken integer := 0;
  the_lane text;
  candidate record;
  of ${s}.submission;
BEGIN
  PERFORM ${s}.require_read_committed();
  now := t;
  IF the_submission IS NOT NULL THEN
    PERFORM FROM ${s}.submission WHERE id = the_submission FOR UPDATE;
    lanes := ARRAY[NULL];
  END IF;
  FOREACH the_lane IN ARRAY lanes LOOP
    FOR candidate IN
      WITH free AS (
        SELECT w.submission, w.number, w.due_at FROM ${s}.work AS w
        WHERE the_submission IS NULL AND w.lane = the_lane AND w.free AND w.due_at <= t AND w.lease_until <= t
        ORDER BY w.due_at, w.submission, w.number LIMIT at_most - taken FOR UPDATE SKIP LOCKED
      ), held AS (
        SELECT id FROM ${s}.submission
        WHERE the_submission IS NULL AND lane = the_lane AND per_minute IS NOT NULL AND finished_at IS NULL AND state <> 'paused'
          AND hold_until <= t
        FOR UPDATE SKIP LOCKED
      ), paced AS (
        SELECT w.* FROM held, LATERAL (
          SELECT w.submission, w.number, w.due_at FROM ${s}.work AS w
          WHERE w.submission = held.id AND NOT w.free AND w.due_at <= t AND w.lease_until <= t
          ORDER BY w.due_at, w.number LIMIT at_most - taken FOR UPDATE SKIP LOCKED) AS w
      ), own AS (
        SELECT w.submission, w.number, 0::double precision AS due_at FROM ${s}.work AS w
        WHERE w.submission = the_submission AND w.lease_until <= t
        ORDER BY w.number LIMIT at_most FOR UPDATE SKIP LOCKED
      )
      SELECT * FROM free UNION ALL SELECT * FROM paced UNION ALL SELECT * FROM own ORDER BY due_at, submission, number
    LOOP
      EXIT WHEN taken = at_most;
      SELECT * INTO of FROM ${s}.submission WHERE id = candidate.submission;
      CONTINUE WHEN the_submission IS NULL AND of.hold_until > t;
      taken := taken + 1;
      UPDATE ${s}.work AS w SET lease = lease_name || '-' || taken, lease_until = t + lease_ms, revision = 0
      WHERE w.submission = of.id AND w.number = candidate.number
      RETURNING w.number, w.lease, w.pending, w.state INTO number, lease, pending, state;
      SELECT c.size, c.recipients INTO size, recipients FROM ${s}.chunk AS c WHERE c.submission = of.id AND c.number = candidate.number;
      spread := NULL;
      IF of.per_minute IS NOT NULL THEN
        -- the formula of paceAfterClaim in core
        spread := pending * 60000.0 / (of.per_minute * CASE WHEN of.ramp_ms > 0
          THEN least(1, greatest(1 / 60.0::double precision, (t - coalesce(of.pace_started, t)) / of.ramp_ms)) ELSE 1 END);
        UPDATE ${s}.submission SET pace_started = coalesce(pace_started, t), hold_until = CASE
          WHEN of.state = 'cancelled' THEN 0 WHEN pace_started IS NULL THEN t + spread ELSE greatest(hold_until, t - 1000) + spread END
        WHERE id = of.id;
      END IF;
      meta := ${s}.meta(of);
      body := of.body;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN taken = at_most;
  END LOOP;
  number := NULL;
  spread := NULL;
  IF taken = at_most THEN spread := 0;
  ELSIF the_submission IS NULL THEN
    SELECT min(at) - t INTO spread FROM unnest(lanes) AS of_lane, LATERAL (
      (SELECT due_at AS at FROM ${s}.work WHERE lane = of_lane AND free AND due_at > t ORDER BY due_at LIMIT 1)
      UNION ALL
      (SELECT hold_until FROM ${s}.submission WHERE lane = of_lane AND per_minute IS NOT NULL AND finished_at IS NULL
        AND state <> 'paused' AND hold_until > t ORDER BY hold_until LIMIT 1)) AS later;
  END IF;
  RETURN NEXT;
END $$;

-- locks the work of these leases, in one order
CREATE FUNCTION ${s}.lock_work(leases jsonb) RETURNS void LANGUAGE sql VOLATILE AS $$
  SELECT FROM (
    SELECT DISTINCT (lease ->> 'submission') COLLATE "C" AS submission, (lease ->> 'chunk')::integer AS number
    FROM jsonb_array_elements(leases) AS lease ORDER BY 1, 2
  ) AS wanted, LATERAL (
    SELECT FROM ${s}.work AS w WHERE w.submission = wanted.submission AND w.number = wanted.number FOR UPDATE) AS locked
$$;

CREATE FUNCTION ${s}.write(updates jsonb, blobs bytea) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  now double precision := ${s}.now_ms();
  each jsonb;
  held ${s}.work;
  status text;
  left_over integer;
  after_ms double precision;
  lanes text[] := '{}';
  changes bigint[] := '{}';
BEGIN
  PERFORM ${s}.require_read_committed();
  PERFORM FROM ${s}.submission WHERE id = ANY (ARRAY(SELECT update ->> 'submission' FROM jsonb_array_elements(updates) AS update))
  ORDER BY id FOR UPDATE;
  PERFORM ${s}.lock_work(updates);
  IF EXISTS (SELECT FROM jsonb_array_elements(updates) AS update WHERE update ? 'result') THEN PERFORM ${s}.hold_results(); END IF;
  FOR each IN SELECT value FROM jsonb_array_elements(updates) WITH ORDINALITY ORDER BY ordinality LOOP
    SELECT * INTO held FROM ${s}.work AS w
    WHERE w.submission = each ->> 'submission' AND w.number = (each ->> 'chunk')::integer AND w.lease = each ->> 'lease';
    IF NOT FOUND THEN
      RETURN NEXT 'lost';
      CONTINUE;
    END IF;
    IF (each ->> 'revision')::integer > held.revision THEN
      left_over := (each ->> 'pending')::integer;
      after_ms := (each ->> 'releaseAfterMs')::double precision;
      IF left_over = 0 THEN
        DELETE FROM ${s}.work AS w WHERE w.submission = held.submission AND w.number = held.number;
      ELSE
        UPDATE ${s}.work AS w SET state = ${s}.part(blobs, each -> 'state'), pending = left_over,
          revision = (each ->> 'revision')::integer,
          lease = CASE WHEN after_ms IS NULL THEN held.lease END,
          lease_until = CASE WHEN after_ms IS NULL THEN held.lease_until ELSE 0 END,
          due_at = CASE WHEN after_ms > 0 THEN now + after_ms ELSE held.due_at END
        WHERE w.submission = held.submission AND w.number = held.number;
        IF after_ms = 0 THEN PERFORM pg_notify('${channel}', ''); END IF;
      END IF;
      IF each ? 'result' THEN
        INSERT INTO ${s}.result (submission, number, at, failed, body)
        VALUES (held.submission, held.number, now, (each -> 'result' ->> 'failed')::integer,
          ${s}.part(blobs, each -> 'result' -> 'body'));
      END IF;
      IF left_over <> held.pending OR each ? 'result' THEN
        UPDATE ${s}.submission AS u SET pending = u.pending - held.pending + left_over,
          counts = CASE WHEN each ? 'result' THEN ${s}.add_counts(u.counts, each -> 'result' -> 'counts') ELSE u.counts END,
          finished_at = CASE WHEN u.sealed AND u.pending - held.pending + left_over = 0 THEN now END
        WHERE id = held.submission;
        lanes := array_append(lanes, held.lane);
        changes := array_append(changes, left_over::bigint - held.pending);
      END IF;
    END IF;
    SELECT u.state INTO status FROM ${s}.submission AS u WHERE u.id = held.submission;
    RETURN NEXT status;
  END LOOP;
  INSERT INTO ${s}.backlog SELECT lane, sum(change) FROM unnest(lanes, changes) AS done (lane, change)
  GROUP BY lane HAVING sum(change) <> 0;
  IF random() < 0.02 THEN PERFORM ${s}.sum_up_backlog(); END IF;
END $$;

CREATE FUNCTION ${s}.renew(leases jsonb, lease_ms double precision) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  now double precision := ${s}.now_ms();
  each jsonb;
  status text;
BEGIN
  PERFORM ${s}.require_read_committed();
  PERFORM ${s}.lock_work(leases);
  FOR each IN SELECT value FROM jsonb_array_elements(leases) WITH ORDINALITY ORDER BY ordinality LOOP
    UPDATE ${s}.work AS w SET lease_until = now + lease_ms
    WHERE w.submission = each ->> 'submission' AND w.number = (each ->> 'chunk')::integer AND w.lease = each ->> 'lease';
    status := 'lost';
    IF FOUND THEN SELECT u.state INTO status FROM ${s}.submission AS u WHERE u.id = each ->> 'submission'; END IF;
    RETURN NEXT status;
  END LOOP;
END $$;
`;
