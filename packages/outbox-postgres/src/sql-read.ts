import type { SchemaNames } from "@cloud-messaging/postgres";

/** Functions that read results and the backlog, and prune. */
export const readFunctions = ({ s }: SchemaNames): string => `
-- the last place before those of transactions that have not ended: the places are read first, then the transactions
CREATE FUNCTION ${s}.settled_place() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  last bigint := (SELECT last_value - (NOT is_called)::integer FROM ${s}.place);
BEGIN
  RETURN least(last, (
    SELECT min(last - ((last - objid::bigint) & 4294967295)) FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 2 AND classid = (hashtext('${s} results')::bigint & 4294967295)::oid
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())));
END $$;

CREATE FUNCTION ${s}.results(since bigint, the_submission text, failed_only boolean, at_most integer)
RETURNS SETOF ${s}.result LANGUAGE plpgsql AS $$
DECLARE
  settled bigint;
BEGIN
  PERFORM ${s}.require_read_committed();
  settled := ${s}.settled_place();
  IF the_submission IS NOT NULL AND failed_only THEN
    RETURN QUERY SELECT * FROM ${s}.result WHERE submission = the_submission AND failed > 0 AND place > since AND place <= settled
      ORDER BY place LIMIT at_most;
  ELSIF the_submission IS NOT NULL THEN
    RETURN QUERY SELECT * FROM ${s}.result WHERE submission = the_submission AND place > since AND place <= settled
      ORDER BY place LIMIT at_most;
  ELSIF failed_only THEN
    RETURN QUERY SELECT * FROM ${s}.result WHERE failed > 0 AND place > since AND place <= settled ORDER BY place LIMIT at_most;
  ELSE
    RETURN QUERY SELECT * FROM ${s}.result WHERE place > since AND place <= settled ORDER BY place LIMIT at_most;
  END IF;
END $$;

CREATE FUNCTION ${s}.sum_up_backlog() RETURNS void LANGUAGE sql VOLATILE AS $$
  WITH gone AS (
    DELETE FROM ${s}.backlog WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${s}.backlog LIMIT 10000 FOR UPDATE SKIP LOCKED))
    RETURNING lane, recipients
  )
  INSERT INTO ${s}.backlog SELECT lane, sum(recipients) FROM gone GROUP BY lane HAVING sum(recipients) <> 0
$$;

CREATE FUNCTION ${s}.count_backlog() RETURNS TABLE (lane text, recipients bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
  IF (SELECT count(*) FROM (SELECT FROM ${s}.backlog LIMIT 200) AS first) = 200 THEN PERFORM ${s}.sum_up_backlog(); END IF;
  RETURN QUERY SELECT b.lane, sum(b.recipients)::bigint FROM ${s}.backlog AS b GROUP BY b.lane;
END $$;

CREATE FUNCTION ${s}.prune(older_ms double precision, at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  ids text[] := ARRAY(SELECT id FROM ${s}.submission WHERE finished_at < ${s}.now_ms() - older_ms
    ORDER BY finished_at LIMIT at_most FOR UPDATE SKIP LOCKED);
BEGIN
  DELETE FROM ${s}.result WHERE submission = ANY (ids);
  DELETE FROM ${s}.chunk WHERE submission = ANY (ids);
  DELETE FROM ${s}.submission WHERE id = ANY (ids);
  PERFORM ${s}.sum_up_backlog();
  RETURN cardinality(ids);
END $$;
`;
