import { writeFileSync } from "node:fs";
import type { RegistrationToken } from "@cloud-messaging/core";
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { runsPostgres, startPostgres } from "../support/postgres.ts";

const ROWS = 50_000;
const FID = "cTEST0123456789abcdefg";
const token = (text: string) => text as RegistrationToken;

/** Plans of the statements that a call ran, those inside functions included, each once. */
type Plans = Map<string, Set<string>>;

describe.runIf(runsPostgres)("the plans of a registration store in PostgreSQL, on large tables", () => {
  it("scan no table on any path of a send, nor where an app registers, signs out, or reads a page or the feed", async () => {
    await using server = await startPostgres();
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    const plans: Plans = new Map();
    let current: Set<string> = new Set();
    pool.on("connect", (client) => {
      client.on("notice", ({ message }) => {
        const [, plan] = /plan:\n([\s\S]*)/.exec(message ?? "") ?? [];
        if (plan !== undefined) current.add(plan.replace(/ {2}\(cost=[^)]*\)/g, ""));
      });
      void client.query(
        "LOAD 'auto_explain'; SET auto_explain.log_nested_statements = on; SET client_min_messages = log",
      );
    });
    try {
      const store = createPostgresRegistrationStore({ pool });
      await store.migrate();
      await fill(pool);
      const client = await pool.connect();
      await client.query("SET auto_explain.log_min_duration = 0");
      client.release();

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
      for (const [name, call] of Object.entries(calls)) {
        current = new Set();
        plans.set(name, current);
        // from the sixth time on, a prepared statement may have a plan for any values
        for (let n = 1; n <= 7; n++) await call(n);
      }
    } finally {
      await pool.end();
    }

    const scans: string[] = [];
    for (const [call, found] of plans) {
      expect(found.size, call).toBeGreaterThan(0);
      for (const plan of found) {
        for (const [scan] of plan.matchAll(/Seq Scan on \S+/g)) {
          // one row each, and the list of databases
          if (!/ on (feed|place|pg_database)$/.test(scan)) scans.push(`${call}: ${scan}`);
        }
      }
    }
    expect(scans).toEqual([]);
    const file = process.env["EXPLAIN_FILE"];
    if (file !== undefined) writeFileSync(file, asMarkdown(plans));
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

function asMarkdown(plans: Plans): string {
  const parts = [...plans].map(([call, found]) => {
    const list = [...found].map((plan) => `\`\`\`\n${plan.trim()}\n\`\`\``).join("\n\n");
    return `## ${call}\n\n${list}`;
  });
  return `# Plans of every statement, on ${ROWS} rows in each table\n\n${parts.join("\n\n")}\n`;
}
