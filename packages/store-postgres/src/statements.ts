import { type SchemaNames, statement } from "@cloud-messaging/postgres";

/** Columns of the view `registered`, in the order in which `registrationOfColumns` reads them. */
const REGISTERED = `id, user_id, token, registered_at, last_seen_at, platform, app_version, locale, attributes,
  revision, accepted_at, suspicion_sender, suspicion_refusals, suspicion_since`;

/** Statements of the store, each prepared under a name of its own. */
export function statementsOf({ s }: SchemaNames, schema: string) {
  const named = (name: string, text: string) => statement(text, `${schema}_${name}`);
  return {
    register: named("register", `SELECT ${s}.register($1, $2, $3, $4, $5, $6, $7, $8)`),
    unregister: named("unregister", `SELECT ${s}.unregister($1, $2, $3)`),
    touch: named("touch", `SELECT ${s}.touch($1, $2, $3)`),
    registrationsOf: named("user", `SELECT ${REGISTERED} FROM ${s}.registered WHERE user_id = $1 ORDER BY id`),
    // the positions of what is stored or superseded; LIMIT keeps each look-up in its index
    resolve: named(
      "resolve",
      `SELECT given.position, known.canonical, t.revision, t.accepted_at, t.suspicion_sender, t.suspicion_refusals, t.suspicion_since
      FROM (SELECT position, ${s}.key_of(token) AS key FROM unnest($1::text[]) WITH ORDINALITY AS g (token, position) OFFSET 0) AS given
      LEFT JOIN LATERAL (SELECT canonical, canonical_key FROM ${s}.rewrite WHERE key = given.key LIMIT 1) AS known ON true
      LEFT JOIN LATERAL (SELECT * FROM ${s}.token WHERE key = coalesce(known.canonical_key, given.key) LIMIT 1) AS t ON true
      WHERE known.canonical IS NOT NULL OR t.revision IS NOT NULL`,
    ),
    apply: named("apply", `CALL ${s}.apply($1, $2)`),
    // every registration of a page is read, those that meet the conditions are answered, and the last one for its place
    registrations: named(
      "registrations",
      `WITH page AS MATERIALIZED (SELECT * FROM ${s}.registered WHERE id > $1 ORDER BY id LIMIT $2), last AS (
        SELECT max(id) AS id, count(*) AS entries FROM page
      ), chosen AS (
        SELECT page.*, ($3::text IS NULL OR platform = $3) AND ($4::float8 IS NULL OR last_seen_at >= $4)
          AND ($5::float8 IS NULL OR last_seen_at < $5) IS TRUE AS fits FROM page
      )
      SELECT ${REGISTERED.replace("id,", "chosen.id,")}, coalesce(fits, false), entries FROM chosen, last
      WHERE fits OR chosen.id = last.id ORDER BY chosen.id`,
    ),
    users: named(
      "users",
      `SELECT DISTINCT user_id FROM ${s}.registration WHERE user_id > $1 COLLATE "C" ORDER BY user_id LIMIT $2`,
    ),
    counts: named(
      "counts",
      `SELECT (SELECT count(*) FROM ${s}.registration),
        (SELECT count(*) FROM (SELECT DISTINCT user_id FROM ${s}.registration) AS users)`,
    ),
    removeUnseen: named("remove_unseen", `SELECT ${REGISTERED} FROM ${s}.remove_unseen($1, $2, $3, $4)`),
    changes: named("changes", `SELECT place, at, body FROM ${s}.changes($1, $2)`),
  };
}
