import {
  createManualClock,
  followChanges,
  isCloudMessagingError,
  prune,
  type RegistrationToken,
} from "@cloud-messaging/core";
import { registrationStoreCases } from "@cloud-messaging/core/testing";
import { createPostgresRegistrationStore, type PostgresPool } from "@cloud-messaging/store-postgres";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, runsPostgres, startPostgres } from "../support/postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { clocksApart } from "./registration-store-clocks.ts";
import { roundTripsOfSends } from "./registration-store-round-trips.ts";

const token = (text: string) => text as RegistrationToken;
const A = token("tok-A");
const B = token("tok-B");

describe.runIf(runsPostgres)("a registration store in PostgreSQL", () => {
  let server: PostgresServer;
  let pool: pg.Pool;
  let schemas = 0;

  beforeAll(async () => {
    server = await startPostgres();
    pool = new pg.Pool({ connectionString: server.url });
  });
  afterAll(async () => {
    await pool?.end();
    await server?.[Symbol.asyncDispose]();
  });

  async function setup(options: { readonly keepChangesForMs?: number } = {}) {
    const schema = `store_${++schemas}`;
    const clock = createManualClock(1_000_000);
    const store = createPostgresRegistrationStore({ pool, schema, clock, ...options });
    await store.migrate();
    const tokensOf = async (userId: string) =>
      (await store.registrationsOf(userId)).map((each) => each.token as string);
    return { schema, clock, store, tokensOf };
  }

  describe("on two pools at once", () => {
    let other: pg.Pool;
    beforeAll(async () => {
      other = new pg.Pool({ connectionString: server.url });
      await createPostgresRegistrationStore({ pool, schema: "contract" }).migrate();
    });
    afterAll(() => other?.end());

    const cases = registrationStoreCases({
      runs: 12,
      create: async (clock) => {
        await pool.query(`TRUNCATE contract.token, contract.registration, contract.rewrite, contract.change;
          UPDATE contract.feed SET dropped_through = (SELECT last_value - (NOT is_called)::integer FROM contract.place)`);
        const stores = [pool, other].map((each) =>
          createPostgresRegistrationStore({ pool: each, schema: "contract", clock }),
        );
        return {
          stores,
          close: async () => {
            await Promise.all(stores.map((store) => store.close()));
          },
        };
      },
    });
    for (const { name, run } of cases) it(name, run);
  });

  clocksApart(async (clock) => {
    const store = createPostgresRegistrationStore({ pool, schema: "clocks", clock });
    await store.migrate();
    return store;
  });

  it("is set up once, by however many processes at the same time, and again without harm", async () => {
    const stores = Array.from({ length: 6 }, () => createPostgresRegistrationStore({ pool, schema: "together" }));
    await Promise.all(stores.map((store) => store.migrate()));
    await stores[0]?.register("ada", A);
    await Promise.all(stores.map((store) => store.migrate()));
    expect(await stores[5]?.registrationsOf("ada")).toMatchObject([{ token: A }]);
    expect((await pool.query("SELECT version FROM together.version")).rows).toEqual([{ version: 1 }]);
  });

  it("tells of a connection that is lost in the midst of the migration, and ends no process by it", async () => {
    const proxy = await startTcpProxy(server.port, {});
    const cut = new pg.Pool({ connectionString: server.url.replace(String(server.port), String(proxy.port)) });
    const holder = await pool.connect();
    try {
      await holder.query("BEGIN");
      // as another process that migrates
      await holder.query(`SELECT pg_advisory_xact_lock(hashtextextended('"lost" migration', 0))`);
      const migrating = createPostgresRegistrationStore({ pool: cut, schema: "lost" }).migrate();
      const failed = migrating.catch((error: unknown) => error);
      const waiting = () => pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      await expect.poll(async () => (await waiting()).rowCount).toBe(1);
      await proxy.close();
      expect(await failed).toMatchObject({ code: "ERR_CONNECTION" });
      await holder.query("COMMIT");
      const store = createPostgresRegistrationStore({ pool, schema: "lost" });
      await store.migrate();
      await store.register("ada", A);
    } finally {
      holder.release();
      await cut.end();
    }
  });

  it("says that migrate() is due where it was never called", async () => {
    const store = createPostgresRegistrationStore({ pool, schema: "never" });
    await expect(store.register("ada", A)).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    await expect(store.resolve([A])).rejects.toThrow(/schema: .*migrate\(\)/);
  });

  it("keeps the stores of two schemas apart", async () => {
    const [one, other] = [await setup(), await setup()];
    await one.store.register("ada", A);
    expect([await one.tokensOf("ada"), await other.tokensOf("ada")]).toEqual([[A], []]);
  });

  it("refuses options by name", () => {
    expect(() => createPostgresRegistrationStore({ pool, schema: 'x"; DROP' })).toThrow(
      /schema: must be 1 to 48 letters/,
    );
    expect(() => createPostgresRegistrationStore({ pool: {} as pg.Pool })).toThrow(/pool: must be a Pool of pg/);
    expect(() => createPostgresRegistrationStore({ pool, tables: "x" } as never)).toThrow(/tables/);
  });

  it("registers and signs out with a transaction of the application's own, or not at all", async () => {
    const { store, tokensOf } = await setup();
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await store.register("ada", A, { client });
      expect(await tokensOf("ada")).toEqual([]);
      await client.query("ROLLBACK");
      expect(await tokensOf("ada")).toEqual([]);

      await client.query("BEGIN");
      await store.register("ada", A, { client, platform: "android" });
      await client.query("COMMIT");
      expect(await store.registrationsOf("ada")).toMatchObject([{ token: A, platform: "android" }]);

      await client.query("BEGIN");
      expect(await store.unregister("ada", A, { client })).toBe(true);
      expect(await tokensOf("ada")).toEqual([A]);
      await client.query("COMMIT");
      expect(await tokensOf("ada")).toEqual([]);
    } finally {
      client.release();
    }
  });

  it("refuses a transaction of another isolation level, which would work with an old state", async () => {
    const { store } = await setup();
    const client = await pool.connect();
    try {
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await expect(store.register("ada", A, { client })).rejects.toThrow(/isolation level "read committed"/);
      await client.query("ROLLBACK");
    } finally {
      client.release();
    }
  });

  it("keeps other devices usable while a transaction is open", async () => {
    const { store, tokensOf } = await setup();
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await store.register("ada", A, { client });
      await store.register("grace", B);
      expect(await tokensOf("grace")).toEqual([B]);
      await client.query("COMMIT");
    } finally {
      client.release();
    }
  });

  it("reads no change before one whose transaction commits later", async () => {
    const { store } = await setup();
    const { cursor: start } = await store.changes({ from: "newest", limit: 10 });
    await store.register("ada", A);
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      // the earlier place in the feed
      await store.register("grace", A, { client });
      await store.register("ada", B);
      await store.register("alan", B);
      const during = await store.changes({ from: start, limit: 10 });
      expect(during.changes).toEqual([]);
      expect((await store.changes({ from: "newest", limit: 10 })).cursor).toBe(start);
      await client.query("COMMIT");
      const after = await store.changes({ from: during.cursor, limit: 10 });
      expect(after.changes).toMatchObject([
        { type: "moved", token: A, userIds: ["grace"], previousUserIds: ["ada"] },
        { type: "moved", token: B, userIds: ["alan"], previousUserIds: ["ada"] },
      ]);
      expect((await store.changes({ from: after.cursor, limit: 10 })).changes).toEqual([]);
    } finally {
      client.release();
    }
  });

  it("lets readers of the feed go on after a transaction that was rolled back", async () => {
    const { store } = await setup();
    await store.register("ada", A);
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await store.register("grace", A, { client });
      await store.register("ada", B);
      await store.register("alan", B);
      await client.query("ROLLBACK");
    } finally {
      client.release();
    }
    const { changes } = await store.changes({ from: "oldest", limit: 10 });
    expect(changes).toMatchObject([{ type: "moved", token: B }]);
  });

  it("lets no two wait for each other: four senders with the same devices in any order", async () => {
    const { store } = await setup();
    const tokens = Array.from({ length: 40 }, (_, n) =>
      token(n % 4 === 0 ? `cTEST0123456789abcdefg:${n}` : `tok-${n}`),
    );
    const deadlocks = async () => {
      const { rows } = await pool.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()");
      return Number(rows[0].deadlocks);
    };
    const before = await deadlocks();
    await Promise.all(
      Array.from({ length: 4 }, async (_, sender) => {
        for (let round = 0; round < 12; round++) {
          const order = tokens.map(
            (_each, n) => tokens[(n * (2 * sender + 3) + round * 7) % tokens.length] as RegistrationToken,
          );
          await Promise.all(
            order.slice(0, 6).map((each) => store.register(`user-${sender}`, each, { owner: "shared" })),
          );
          const { states } = await store.resolve(order);
          await store.apply(
            order.map((each, n) => {
              const common = { token: each, revision: states[n]?.revision ?? null };
              const canonicalRegistrationId = order[(n + 1) % order.length] as RegistrationToken;
              if (n % 3 === 0) return { ...common, type: "replaced", canonicalRegistrationId };
              return n % 3 === 1
                ? { ...common, type: "accepted" }
                : { ...common, type: "removed", reason: "not-registered" };
            }),
          );
        }
      }),
    );
    // the server counts them with some delay: a refusal would have been tried again
    await pool.query("SELECT pg_stat_clear_snapshot()");
    expect(await deadlocks()).toBe(before);
  });

  it("skips no change and repeats none while four write and two read", async () => {
    const { store } = await setup();
    const written = 4 * 40;
    let writing = true;
    const read = async (): Promise<string[]> => {
      const seen: string[] = [];
      let from = "oldest";
      for (let last = false; !last; ) {
        last = !writing;
        const page = await store.changes({ from, limit: 7 });
        seen.push(...page.changes.map(({ token: of }) => of));
        from = page.cursor;
        if (page.changes.length > 0) last = false;
      }
      return seen;
    };
    const readers = [read(), read()];
    await Promise.all(
      Array.from({ length: 4 }, async (_, writer) => {
        for (let n = 0; n < written / 4; n++) {
          const own = token(`t-${writer}-${n}`);
          await store.register("ada", own);
          await store.unregister("ada", own);
        }
      }),
    );
    writing = false;
    for (const seen of await Promise.all(readers)) {
      expect(seen).toHaveLength(written);
      expect(new Set(seen).size).toBe(written);
    }
  });

  it("drops old changes when it prunes, and says so to a reader who is behind", async () => {
    const { store, clock } = await setup({ keepChangesForMs: 60_000 });
    await store.register("ada", A);
    const { cursor } = await store.changes({ from: "newest", limit: 1 });
    await store.unregister("ada", A);
    await clock.advance(120_000);
    await store.register("ada", B);
    await store.unregister("ada", B);
    await store.removeUnseen({ before: 0, limit: 10 });
    await expect(store.changes({ from: cursor, limit: 10 })).rejects.toMatchObject({ code: "ERR_CHANGES_LOST" });
    expect((await store.changes({ from: "oldest", limit: 10 })).changes).toMatchObject([{ token: B }]);
    await expect(store.changes({ from: "999", limit: 10 })).rejects.toThrow(/from: is no cursor/);
    await expect(store.changes({ from: "x", limit: 10 })).rejects.toThrow(/from: is no cursor/);
  });

  it("has more to remove where one of what it looked at was seen meanwhile", async () => {
    const { store, clock } = await setup();
    for (const name of ["a", "b", "c"]) {
      await store.register("ada", token(name));
      await clock.advance(10);
    }
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await store.register("ada", token("a"), { client });
      const removing = store.removeUnseen({ before: clock.now(), limit: 2 });
      const waiting = () => pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      await expect.poll(async () => (await waiting()).rowCount).toBe(1);
      await client.query("COMMIT");
      const { removed, more } = await removing;
      expect([removed.map((each) => each.token), more]).toEqual([["b"], true]);
      expect(await store.removeUnseen({ before: clock.now(), limit: 2 })).toMatchObject({
        removed: [{ token: "c" }],
        more: false,
      });
    } finally {
      client.release();
    }
  });

  it("drops all old changes as it prunes, however many they are", async () => {
    const { store, schema, clock } = await setup({ keepChangesForMs: 60_000 });
    await pool.query(`SELECT ${schema}.emit(0, '{}') FROM generate_series(1, 2500)`);
    await clock.advance(120_000);
    await store.register("ada", A);
    await store.register("grace", A);
    for await (const gone of prune(store, { unseenForMs: 60_000, clock })) expect(gone).toBeUndefined();
    const { changes } = await store.changes({ from: "oldest", limit: 10_000 });
    expect(changes).toMatchObject([{ type: "moved", token: A }]);
  });

  it("counts a refusal once, where a transaction of the application's locks in another order", async () => {
    const { store, schema, clock } = await setup();
    // looks for a deadlock once, so long after it began to wait; the other is too late then, and this one is what the server ends
    const early = new pg.Pool({ connectionString: server.url, options: "-c deadlock_timeout=1500ms" });
    const own = createPostgresRegistrationStore({ pool: early, schema, clock });
    await store.register("ada", A);
    const locks = async (name: string) =>
      BigInt((await pool.query(`SELECT (${schema}.locks_of(ARRAY[$1]))[1] AS number`, [name])).rows[0].number);
    const [first, last] = (await locks("one")) < (await locks("two")) ? ["one", "two"] : ["two", "one"];
    const { states } = await store.resolve([A]);
    const revision = states[0]?.revision ?? null;
    const unknown = (name: string) => ({ type: "accepted", token: token(name), revision: null }) as const;
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("SET LOCAL deadlock_timeout = '60s'");
      await store.register("ada", last as string, { client });
      // the refusal is of the first transaction of the call, the two are of its second
      const applied = own.apply([
        { type: "suspect", token: A, revision, reason: "mismatch-sender-id", sender: "me" },
        ...Array.from({ length: 63 }, (_, n) => unknown(`unknown-${n}`)),
        unknown("one"),
        unknown("two"),
      ]);
      const waiting = () => pool.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
      await expect.poll(async () => (await waiting()).rowCount).toBe(1);
      await store.register("ada", first as string, { client });
      await client.query("COMMIT");
      await applied;
    } finally {
      client.release();
      await own.close();
      await early.end();
    }
    expect((await store.resolve([A])).states).toMatchObject([{ suspicion: { refusals: 1 } }]);
    expect((await store.changes({ from: "oldest", limit: 10 })).changes).toMatchObject([{ type: "suspect" }]);
  });

  it("ends a loop over its changes when it is closed", async () => {
    const { store, schema, clock } = await setup();
    const single = new pg.Pool({ connectionString: server.url, max: 1 });
    const other = createPostgresRegistrationStore({ pool: single, schema, clock });
    try {
      for (const each of [store, other]) {
        const next = followChanges(each, { clock }).next();
        // it waits for a change, and for the time to look again
        await expect.poll(() => clock.scheduled).toBe(1);
        await each.close();
        await expect(next).rejects.toMatchObject({ code: "ERR_CLOSED" });
      }
    } finally {
      await single.end();
    }
  });

  it("wakes those who watch, of every process", async () => {
    const { store, schema } = await setup();
    await using other = createPostgresRegistrationStore({ pool, schema });
    await store.register("ada", A);
    let wakes = 0;
    let heard: () => void = () => undefined;
    const stop = other.watch?.(() => {
      wakes++;
      heard();
    });
    // the first wake: it listens
    await new Promise<void>((resolve) => {
      heard = resolve;
    });
    const woken = new Promise<void>((resolve) => {
      heard = resolve;
    });
    await store.unregister("ada", A);
    await woken;
    stop?.();
    expect(wakes).toBe(2);
  });

  it("leaves the only connection of a pool to its calls while somebody watches", async () => {
    const { schema } = await setup();
    const single = new pg.Pool({ connectionString: server.url, max: 1 });
    try {
      await using store = createPostgresRegistrationStore({ pool: single, schema });
      store.watch?.(() => undefined);
      await store.register("ada", A);
      expect(await store.registrationsOf("ada")).toHaveLength(1);
    } finally {
      await single.end();
    }
  });

  it("ends no pool that it was given, and refuses calls after close()", async () => {
    const { store } = await setup();
    store.watch?.(() => undefined);
    await store.close();
    await store.close();
    await expect(store.register("ada", A)).rejects.toMatchObject({ code: "ERR_CLOSED" });
    await expect(store.resolve([A])).rejects.toMatchObject({ code: "ERR_CLOSED" });
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });

  it("adds one round trip to a send to a token or to a user, and once a day another; over CCS one to a batch", async () => {
    let statements = 0;
    const counted: PostgresPool = {
      query: (statement) => {
        statements++;
        return pool.query(statement);
      },
      connect: () => pool.connect(),
      on: (event, listener) => pool.on(event, listener),
      removeListener: (event, listener) => pool.removeListener(event, listener),
    };
    await using registrations = createPostgresRegistrationStore({ pool: counted, schema: `store_${++schemas}` });
    await registrations.migrate();
    await roundTripsOfSends(registrations, () => statements);
  });

  it("does without the parsers that the application has set for types", async () => {
    const { store } = await setup();
    const before = pg.types.getTypeParser(20);
    pg.types.setTypeParser(20, () => "parsed by the application");
    pg.types.setTypeParser(114, () => "parsed by the application");
    try {
      await store.register("ada", A, { attributes: { plan: "free" } });
      expect(await store.registrationsOf("ada")).toMatchObject([
        { attributes: { plan: "free" }, registeredAt: 1_000_000 },
      ]);
    } finally {
      pg.types.setTypeParser(20, before);
      pg.types.setTypeParser(114, JSON.parse);
    }
  });

  it("tells tokens apart that are longer than an index can hold, or hold a backslash", async () => {
    const { store, tokensOf } = await setup();
    const long = Array.from({ length: 4_096 }, (_, n) => String.fromCharCode(33 + ((n * 31) % 94))).join("");
    const all = [long, `${long.slice(0, -1)}~`, "a\\b", "a\\\\b", "a\\x62", "';DROP"];
    for (const each of all) await store.register("ada", each);
    expect(await tokensOf("ada")).toEqual(all);
    expect((await store.resolve(all.map(token))).states.every(({ revision }) => revision !== null)).toBe(true);
  });

  it("goes on by itself after the server was killed, with a clear error meanwhile", async () => {
    await using own = await startPostgres();
    const ownPool = new pg.Pool({ connectionString: own.url });
    try {
      await using store = createPostgresRegistrationStore({ pool: ownPool });
      await store.migrate();
      await store.register("ada", A);
      let heard: () => void = () => undefined;
      const next = () =>
        new Promise<void>((resolve) => {
          heard = resolve;
        });
      const listens = next();
      store.watch?.(() => {
        heard();
      });
      await listens;

      await own.kill();
      const failed = await store.register("ada", B).catch((error: unknown) => error);
      expect(failed).toMatchObject({
        code: "ERR_CONNECTION",
        message: expect.stringContaining("PostgreSQL cannot be reached"),
      });
      expect(isCloudMessagingError(failed)).toBe(true);
      await expect(store.resolve([A])).rejects.toMatchObject({ code: "ERR_CONNECTION" });

      const again = next();
      await own.start();
      await store.register("ada", B);
      expect((await store.registrationsOf("ada")).map((each) => each.token)).toEqual([A, B]);
      // it listens again
      await again;
      const woken = next();
      await store.unregister("ada", A);
      await woken;
    } finally {
      await ownPool.end();
    }
  });
});
