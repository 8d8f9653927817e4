// Registration stores and their bare drivers, side by side: the driver runs the statements that the store was seen to run.
import { createPostgresRegistrationStore } from "@cloud-messaging/store-postgres";
import { createRedisRegistrationStore } from "@cloud-messaging/store-redis";
import { Redis } from "ioredis";
import pg from "pg";

/** Opens a store in PostgreSQL, and the driver under it. */
export async function openPostgres(url, schema) {
  const pool = new pg.Pool({ connectionString: url, max: 8 });
  let last;
  const seen = new Proxy(pool, {
    get: (target, name) =>
      name === "query"
        ? (statement) => {
            last = statement;
            return pool.query(statement);
          }
        : Reflect.get(target, name).bind?.(target),
  });
  const store = createPostgresRegistrationStore({ pool, schema });
  await store.migrate();
  const recording = createPostgresRegistrationStore({ pool: seen, schema });
  return {
    store,
    query: (text) => pool.query(text),
    /** The statement of a call, as a function of the driver's with values of one's own. */
    async bare(call, valuesOf) {
      await call(recording);
      const { name, text, values, rowMode } = last;
      return async (...args) => {
        const { rows } = await pool.query({ name, text, values: valuesOf(values, ...args), rowMode });
        return rows;
      };
    },
    close: async () => {
      await store.close();
      await recording.close();
      await pool.end();
    },
  };
}

/** Opens a store in Redis, and the driver under it. */
export async function openRedis(url, prefix) {
  const client = new Redis(url);
  let last;
  const seen = {
    evalsha: (...args) => {
      last = args;
      return client.evalsha(...args);
    },
    eval: (...args) => client.eval(...args),
  };
  const store = createRedisRegistrationStore({ client, prefix, timeoutMs: 60_000 });
  const recording = createRedisRegistrationStore({ client: seen, prefix });
  return {
    store,
    driver: client,
    async bare(call, valuesOf) {
      await call(recording);
      const [sha, count, ...rest] = last;
      const keys = rest.slice(0, count);
      const values = rest.slice(count);
      return (...args) => client.evalsha(sha, count, ...keys, ...valuesOf(values, ...args));
    },
    close: async () => client.disconnect(),
  };
}
