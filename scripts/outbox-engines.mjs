// Outbox engines that a program can be told to open, by name, at a location: a folder or the address of a server.
export const ENGINES = {
  async embedded(location) {
    const { createEmbeddedEngine } = await import("@cloud-messaging/outbox");
    return createEmbeddedEngine({ path: location });
  },
  async bullmq(location) {
    const { createBullmqEngine } = await import("@cloud-messaging/outbox-bullmq");
    const { Redis } = await import("ioredis");
    const client = new Redis(location);
    // the server may end after the engine
    client.on("error", () => {});
    const engine = createBullmqEngine({ client });
    const { close } = engine;
    engine.close = async () => {
      await close();
      client.disconnect();
    };
    return engine;
  },
  async postgres(location) {
    const { createPostgresEngine } = await import("@cloud-messaging/outbox-postgres");
    const { default: pg } = await import("pg");
    const pool = new pg.Pool({ connectionString: location, max: 4, allowExitOnIdle: true });
    // the server may end after the engine
    pool.on("error", () => {});
    const engine = createPostgresEngine({ pool });
    await engine.migrate();
    return engine;
  },
};

/** Opens an engine. */
export async function openEngine(name, location) {
  const open = ENGINES[name];
  if (open === undefined) throw new Error(`There is no engine ${name}: ${Object.keys(ENGINES).join(", ")}`);
  return open(location);
}
