// Registration stores that a program can be told to open, by name, at a location: a folder or the address of a server.
import { setTimeout as sleep } from "node:timers/promises";

/** Longest time that a server takes to notice that a process is gone. */
const GONE_MS = 30_000;

export const STORES = {
  async lmdb(location) {
    const { createLmdbRegistrationStore } = await import("@cloud-messaging/store-lmdb");
    const store = createLmdbRegistrationStore({ path: location });
    return { ...store, untilGone: async () => undefined };
  },
  async postgres(location, client) {
    const { createPostgresRegistrationStore } = await import("@cloud-messaging/store-postgres");
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: location, max: 4, application_name: client });
    const store = createPostgresRegistrationStore({ pool });
    await store.migrate();
    const connections = async (of) => {
      const { rows } = await pool.query("SELECT FROM pg_stat_activity WHERE application_name = $1", [of]);
      return rows.length;
    };
    return {
      ...store,
      untilGone: (other) => untilNone(() => connections(other)),
      close: () => store.close().then(() => pool.end()),
    };
  },
  async redis(location, client) {
    const { createRedisRegistrationStore } = await import("@cloud-messaging/store-redis");
    const { Redis } = await import("ioredis");
    const redis = new Redis(location, { retryStrategy: () => 50, connectionName: client });
    redis.on("error", () => undefined);
    const store = createRedisRegistrationStore({ client: redis });
    const connections = async (of) => (await redis.client("LIST")).split(` name=${of} `).length - 1;
    return {
      ...store,
      untilGone: (other) => untilNone(() => connections(other)),
      close: () => store.close().then(() => redis.disconnect()),
    };
  },
};

/** Asks again and again until there are none. */
async function untilNone(count) {
  for (const since = performance.now(); (await count()) > 0; ) {
    if (performance.now() - since > GONE_MS)
      throw new Error(`connections of a killed process are there after ${GONE_MS} ms`);
    await sleep(5);
  }
}

/**
 * Opens a store, under a name by which its server knows the connections. It has a `close()` that resolves once its files or connections are
 * gone, and an `untilGone(client)` that resolves once the server has ended everything of that client.
 */
export async function openStore(name, location, client = "registrations") {
  const open = STORES[name];
  if (open === undefined) throw new Error(`There is no store ${name}: ${Object.keys(STORES).join(", ")}`);
  return open(location, client);
}
