// The engines of the outbox, each with the place that it stores in.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createOutbox as createEmbedded } from "@cloud-messaging/outbox";
import { createBullmqEngine } from "@cloud-messaging/outbox-bullmq";
import { createOutbox, createPostgresEngine } from "@cloud-messaging/outbox-postgres";
import { Redis } from "ioredis";
import pg from "pg";
import { startPostgres, startRedis } from "../servers/databases.mjs";
import { bytesBelow, mib, residentMib } from "./size.mjs";

const MANY = { maxBacklog: Number.POSITIVE_INFINITY };

function placeOf(server) {
  return {
    location: server.url,
    size: () => ({ diskMb: mib(bytesBelow(server.folder)), serverMb: residentMib(server.pid) }),
    close: () => server[Symbol.asyncDispose](),
  };
}

/** By the engine's name: `start` makes a place, `open` an outbox on it, in any process. */
export const OUTBOXES = {
  lmdb: {
    async start() {
      const location = mkdtempSync(join(tmpdir(), "bench-outbox-"));
      return {
        location,
        size: () => ({ diskMb: mib(bytesBelow(location)) }),
        close: () => rmSync(location, { recursive: true, force: true }),
      };
    },
    async open(path, options) {
      const outbox = createEmbedded({ path, ...MANY, ...options });
      return { outbox, close: () => outbox.close() };
    },
  },
  postgres: {
    start: async () => placeOf(await startPostgres()),
    async open(connectionString, options) {
      const pool = new pg.Pool({ connectionString, max: 4 });
      const engine = createPostgresEngine({ pool });
      await engine.migrate();
      const outbox = createOutbox({ engine, ...MANY, ...options });
      return { outbox, close: () => outbox.close().then(() => pool.end()) };
    },
  },
  bullmq: {
    start: async () => placeOf(await startRedis()),
    async open(url, options) {
      const client = new Redis(url, { maxRetriesPerRequest: null });
      const engine = createBullmqEngine({ client, timeoutMs: 60_000 });
      const outbox = createOutbox({ engine, ...MANY, ...options });
      return { outbox, close: () => outbox.close().then(() => client.disconnect()) };
    },
  },
};
