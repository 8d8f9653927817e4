import type { NewSubmission } from "@cloud-messaging/core/transport";
import { createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import type pg from "pg";
import { describe, expect, it } from "vitest";
import { runsPostgres, startPostgres } from "../support/postgres.ts";
import { openPlannedPool, type PlannedQuery } from "../support/postgres-plans.ts";

const ROWS = 20_000;
const s = "cloud_messaging_outbox";
const bytes = (text: string): Uint8Array => Buffer.from(text);

describe.runIf(runsPostgres)("the plans of an outbox in PostgreSQL, on large tables", () => {
  it("scan no table on any path of a send", async () => {
    await using server = await startPostgres();
    const { pool, record, planned } = openPlannedPool(server.url);
    const plans = new Map<string, readonly PlannedQuery[]>();
    try {
      const engine = createPostgresEngine({ pool });
      await engine.migrate();
      await fill(pool);
      await record();

      const submission = (id: string): NewSubmission => {
        const chunk = { recipients: bytes("a"), size: 2, pending: 1 };
        const result = { body: bytes("r"), counts: { "rejected:invalid-argument": 1 }, failed: 1 };
        return {
          id,
          key: `key ${id}`,
          lane: "normal",
          body: bytes("b"),
          chunks: [{ ...chunk, result }],
          sealed: false,
        };
      };
      const claim = async (limit: number) =>
        (await engine.claim({ lanes: ["urgent", "normal", "bulk"], limit, leaseMs: 30_000 })).chunks;
      const calls: Record<string, (n: number) => unknown> = {
        submit: (n) => engine.submit([submission(`new-${n}`)]),
        append: (n) => {
          const chunks = submission("").chunks;
          return engine.append({ submission: `new-${n}`, after: 1, chunks, seal: true });
        },
        claim: () => claim(5),
        "claim of a submission": (n) =>
          engine.claim({ lanes: [], limit: 5, leaseMs: 30_000, submission: `id-${n + 500}` }),
        write: async () => {
          const updates = (await claim(5)).map(({ submission: { id }, chunk, lease }) => {
            const result = { body: bytes("r"), counts: { accepted: 1 }, failed: 0 };
            return { submission: id, chunk, lease, revision: 1, state: bytes("s"), pending: 0, result };
          });
          return engine.write(updates);
        },
        renew: async () => {
          const leases = (await claim(5)).map(({ submission: { id }, chunk, lease }) => ({
            submission: id,
            chunk,
            lease,
          }));
          return engine.renew(leases, 30_000);
        },
        pause: (n) => engine.control(`id-${n + 1_000}`, { state: "paused" }),
        "find by id": (n) => engine.find({ id: `id-${n}` }),
        "find by key": (n) => engine.find({ key: `key ${n}` }),
        chunks: (n) => engine.chunks(`id-${n}`, 0, 10),
        results: (n) => engine.results({ after: String(n * 100), limit: 100 }),
        "results, failed": (n) => engine.results({ after: String(n * 100), limit: 100, failedOnly: true }),
        "results of a submission": (n) => engine.results({ submission: `id-${n}`, limit: 100 }),
        "results of a submission, failed": (n) =>
          engine.results({ submission: `id-${n}`, limit: 100, failedOnly: true }),
        backlog: () => engine.backlog(),
        prune: () => engine.prune(0, 10),
      };
      for (const [name, call] of Object.entries(calls)) plans.set(name, await planned(call));
    } finally {
      await pool.end();
    }
    for (const [call, queries] of plans) {
      expect(queries.length, call).toBeGreaterThan(0);
      // one row, the list of databases, and what is summed up as it grows
      const scans = queries.filter(({ scanned }) =>
        scanned.some((table) => !/^(place|pg_database|backlog)$/.test(table)),
      );
      expect(scans, call).toEqual([]);
    }
  });
});

/** Fills the tables: waiting submissions, and as many that have finished. */
async function fill(pool: pg.Pool): Promise<void> {
  await pool.query(`
    INSERT INTO ${s}.submission (id, lane, body, sealed, created_at, chunks, recipients, pending, counts, finished_at)
      SELECT 'id-' || n, CASE WHEN n % 10 = 0 THEN 'bulk' ELSE 'normal' END, 'body', true, n, 1, 1, n % 2, '{}',
        CASE WHEN n % 2 = 0 THEN n END FROM generate_series(1, ${ROWS}) AS n;
    INSERT INTO ${s}.chunk SELECT 'id-' || n, 0, 1, 'a' FROM generate_series(1, ${ROWS}) AS n;
    INSERT INTO ${s}.work (submission, number, lane, free, due_at, pending, state)
      SELECT id, 0, lane, true, created_at, 1, '' FROM ${s}.submission WHERE finished_at IS NULL;
    INSERT INTO ${s}.result (submission, number, at, failed, body)
      SELECT 'id-' || n, 0, n, (n % 7 = 0)::integer, 'r' FROM generate_series(1, ${ROWS}) AS n;
    ANALYZE`);
}
