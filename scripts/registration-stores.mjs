// Registration stores that a program can be told to open, by name, at a location: a folder or the address of a server.
export const STORES = {
  async lmdb(location) {
    const { createLmdbRegistrationStore } = await import("@cloud-messaging/store-lmdb");
    return createLmdbRegistrationStore({ path: location });
  },
  async postgres(location) {
    const { createPostgresRegistrationStore } = await import("@cloud-messaging/store-postgres");
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: location, max: 4 });
    const store = createPostgresRegistrationStore({ pool });
    await store.migrate();
    return { ...store, close: () => store.close().then(() => pool.end()) };
  },
  async redis(location) {
    const { createRedisRegistrationStore } = await import("@cloud-messaging/store-redis");
    const { Redis } = await import("ioredis");
    const client = new Redis(location, { retryStrategy: () => 50 });
    client.on("error", () => undefined);
    const store = createRedisRegistrationStore({ client });
    return { ...store, close: () => store.close().then(() => client.disconnect()) };
  },
};

/** Opens a store. It has a `close()` that resolves once its files or connections are gone. */
export async function openStore(name, location) {
  const open = STORES[name];
  if (open === undefined) throw new Error(`There is no store ${name}: ${Object.keys(STORES).join(", ")}`);
  return open(location);
}
