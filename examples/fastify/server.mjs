// A service that keeps registrations: apps report their tokens and sign out, the back office sends to users, and every night what was not
// seen for long is removed. On lmdb, with nothing to install or start:
//
//   npm run setup && node examples/registrations-service.mjs
//
// or in a database: --postgres postgres://user:password@host/database. More options: --path <folder of lmdb>, --port <number>,
// --credential <service account's file> (without it, messages go to an emulator that runs in this process).
//
//   curl -i -X PUT  localhost:8080/registrations -H "authorization: Bearer $SESSION" -H content-type:application/json -d '{"token":"…","platform":"android"}'
//   curl -i -X POST localhost:8080/sign-out      -H "authorization: Bearer $SESSION" -H content-type:application/json -d '{"token":"…"}'
//   curl -i -X POST localhost:8080/messages      -H "authorization: Bearer $SERVICE_KEY" -H content-type:application/json -d '{"userId":"ada","data":{"score":"5:1"}}'
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { parseArgs } from "node:util";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, prune } from "@cloud-messaging/http-sender";
import { createLmdbRegistrationStore } from "@cloud-messaging/store-lmdb";
import Fastify from "fastify";

const DAY_MS = 86_400_000;
/** Google counts a token that was not seen for 270 days as dead. */
const UNSEEN_FOR_MS = 270 * DAY_MS;
const NIGHT_HOUR = 3;

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
  if (options.postgres === undefined) return createLmdbRegistrationStore({ path: options.path });
  const { default: pg } = await import("pg");
  const { createPostgresRegistrationStore } = await import("@cloud-messaging/store-postgres");
  const pool = new pg.Pool({ connectionString: options.postgres, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => {}); // an idle connection was lost: the next call gets a new one
  const store = createPostgresRegistrationStore({ pool });
  await store.migrate();
  app.addHook("onClose", () => pool.end());
  return store;
}

// bodies are small; nothing in them is taken for something else, or left out
const ajv = { customOptions: { coerceTypes: false, removeAdditional: false } };
const app = Fastify({ bodyLimit: 16_384, requestTimeout: 30_000, ajv });
const registrations = await openRegistrations();
const emulator = options.credential === undefined ? await startEmulator() : undefined;
const sender = createFcmSender({ ...(emulator?.fcmOptions() ?? { credential: options.credential }), registrations });

// --- who calls -------------------------------------------------------------------------------------------------------------------------
// Take your own sessions here. These are signed: the user's ID, a dot, and a MAC, so that nobody registers a phone for somebody else.
const secret = process.env.SESSION_SECRET ?? randomBytes(32).toString("hex");
const serviceKey = process.env.SERVICE_KEY ?? randomBytes(32).toString("hex");
const mac = (text) => createHmac("sha256", secret).update(text).digest();
const sessionOf = (userId) => `${Buffer.from(userId).toString("base64url")}.${mac(userId).toString("base64url")}`;
const bearer = ({ headers }) => /^Bearer (\S+)$/i.exec(headers.authorization ?? "")?.[1] ?? "";

function userOf(request) {
  const [id = "", signature = ""] = bearer(request).split(".");
  const userId = Buffer.from(id, "base64url").toString();
  const [given, due] = [Buffer.from(signature, "base64url"), mac(userId)];
  return given.length === due.length && timingSafeEqual(given, due) ? userId : undefined;
}

async function asUser(request, reply) {
  request.userId = userOf(request);
  if (request.userId === undefined) await reply.code(401).send({ error: "sign in first" });
}

async function asService(request, reply) {
  // of equal length, whatever was given
  if (!timingSafeEqual(mac(bearer(request)), mac(serviceKey)))
    await reply.code(401).send({ error: "the service key is due" });
}

// --- routes ----------------------------------------------------------------------------------------------------------------------------
const body = (properties, required) => ({
  body: { type: "object", properties, required, additionalProperties: false },
});
const token = { type: "string", minLength: 1, maxLength: 4_096 };
const text = { type: "string" };
const texts = { type: "object", additionalProperties: text };

// the app: at each start, when its token changes, and at least once a month
app.put(
  "/registrations",
  {
    onRequest: asUser,
    schema: body({ token, platform: text, appVersion: text, locale: text, attributes: texts }, ["token"]),
  },
  async ({ userId, body: { token, ...details } }, reply) => {
    await registrations.register(userId, token, details); // on the disk when it resolves
    return reply.code(204).send();
  },
);

// the app, before the user is gone from the screen
app.post("/sign-out", { onRequest: asUser, schema: body({ token }, ["token"]) }, async ({ userId, body }, reply) => {
  await registrations.unregister(userId, body.token);
  return reply.code(204).send();
});

// the back office
const message = {
  data: texts,
  notification: { type: "object" },
  collapseKey: text,
  timeToLiveSec: { type: "integer" },
};
app.post(
  "/messages",
  { onRequest: asService, schema: body({ userId: text, ...message }, ["userId"]) },
  async ({ body: { userId, ...content } }) => {
    const { outcomes } = await sender.sendToUser(userId, content, { timeoutMs: 20_000 });
    // no tokens: whoever has one can be sent to
    return { outcomes: outcomes.map(({ kind, code }) => ({ kind, code })) };
  },
);

// of this process alone: a service that is down is no reason to take the registrations of apps no more
app.get("/health", async (_request, reply) => {
  const { ready, reason, lastError, backlog } = sender.health();
  return reply.code(ready ? 200 : 503).send({ ready, reason, lastError, backlog, ...(await registrations.counts()) });
});

app.setErrorHandler((error, _request, reply) => {
  const { code, statusCode } = error;
  if (code === "ERR_INVALID_REGISTRATION" || code === "ERR_INVALID_MESSAGE")
    return reply.code(400).send({ error: error.message });
  if (statusCode >= 400 && statusCode < 500) return reply.code(statusCode).send({ error: error.message });
  // the store, the network, this program: nothing for the caller to mend, and nothing to tell
  console.error(`${error.name} ${code ?? ""}: ${error.message}`);
  return reply.code(503).header("retry-after", "10").send({ error: "try again later" });
});

// --- every night -----------------------------------------------------------------------------------------------------------------------
let nightly;
async function pruneNow() {
  let count = 0;
  for await (const _ of prune(registrations, { unseenForMs: UNSEEN_FOR_MS })) count++;
  return count;
}
function pruneNightly() {
  const next = new Date();
  next.setHours(NIGHT_HOUR, 0, 0, 0);
  if (next.getTime() <= Date.now()) next.setDate(next.getDate() + 1);
  nightly = setTimeout(async () => {
    pruneNightly();
    await pruneNow().then(
      (count) => console.log(`pruned: ${count}`),
      (error) => console.error(`not pruned: ${error.message}`),
    );
  }, next.getTime() - Date.now());
}

// --- the process -----------------------------------------------------------------------------------------------------------------------
app.addHook("onClose", async () => {
  clearTimeout(nightly);
  await sender.close();
  await registrations.close();
  await emulator?.close();
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => app.close());

pruneNightly();
console.log(`pruned: ${await pruneNow()}`);
console.log(`listening: ${await app.listen({ port: Number(options.port), host: "127.0.0.1" })}`);
if (process.env.SESSION_SECRET === undefined) {
  console.log(`a phone of the emulator: ${emulator?.createDevice({ name: "phone" }).token}`);
  console.log(`a session of ada: ${sessionOf("ada")}`);
  console.log(`a session of grace: ${sessionOf("grace")}`);
}
if (process.env.SERVICE_KEY === undefined) console.log(`the service key: ${serviceKey}`);
