import { type SchemaNames, statement } from "@cloud-messaging/postgres";

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
    backlog: named("backlog", `SELECT lane, recipients FROM ${s}.count_backlog()`),
    prune: named("prune", `SELECT ${s}.prune($1, $2)`),
  };
}
