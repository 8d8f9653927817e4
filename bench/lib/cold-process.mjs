// One fresh process of bench/cold-start.mjs: does one thing, and prints the CPU time and the time that it took.
import { USUAL, usualAdmin, usualGcm, usualV1 } from "./usual-message.mjs";

const TOKEN = `cTEST0123456789abcdefg:APA91b${"x".repeat(134)}`;
const API_KEY = "AIza-EXAMPLE";
const ACCESS_TOKEN = `ya29.${"x".repeat(200)}`;
const json = { "content-type": "application/json" };

/** A program: what it does up to its end. `import` and `startEmulator` are net of Node itself; the others are whole processes. */
const PROGRAMS = {
  import: async ({ specifier }) => void (await import(specifier)),

  async startEmulator() {
    const { startEmulator } = await import("@cloud-messaging/emulator");
    const emulator = await startEmulator({ httpPort: 0, httpsPort: 0, ccsPort: 0 });
    return () => emulator.close();
  },

  async "v1: ours"({ v1 }) {
    const { createFcmSender } = await import("@cloud-messaging/http-sender");
    const sender = createFcmSender({
      endpoint: v1.origin,
      tls: { ca: v1.ca },
      projectId: "demo",
      credential: async () => ACCESS_TOKEN,
    });
    const { outcome } = await sender.send({ target: { token: TOKEN }, ...USUAL });
    if (outcome.kind !== "accepted") throw new Error(JSON.stringify(outcome));
    return () => sender.close();
  },

  async "v1: undici"({ v1 }) {
    const { Pool } = await import("undici");
    const pool = new Pool(v1.origin, { connect: { ca: v1.ca }, allowH2: false });
    const { statusCode, body } = await pool.request({
      method: "POST",
      path: "/v1/projects/demo/messages:send",
      headers: { ...json, authorization: `Bearer ${ACCESS_TOKEN}` },
      body: JSON.stringify({ message: usualV1(TOKEN) }),
    });
    if (statusCode !== 200 || (await body.json()).name === undefined) throw new Error(`HTTP ${statusCode}`);
    return () => pool.close();
  },

  async "v1: firebase-admin"({ v1 }) {
    const { firebaseMessaging } = await import("./firebase-admin.mjs");
    // its send() knows no other address; sendEach() goes over HTTP/2, of which the address can be set
    const { successCount } = await firebaseMessaging(v1, ACCESS_TOKEN).sendEach([usualAdmin(TOKEN)]);
    if (successCount !== 1) throw new Error("refused");
  },

  async "gcm: ours"({ gcm, count }) {
    const { createGcmSender } = await import("@cloud-messaging/http-sender");
    const sender = createGcmSender({ apiKey: API_KEY, endpoint: gcm });
    await inParallel(count, async () => {
      const { outcome } = await sender.send({ target: { token: TOKEN }, ...USUAL });
      if (outcome.kind !== "accepted") throw new Error(JSON.stringify(outcome));
    });
    await sender.close();
  },

  async "gcm: undici"({ gcm, count }) {
    const { Pool } = await import("undici");
    const { origin, pathname: path } = new URL(gcm);
    const pool = new Pool(origin, { connections: 64 });
    await inParallel(count, async () => {
      const headers = { ...json, authorization: `key=${API_KEY}` };
      const text = JSON.stringify({ ...usualGcm(), registration_ids: [TOKEN] });
      const { statusCode, body } = await pool.request({ method: "POST", path, headers, body: text });
      const answer = await body.json();
      if (statusCode !== 200 || answer.results[0].message_id === undefined) throw new Error(`HTTP ${statusCode}`);
    });
    await pool.close();
  },

  async "gcm: node-gcm"({ gcm: uri, count }) {
    const { default: gcm } = await import("node-gcm");
    const sender = new gcm.Sender(API_KEY, { uri });
    const { time_to_live: timeToLive, ...rest } = usualGcm();
    await inParallel(
      count,
      () =>
        new Promise((resolve, reject) => {
          sender.send(new gcm.Message({ ...rest, timeToLive }), { registrationTokens: [TOKEN] }, (error, answer) =>
            error || answer.success !== 1 ? reject(error ?? new Error("refused")) : resolve(),
          );
        }),
    );
  },
};

/** `Promise.all` of as many sends, 64 at a time. */
async function inParallel(count, send) {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await send();
  };
  await Promise.all(Array.from({ length: Math.min(64, count) }, worker));
}

const { program, ...given } = JSON.parse(process.argv[2]);
const isNet = program === "import" || program === "startEmulator";
const cpuBefore = isNet ? process.cpuUsage() : undefined;
const startedAt = isNet ? performance.now() : 0;
const end = await PROGRAMS[program](given);
const { user, system } = process.cpuUsage(cpuBefore);
process.stdout.write(JSON.stringify({ cpuMs: (user + system) / 1000, ms: performance.now() - startedAt }));
await end?.();
process.exit(); // a peer may keep connections open
