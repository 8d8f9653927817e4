// A service that keeps registrations: apps report their tokens and sign out, the back office sends to users, and every night what was not
// seen for long is removed. On lmdb, with nothing to install or start:
//
//   npm run setup && node examples/fastify/server.mjs
//
// or in a database: --postgres postgres://user:password@host/database. More options: --path <folder of lmdb>, --port <number>,
// --credential <service account's file> (without it, messages go to an emulator that runs in this process).
//
//   curl -i -X PUT  localhost:8080/registrations -H "authorization: Bearer $SESSION" -H content-type:application/json -d '{"token":"…","platform":"android"}'
//   curl -i -X POST localhost:8080/sign-out      -H "authorization: Bearer $SESSION" -H content-type:application/json -d '{"token":"…"}'
//   curl -i -X POST localhost:8080/messages      -H "authorization: Bearer $SERVICE_KEY" -H content-type:application/json -d '{"userId":"ada","data":{"score":"5:1"}}'
import { parseArgs } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import { createApp } from "./app.mjs";
import { pruneNightly, pruneNow } from "./nightly.mjs";
import { createSessions } from "./sessions.mjs";

const { values: options } = parseArgs({
  options: {
    path: { type: "string", default: "registrations.db" },
    postgres: { type: "string" },
    port: { type: "string", default: "8080" },
    credential: { type: "string" },
  },
});

/** The store: the only lines that differ between the two databases. */
async function openRegistrations() {
  if (options.postgres === undefined) return { registrations: createLmdbRegistrationStore({ path: options.path }) };
  const { default: pg } = await import("pg");
  const { createPostgresRegistrationStore } = await import("@cloud-messaging/store-postgres");
  const pool = new pg.Pool({ connectionString: options.postgres, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => {}); // an idle connection was lost: the next call gets a new one
  const registrations = createPostgresRegistrationStore({ pool });
  await registrations.migrate();
  return { registrations, pool };
}

const { SESSION_SECRET: secret, SERVICE_KEY: serviceKey } = process.env;
const sessions = createSessions({ secret, serviceKey });
const { registrations, pool } = await openRegistrations();
const emulator = options.credential === undefined ? await startEmulator() : undefined;
const sender = emulator?.fcmOptions() ?? { credential: options.credential };
const app = await createApp({ ...sender, registrations }, sessions);
const endNights = pruneNightly(registrations);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, async () => {
    endNights();
    await app.close();
    await registrations.close();
    await pool?.end();
    await emulator?.close();
  });
}

console.log(`pruned: ${await pruneNow(registrations)}`);
console.log(`listening: ${await app.listen({ port: Number(options.port), host: "127.0.0.1" })}`);
if (secret === undefined) {
  console.log(`a phone of the emulator: ${emulator?.createDevice({ name: "phone" }).token}`);
  console.log(`a session of ada: ${sessions.sessionOf("ada")}`);
  console.log(`a session of grace: ${sessions.sessionOf("grace")}`);
}
if (serviceKey === undefined) console.log(`the service key: ${sessions.serviceKey}`);
