import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { NewSubmission } from "@cloud-messaging/core/transport";
import { createOutbox, createPostgresEngine, type PostgresClient } from "@cloud-messaging/outbox-postgres";
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { soakOutbox } from "../../scripts/soak-outbox.mjs";
import { startCountingService } from "../support/counting-service.ts";
import { type PostgresServer, runsPostgres, startPostgres } from "../support/postgres.ts";
import { expectNothingLost } from "./outbox-disturbed.ts";

/** More of them: `KILLS=50`. */
const KILLS = Number(process.env["KILLS"] ?? 2);
const bytes = (text: string): Uint8Array => Buffer.from(text);
const single = (id: string, more: Partial<NewSubmission> = {}): NewSubmission => ({
  id,
  lane: "normal",
  body: bytes("body"),
  chunks: [{ recipients: bytes("a"), size: 1, pending: 1 }],
  sealed: true,
  ...more,
});
/** Its one recipient was refused at once: it brings a result with it. */
const refused = (id: string): NewSubmission => {
  const result = { body: bytes(id), counts: { "rejected:invalid-argument": 1 }, failed: 1 };
  return single(id, { chunks: [{ recipients: bytes("a"), size: 1, pending: 0, result }] });
};
const request = { lanes: ["normal"], limit: 10, leaseMs: 30_000 };

describe.runIf(runsPostgres)("an outbox in PostgreSQL", () => {
  let server: PostgresServer;
  let schema: string;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    schema = `outbox_${count++}`;
  });

  /** An engine as another process has it, on a pool of its own. */
  async function openEngine() {
    const pool = new pg.Pool({ connectionString: server.url, max: 4 });
    const engine = createPostgresEngine({ pool, schema });
    onTestFinished(async () => {
      await engine.close();
      await pool.end();
    });
    await engine.migrate();
    return { pool, engine };
  }

  async function inTransaction(pool: pg.Pool, end: "COMMIT" | "ROLLBACK", use: (client: pg.PoolClient) => unknown) {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await use(client);
      await client.query(end);
    } finally {
      client.release();
    }
  }

  it("sends what a transaction of the caller's enqueued when it has committed, and never what it rolled back", async () => {
    const { pool, engine } = await openEngine();
    const { copies, transport } = await startCountingService();
    await using outbox = createOutbox({ engine, transport: transport() });
    await pool.query(`CREATE TABLE ${schema}.orders (id text)`);
    const order = (id: string) => async (client: pg.PoolClient) => {
      await client.query(`INSERT INTO ${schema}.orders VALUES ($1)`, [id]);
      await outbox.enqueue({ target: { token: id } }, { key: id, client });
      expect((await outbox.backlog()).recipients).toBe(0);
      expect((await engine.claim(request)).chunks).toEqual([]);
    };
    await inTransaction(pool, "ROLLBACK", order("given-up"));
    expect(await outbox.progress({ key: "given-up" })).toBeUndefined();
    await inTransaction(pool, "COMMIT", order("placed"));
    await outbox.work({ untilIdle: true, pollMs: 10 });
    expect([...copies]).toEqual([["placed", 1]]);
    expect((await pool.query(`SELECT id FROM ${schema}.orders`)).rows).toEqual([{ id: "placed" }]);
    expect(await outbox.progress({ key: "placed" })).toMatchObject({ state: "finished", kinds: { accepted: 1 } });
  });

  it("enqueues in a transaction that holds the last connection of the pool", async () => {
    await openEngine();
    const pool = new pg.Pool({ connectionString: server.url, max: 1 });
    onTestFinished(() => pool.end());
    await using outbox = createOutbox({ engine: createPostgresEngine({ pool, schema }) });
    const message = { target: { token: "one" } };
    for (const created of [true, false]) {
      await inTransaction(pool, "COMMIT", async (client) => {
        expect(await outbox.enqueue(message, { key: "single", client })).toMatchObject({ created });
        expect(await outbox.enqueueAll({}, ["two", "three"], { key: "many", client })).toMatchObject({ created });
      });
    }
    expect((await outbox.backlog()).recipients).toBe(3);
  });

  it("counts the backlog for a transaction of the caller's behind it, and refuses what passes the limit", async () => {
    const { pool, engine } = await openEngine();
    await engine.submit([single("a"), single("b")]);
    await using outbox = createOutbox({ engine, maxBacklog: 2 });
    const enqueue = (client: pg.PoolClient) =>
      outbox.enqueue({ target: { token: "one" } }, { client }).then(
        () => "stored",
        (error: { code: string }) => error.code,
      );
    await inTransaction(pool, "ROLLBACK", async (client) => {
      await expect.poll(() => enqueue(client)).toBe("ERR_OUTBOX_FULL");
    });
  });

  it("stores a key once when two transactions enqueue it at once: the second waits for the end of the first", async () => {
    const { pool, engine } = await openEngine();
    const first = await pool.connect();
    await first.query("BEGIN");
    await engine.submit([single("one", { key: "order-1" })], first);
    const second = engine.submit([single("two", { key: "order-1" })]);
    expect(await Promise.race([second, sleep(50, "waits")])).toBe("waits");
    await first.query("COMMIT");
    first.release();
    expect(await second).toEqual([{ id: "one", created: false }]);
  });

  it("keeps keys with any characters, and bytes of any value", async () => {
    const { engine } = await openEngine();
    const key = `\0 \ud800 "\\ ü ${"\u0001".repeat(480)}`;
    const body = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    await engine.submit([single("a", { key, body })]);
    expect(await engine.find({ key })).toMatchObject({ id: "a", key });
    expect(Buffer.from((await engine.find({ id: "a" }))?.body ?? "")).toEqual(body);
  });

  it("gives no result to a reader before those of a transaction that commits late, so that the reader misses none", async () => {
    const { pool, engine } = await openEngine();
    await engine.submit([refused("before")]);
    const [before] = await engine.results({ limit: 10 });
    const late = await pool.connect();
    await late.query("BEGIN");
    await engine.submit([refused("late")], late);
    await engine.submit([refused("after")]);
    expect(await engine.results({ after: before?.cursor, limit: 10 })).toEqual([]);
    await late.query("COMMIT");
    late.release();
    const read = await engine.results({ after: before?.cursor, limit: 10 });
    expect(read.map(({ submission }) => submission)).toEqual(["late", "after"]);
  });

  it("keeps its counts exact while six workers claim, write, renew, append, pause and set paces on two campaigns at once", async () => {
    const engines = [await openEngine(), await openEngine(), await openEngine()].map(({ engine }) => engine);
    const [first] = engines as [(typeof engines)[0]];
    const campaigns = ["one", "two"];
    const chunks = Array.from({ length: 10 }, () => ({ recipients: bytes("abc"), size: 3, pending: 3 }));
    await first.submit(campaigns.map((id) => single(id, { chunks, sealed: false })));
    const result = { body: bytes("r"), counts: { accepted: 1 }, failed: 0 };
    const turn = async (engine: (typeof engines)[0], id: string, n: number): Promise<void> => {
      if (n % 5 === 0) await engine.control(id, { state: "paused" });
      if (n % 5 === 1) await engine.control(id, { state: "running", pace: { perMinute: 10_000_000, rampMs: 0 } });
      if (n % 5 === 2) await engine.control(id, { state: "running", pace: null });
      const stored = await engine.find({ id });
      if (n % 4 === 0 && stored?.sealed === false) {
        const added = chunks.slice(0, 2);
        await engine.append({ submission: id, after: stored.chunks, chunks: added, seal: n > 20 });
      }
      const leased = (await engine.claim({ ...request, limit: 4 })).chunks;
      const refs = leased.map(({ submission, chunk, lease }) => ({ submission: submission.id, chunk, lease }));
      const updates = refs.map((ref, at) => {
        const pending = (leased[at]?.pending ?? 1) - 1;
        return { ...ref, revision: 1, state: bytes("s"), pending, result, releaseAfterMs: 0 };
      });
      // in another order than the leases are renewed
      await Promise.all([engine.renew(refs, 30_000), engine.write(updates.reverse())]);
    };
    const worker = async (engine: (typeof engines)[0], id: string): Promise<void> => {
      for (let n = 0; n < 25; n++) await turn(engine, id, n);
    };
    await Promise.all(engines.flatMap((engine) => campaigns.map((id) => worker(engine, id))));
    const stored = await Promise.all(campaigns.map((id) => first.find({ id })));
    let pending = 0;
    for (const campaign of stored) {
      expect(campaign?.recipients).toBe((campaign?.chunks ?? 0) * 3);
      expect(campaign?.recipients).toBe((campaign?.pending ?? 0) + (campaign?.counts["accepted"] ?? 0));
      expect(campaign?.counts["accepted"]).toBeGreaterThan(0);
      pending += campaign?.pending ?? 0;
      const results = await first.results({ submission: campaign?.id as string, limit: 1_000 });
      expect(results).toHaveLength(campaign?.counts["accepted"] as number);
    }
    expect((await first.backlog()).recipients).toBe(pending);
  });

  it("is set up by five processes at once, once", async () => {
    const engines = await Promise.all([1, 2, 3, 4, 5].map(openEngine));
    const [{ pool, engine }] = engines as [(typeof engines)[0]];
    await engine.submit([single("a")]);
    await engine.migrate();
    expect((await pool.query(`SELECT version FROM ${schema}.version`)).rows).toEqual([{ version: 1 }]);
    expect((await engine.backlog()).recipients).toBe(1);
  });

  it("is not set up in the schema of a registration store, nor the store in that of an outbox", async () => {
    const { pool } = await openEngine();
    await using store = createPostgresRegistrationStore({ pool, schema });
    await expect(store.migrate()).rejects.toThrow(/schema: has the tables of another \(The outbox's engine\)/);
    await using other = createPostgresRegistrationStore({ pool, schema: `${schema}_store` });
    await other.migrate();
    const engine = createPostgresEngine({ pool, schema: `${schema}_store` });
    await expect(engine.migrate()).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringMatching(/The registration store.*give each a schema of its own/),
    });
    await engine.close();
  });

  it("says what to do when it has not been set up, and refuses a client that is none", async () => {
    const pool = new pg.Pool({ connectionString: server.url });
    onTestFinished(() => pool.end());
    const engine = createPostgresEngine({ pool, schema: "nowhere" });
    await expect(engine.backlog()).rejects.toMatchObject({
      code: "ERR_INVALID_OPTIONS",
      message: expect.stringMatching(/schema.*migrate\(\)/),
    });
    const client = {} as PostgresClient;
    await expect(engine.submit([single("a")], client)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    expect(() => createPostgresEngine({ pool: {} as never, schema: "1" })).toThrow(/pool.*schema/s);
    await engine.close();
    await expect(engine.backlog()).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });

  it("steals no live lease when the clocks of two workers differ by a minute", async () => {
    const { engine } = await openEngine();
    const pool = new pg.Pool({ connectionString: server.url });
    const ahead = {
      now: () => Date.now() + 60_000,
      monotonic: () => (performance.now() + 60_000) as never,
      schedule: () => () => {},
    };
    const other = createPostgresEngine({ pool, schema, clock: ahead });
    onTestFinished(async () => {
      await other.close();
      await pool.end();
    });
    await engine.submit([single("a")]);
    const { chunks, now } = await engine.claim(request);
    expect(chunks).toHaveLength(1);
    const asked = await other.claim(request);
    expect(asked.chunks).toEqual([]);
    // both have the server's time
    expect(Math.abs(asked.now - now)).toBeLessThan(30_000);
    const [{ lease } = { lease: "" }] = chunks;
    expect(await engine.renew([{ submission: "a", chunk: 0, lease }], 30_000)).toEqual(["running"]);
    expect((await other.claim(request)).chunks).toEqual([]);
  });

  it("wakes the workers of other processes when a transaction commits", async () => {
    const [one, other] = [await openEngine(), await openEngine()];
    let woken = 0;
    const end = other.engine.onWork?.(() => woken++);
    // once for what came before it listened
    await expect.poll(() => woken).toBe(1);
    await inTransaction(one.pool, "COMMIT", (client) => one.engine.submit([single("a")], client));
    await expect.poll(() => woken).toBe(2);
    end?.();
  });

  it("gives a clear error while the server is away, and goes on by itself when it is back", async () => {
    const { engine } = await openEngine();
    await engine.submit([single("a")]);
    await server.stop();
    await expect(engine.backlog()).rejects.toMatchObject({
      code: "ERR_OUTBOX_STORAGE",
      message: expect.stringMatching(/PostgreSQL cannot be reached/),
    });
    await server.start();
    expect((await engine.claim(request)).chunks).toHaveLength(1);
  });

  it(
    `loses no recipient when PostgreSQL is killed in mid-campaign, ${KILLS} times`,
    async () => {
      const engines = [(await openEngine()).engine, (await openEngine()).engine] as const;
      const disturb = async (): Promise<void> => {
        await server.kill();
        await sleep(50);
        await server.start();
      };
      await expectNothingLost({ engines, recipients: 3_000, times: KILLS, disturb });
    },
    60_000 + KILLS * 30_000,
  );

  it("runs the example of an order and its notification in one transaction", async () => {
    const program = join(import.meta.dirname, "../../examples/outbox-transaction.mjs");
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      env: { ...process.env, DATABASE_URL: server.url },
    });
    expect(stdout).toMatch(/^order \d+: placed$/m);
    expect(stdout).toMatch(/^order \d+-refused: .*violates check constraint/m);
    expect(stdout).toMatch(/^messages sent: 1$/m);
    expect(stdout).toMatch(/^order-\d+: { accepted: 1 }$/m);
    expect(stdout).toMatch(/^order-\d+-refused: never enqueued$/m);
  });

  it("loses no recipient when workers are killed, and tells of each copy", async () => {
    await using own = await startPostgres();
    const report = await soakOutbox({ engine: "postgres", location: own.url, kills: KILLS, recipients: 6_000 });
    expect(report).toMatchObject({ problems: [], lost: 0 });
    expect(report.delivered + report.missing).toBe(6_000);
    expect(report.copies).toBeLessThanOrEqual(report.told);
  }, 120_000);
});
