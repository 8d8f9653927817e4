import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { RegistrationStore } from "@cloud-messaging/core";
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import { createRedisRegistrationStore } from "@cloud-messaging/store-redis";
import { Redis } from "ioredis";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { createModel, inconsistencies, stateOf, step } from "../../scripts/soak-registrations.mjs";
import { runsPostgres, startPostgres } from "../support/postgres.ts";
import { runsRedis, startRedis } from "../support/redis.ts";

/** More of them: `npm run soak:registration-servers`. */
const KILLS = Number(process.env["KILLS"] ?? 5);

/** A server that can be killed, and a store on it. */
interface Under extends AsyncDisposable {
  readonly store: RegistrationStore;
  kill(): Promise<void>;
  start(): Promise<void>;
}

async function onPostgres(): Promise<Under> {
  const server = await startPostgres();
  const pool = new pg.Pool({ connectionString: server.url });
  const store = createPostgresRegistrationStore({ pool });
  await store.migrate();
  return {
    store,
    kill: () => server.kill(),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      await pool.end();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function onRedis(): Promise<Under> {
  const server = await startRedis();
  const client = new Redis(server.url, { retryStrategy: () => 20 });
  client.on("error", () => undefined);
  return {
    store: createRedisRegistrationStore({ client, timeoutMs: 2_000 }),
    kill: () => server.kill(),
    start: () => server.start(),
    async [Symbol.asyncDispose]() {
      client.disconnect();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe.each([
  ["PostgreSQL", runsPostgres, onPostgres],
  ["Redis", runsRedis, onRedis],
] as const)("registrations in %s", (_, runs, under) => {
  it.runIf(runs)(
    `are there whole when the server is killed while four senders write, ${KILLS} times`,
    async () => {
      await using own = await under();
      const { store } = own;
      const { cursor } = await store.changes({ from: "newest", limit: 1 });
      const senders = ["1", "2", "3", "4"].map((id) => ({ id, model: createModel(id), confirmed: 0 }));
      let confirmed = 0;

      /** Does one thing after the other until the server is gone. */
      const write = async (sender: (typeof senders)[number]): Promise<void> => {
        for (;;) {
          try {
            await step(store, sender.id, sender.confirmed);
          } catch (error) {
            if ((error as { code?: string }).code === "ERR_CONNECTION") return;
            throw error;
          }
          sender.confirmed++;
          confirmed++;
        }
      };
      for (let kill = 1; kill <= KILLS; kill++) {
        const enough = confirmed + 20 + ((kill * 37) % 40);
        const writing = Promise.all(senders.map(write));
        while (confirmed < enough) await sleep(1);
        await sleep((kill * 7) % 20);
        await own.kill();
        await writing;
        await own.start();
        const isThere = async (): Promise<boolean> => {
          try {
            await store.counts();
            return true;
          } catch {
            return false;
          }
        };
        await expect.poll(isThere, { timeout: 30_000 }).toBe(true);
        for (const sender of senders) {
          const { id, model } = sender;
          while (model.done < sender.confirmed) await model.advance();
          const found = await stateOf(store, id, sender.confirmed);
          if (isDeepStrictEqual(found, await model.state(sender.confirmed))) continue;
          // what was under way may be there, whole
          await model.advance();
          expect(found, `kill ${kill}, sender ${id}`).toEqual(await model.state(sender.confirmed));
        }
      }
      expect(await inconsistencies(store, cursor)).toEqual([]);
    },
    60_000 + KILLS * 30_000,
  );
});
