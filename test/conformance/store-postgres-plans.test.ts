import { join } from "node:path";
import type { RegistrationToken } from "@cloud-messaging/core";
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import type pg from "pg";
import { describe, expect, it } from "vitest";
import { runsPostgres, startPostgres } from "../support/postgres.ts";
import { openPlannedPool, type PlannedQuery } from "../support/postgres-plans.ts";

const ROWS = 50_000;
/** ANALYZE looks at 300 rows for each of it: at all of them, so that plans do not depend on chance. */
const STATISTICS_TARGET = ROWS / 250;
const FID = "cTEST0123456789abcdefg";
const token = (text: string) => text as RegistrationToken;
/** Version of the server that the page of the plans names. */
const PAGE_VERSION = "15";
const PAGE = join(import.meta.dirname, "../../docs/registrations-plans.md");

describe.runIf(runsPostgres)("the plans of a registration store in PostgreSQL, on large tables", () => {
  it("scan no table on any path of a send, nor where an app registers, signs out, or reads a page or the feed; and are those of the page", async () => {
    await using server = await startPostgres({ autovacuum: "off", default_statistics_target: `${STATISTICS_TARGET}` });
    const { pool, record, planned } = openPlannedPool(server.url);
    const plans = new Map<string, readonly PlannedQuery[]>();
    let version = "";
    try {
      const store = createPostgresRegistrationStore({ pool });
      await store.migrate();
      await fill(pool);
      const { rows } = await pool.query("SHOW server_version");
      version = rows[0].server_version.split(".")[0];
      await record();

      const tokens = Array.from({ length: 1_000 }, (_, n) => token(n % 10 === 0 ? `old-${n}` : `tok-${n * 7}`));
      const revisionOf = async (of: RegistrationToken) => (await store.resolve([of])).states[0]?.revision ?? null;
      const calls: Record<string, (n: number) => unknown> = {
        "resolve 1": (n) => store.resolve([token(`tok-${n}`)]),
        "resolve 1000": () => store.resolve(tokens),
        "register, a new token": (n) => store.register(`new-${n}`, `new-${n}`),
        "register, a known token": (n) => store.register(`user-${n}`, `tok-${n}`, { platform: "ios" }),
        "register, of another user": (n) => store.register(`user-${n + 1}`, `tok-${n}`),
        "register, tokens of an installation": (n) => store.register("ada", `${FID}:${n}`),
        "register, an installation ID": () => store.register("ada", FID),
        touch: (n) => store.touch(`user-${n + 200}`, `tok-${n + 200}`),
        unregister: (n) => store.unregister(`user-${n + 300}`, `tok-${n + 300}`),
        registrationsOf: (n) => store.registrationsOf(`user-${n}`),
        "apply, replaced": async (n) => {
          const of = token(`tok-${n + 400}`);
          const canonicalRegistrationId = token(`canonical-${n}`);
          await store.apply([{ type: "replaced", token: of, revision: await revisionOf(of), canonicalRegistrationId }]);
        },
        "apply, removed": async (n) => {
          const of = token(`tok-${n + 500}`);
          await store.apply([{ type: "removed", token: of, revision: await revisionOf(of), reason: "not-registered" }]);
        },
        "apply, suspect": async (n) => {
          const of = token(`tok-${n + 600}`);
          const reason = "mismatch-sender-id";
          await store.apply([{ type: "suspect", token: of, revision: await revisionOf(of), reason, sender: "s" }]);
        },
        "apply, accepted": async (n) => {
          const of = token(`tok-${n + 700}`);
          await store.apply([{ type: "accepted", token: of, revision: await revisionOf(of) }]);
        },
        changes: (n) => store.changes({ from: String(n * 100 + 1), limit: 100 }),
        "changes, the newest": () => store.changes({ from: "newest", limit: 1 }),
        "users, a page": (n) => store.users({ after: `after:user-${n}`, limit: 100 }),
        "registrations, a page": (n) => store.registrations({ after: String(n * 100), limit: 100, platform: "ios" }),
        removeUnseen: (n) => store.removeUnseen({ before: 100 + n, limit: 20 }),
      };
      for (const [name, call] of Object.entries(calls)) plans.set(name, await planned(call));
    } finally {
      await pool.end();
    }

    for (const [call, queries] of plans) {
      expect(queries.length, call).toBeGreaterThan(0);
      // one row each, and the list of databases
      const scanned = queries
        .flatMap((query) => query.scanned)
        .filter((table) => !/^(feed|place|pg_database)$/.test(table));
      expect(scanned, call).toEqual([]);
    }
    // `npx vitest run --project conformance store-postgres-plans -u` writes the page
    if (version === PAGE_VERSION) await expect(pageOf(plans)).toMatchFileSnapshot(PAGE);
  });
});

/** Fills the tables with what as many users have after some time. */
async function fill(pool: pg.Pool): Promise<void> {
  const s = "cloud_messaging";
  await pool.query(`
    INSERT INTO ${s}.token (key, token, revision) SELECT ${s}.key_of('tok-' || n), 'tok-' || n, n FROM generate_series(1, ${ROWS}) AS n;
    INSERT INTO ${s}.registration
      SELECT n, n, 'user-' || n, ${s}.key_of('tok-' || n), false, n, n, 'android' FROM generate_series(1, ${ROWS}) AS n;
    INSERT INTO ${s}.rewrite
      SELECT ${s}.key_of('old-' || n), 'old-' || n, ${s}.key_of('tok-' || n), 'tok-' || n, n FROM generate_series(1, ${ROWS}) AS n;
    INSERT INTO ${s}.change (at, body) SELECT n, '{"type":"removed"}' FROM generate_series(1, ${ROWS}) AS n;
    SELECT setval('${s}.number', ${ROWS});
    ANALYZE`);
}

/** Longest text of a query on the page. Unit: characters. */
const MAX_QUERY = 120;

/** The page: each query once, with the calls that run it. */
function pageOf(plans: ReadonlyMap<string, readonly PlannedQuery[]>): string {
  const rows = new Map<string, Set<string>>();
  for (const [name, queries] of plans) {
    for (const { query, nodes } of queries) {
      if (nodes.length === 0) continue;
      const short = query.replaceAll('"cloud_messaging".', "");
      const text = short.length > MAX_QUERY ? `${short.slice(0, MAX_QUERY)}…` : short;
      const row = `| \`${text.replaceAll("|", "\\|")}\` | ${nodes.join(", ")} |`;
      rows.set(row, (rows.get(row) ?? new Set()).add(`\`${/^\w+/.exec(name)?.[0]}\``));
    }
  }
  const table = [...rows].map(([row, calls]) => `${row} ${[...calls].join(", ")} |`);
  return `${INTRODUCTION}
| Query | Scans and writes of its plan | Calls that run it |
|---|---|---|
${table.join("\n")}
`;
}

const INTRODUCTION = `# Plans of the registration store in PostgreSQL

Queries that the calls of \`@cloud-messaging/store-postgres\` run, those inside its functions included, with the nodes of their plans that read or write a table: what
\`EXPLAIN\` says in PostgreSQL ${PAGE_VERSION} with ${ROWS.toLocaleString("en")} rows in each table. Every call ran seven times, so that plans for any values are among them. The test
\`store-postgres-plans\` writes this page, compares it in CI with what the server plans, and fails on a sequential scan of \`token\`, \`registration\`,
\`rewrite\` or \`change\`. \`feed\` and \`place\` have one row each, and \`pg_database\` as many as the server has databases. Long queries are cut off. \`counts()\`, which no send and
no registration calls, counts every row and is not in the table.
`;
