import { type SchemaNames, statement } from "@cloud-messaging/postgres";

/** The backlog by lane, with the time since the earliest work that `claim` would give was due: an index entry or a few for each lane. */
const backlogOf = (s: string): string => `
WITH clock AS MATERIALIZED (SELECT ${s}.now_ms() AS t)
SELECT b.lane, b.recipients, t - (
  SELECT min(at) FROM (
    (SELECT due_at AS at FROM ${s}.work WHERE lane = b.lane AND free AND due_at <= t AND lease_until <= t ORDER BY due_at LIMIT 1)
    UNION ALL
    (SELECT greatest(first.due_at, paced.hold_until) FROM ${s}.submission AS paced, LATERAL (
        SELECT due_at FROM ${s}.work WHERE submission = paced.id AND NOT free AND due_at <= t AND lease_until <= t ORDER BY due_at LIMIT 1
      ) AS first
      WHERE paced.lane = b.lane AND per_minute IS NOT NULL AND finished_at IS NULL AND state <> 'paused' AND hold_until <= t)
  ) AS due)
FROM clock, ${s}.count_backlog() AS b`;

/** Statements of the engine, each prepared under a name of its own. */
export function statementsOf({ s }: SchemaNames, schema: string) {
  const named = (name: string, text: string) => statement(text, `${schema}_${name}`);
  return {
    submit: named("submit", `SELECT at, stored_id, created FROM ${s}.submit($1, $2)`),
    append: named("append", `SELECT stored, meta, body FROM ${s}.append($1, $2)`),
    claim: named(
      "claim",
      `SELECT now, number, lease, size, pending, spread, state, recipients, meta, body FROM ${s}.claim($1, $2, $3, $4, $5)`,
    ),
    write: named("write", `SELECT * FROM ${s}.write($1, $2)`),
    renew: named("renew", `SELECT * FROM ${s}.renew($1, $2)`),
    control: named("control", `SELECT meta, body FROM ${s}.control($1, $2)`),
    findById: named("find_id", `SELECT ${s}.meta(f), body FROM ${s}.submission AS f WHERE id = $1`),
    findByKey: named("find_key", `SELECT ${s}.meta(f), body FROM ${s}.submission AS f WHERE key_hash = $1`),
    chunks: named(
      "chunks",
      `SELECT number, recipients, size FROM ${s}.chunk WHERE submission = $1 AND number >= $2 ORDER BY number LIMIT $3`,
    ),
    results: named(
      "results",
      `SELECT place, submission, number, at, body, failed FROM ${s}.results($1, $2, $3, $4) ORDER BY place`,
    ),
    backlog: named("backlog", backlogOf(s)),
    prune: named("prune", `SELECT ${s}.prune($1, $2)`),
  };
}
