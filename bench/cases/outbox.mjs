// What does an outbox cost: over the bare engine that stores the same rows, and, for a whole campaign, over `sendAll` of the same transport?
//
// `floor` stores what the outbox stores, row by row, by hand: no validation, no keys, no leases. Of outbox-send it is `sendAll`, which
// keeps nothing.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGcmHttpTransport, createGcmSender } from "@cloud-messaging/http-sender";
import { Queue } from "bullmq";
import { Redis } from "ioredis";
import { open } from "lmdb";
import pg from "pg";
import { inFlight } from "../lib/in-flight.mjs";
import { OUTBOXES } from "../lib/outboxes.mjs";
import { asServer, startPostgres, startRedis } from "../servers/databases.mjs";
import { startCannedGcmServer } from "../servers/gcm-http.mjs";

const WIDTH = 64;
const CHUNK = 1_000;
const CHUNKS_AT_ONCE = 16;
const MESSAGE = { data: { type: "release", version: "4.2", text: "Now with offline maps 🎬" } };
const BODY = JSON.stringify({ v: 1, content: MESSAGE });
const token = (n) => `${String(n).padStart(10, "0")}:APA91b${"x".repeat(134)}`;

function* audience(from, count) {
  for (let n = from; n < from + count; n++) yield token(n);
}

async function startFolder() {
  const folder = mkdtempSync(join(tmpdir(), "bench-outbox-"));
  return { value: folder, close: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A million messages one by one, or in campaigns. */
const enqueue = (outbox) => {
  let n = 0;
  const one = async () => {
    const { created } = await outbox.enqueue({ ...MESSAGE, target: { token: token(n++) } });
    return created ? 1 : 0;
  };
  return (messages) => inFlight(messages, WIDTH, one);
};
const enqueueAll = (outbox) => {
  let from = 0;
  return async (recipients) => {
    const { id } = await outbox.enqueueAll(MESSAGE, audience(from, recipients));
    from += recipients;
    return (await outbox.progress(id)).recipients;
  };
};

/** IDs of a floor's own process: what a process before has stored stays. */
const RUN = process.pid;
/** What a floor stores: chunks of one recipient, or of a thousand. */
const singles = (store) => {
  let n = 0;
  const one = async () => {
    const at = n++;
    await store([{ id: `id-${RUN}-${at}`, chunk: 0, tokens: [token(at)] }]);
    return 1;
  };
  return (messages) => inFlight(messages, WIDTH, one);
};
const campaigns = (store) => {
  let from = 0;
  let campaign = 0;
  return async (recipients) => {
    const id = `campaign-${RUN}-${campaign++}`;
    let chunk = 0;
    let chunks = [];
    let tokens = [];
    const flush = async () => {
      await store(chunks);
      chunks = [];
    };
    const close = () => {
      chunks.push({ id, chunk: chunk++, tokens });
      tokens = [];
    };
    for (const each of audience(from, recipients)) {
      tokens.push(each);
      if (tokens.length < CHUNK) continue;
      close();
      if (chunks.length === CHUNKS_AT_ONCE) await flush();
    }
    if (tokens.length > 0) close();
    await flush();
    from += recipients;
    return recipients;
  };
};

const EMPTY = Buffer.alloc(0);

/** Stores chunks in LMDB; calls that wait for the disk together share a transaction, as in the outbox. */
function bareLmdb(folder) {
  const path = join(folder, "bare");
  const root = open({ path, noSubdir: false, maxDbs: 16, overlappingSync: false, eventTurnBatching: false });
  const binary = { encoding: "binary" };
  const [submissions, chunks, due, lanes, backlog] = ["submissions", "chunks", "due", "lanes", "backlog"].map((name) =>
    root.openDB(name, {}),
  );
  const bodies = root.openDB("bodies", binary);
  const recipients = root.openDB("recipients", binary);
  const put = ({ id, chunk, tokens }) => {
    const now = Date.now();
    const pending = tokens.length;
    if (chunk === 0) void bodies.put(id, Buffer.from(BODY));
    void recipients.put([id, chunk], Buffer.from(JSON.stringify({ v: 1, names: tokens })));
    void chunks.put([id, chunk], { size: pending, pending, state: EMPTY, dueAt: now, waits: true });
    void due.put([id, now, chunk], null);
    if (chunk === 0) void lanes.put(["bulk", now, id], null);
    void backlog.put("bulk", (backlog.get("bulk") ?? 0) + pending);
    const counts = { chunks: chunk + 1, recipients: pending, pending, counts: {} };
    void submissions.put(id, { lane: "bulk", state: "running", sealed: true, createdAt: now, ...counts, laneAt: now });
  };
  let waiting = [];
  let isWriting = false;
  async function write() {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await root.transaction(() => {
        for (const { given } of batch) for (const each of given) put(each);
      });
      for (const { resolve } of batch) resolve();
    }
    isWriting = false;
  }
  const store = (given) =>
    new Promise((resolve) => {
      waiting.push({ given, resolve });
      if (isWriting) return;
      isWriting = true;
      queueMicrotask(write);
    });
  return { store, close: () => root.close() };
}

const ours = (engine, use) => async (location) => {
  const { outbox, close } = await OUTBOXES[engine].open(location);
  return { send: use(outbox), close };
};
const floor = (open, use) => async (location) => {
  const { store, close } = await open(location);
  return { send: use(store), close };
};

/** A campaign from its recipients to the last outcome. */
const throughOutbox = (open) => async (server) => {
  const { outbox, close } = await open(server);
  const store = enqueueAll(outbox);
  return {
    async send(recipients) {
      await store(recipients);
      await outbox.work({ untilIdle: true, concurrency: 4 });
      return recipients;
    },
    close,
  };
};

function sendAll({ endpoint }) {
  const sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint, maxConnections: 4 });
  let from = 0;
  return {
    async send(recipients) {
      let accepted = 0;
      for await (const { kind } of sender.sendAll(MESSAGE, audience(from, recipients), { concurrency: 4 })) {
        if (kind === "accepted") accepted++;
      }
      from += recipients;
      return accepted;
    },
    close: () => sender.close(),
  };
}

function openEmbedded({ folder, endpoint }) {
  const transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint, maxConnections: 4 });
  return OUTBOXES.lmdb.open(folder, { transport });
}

async function startService() {
  const folder = await startFolder();
  const service = await startCannedGcmServer();
  return {
    value: { folder: folder.value, endpoint: service.value },
    close() {
      service.close();
      folder.close();
    },
  };
}

/** Stores chunks in PostgreSQL, those of a call in one statement. */
async function barePostgres(url) {
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  await pool.query(
    "CREATE TABLE IF NOT EXISTS bare (id text, chunk integer, recipients bytea, PRIMARY KEY (id, chunk))",
  );
  await pool.query("CREATE TABLE IF NOT EXISTS bare_body (id text PRIMARY KEY, body bytea)");
  const store = async (given) => {
    const values = [
      given.map(({ id }) => id),
      given.map(({ chunk }) => chunk),
      given.map(({ tokens }) => Buffer.from(JSON.stringify({ v: 1, names: tokens }))),
    ];
    const chunks = "INSERT INTO bare SELECT * FROM unnest($1::text[], $2::integer[], $3::bytea[])";
    if (given[0]?.chunk !== 0) return pool.query({ name: "chunks", text: chunks, values });
    const text = `WITH body AS (INSERT INTO bare_body VALUES ($4, $5)) ${chunks}`;
    return pool.query({ name: "first", text, values: [...values, given[0].id, Buffer.from(BODY)] });
  };
  return { store, close: () => pool.end() };
}

/** Adds chunks as jobs of a queue, those of a call at once; the message once beside them. */
async function bareBullmq(url) {
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const queue = new Queue("bare", { connection });
  const store = async (given) => {
    const jobs = given.map(({ id, chunk, tokens }) => ({
      name: "chunk",
      data: { id, chunk, names: tokens },
      opts: { jobId: `${id}.${chunk}` },
    }));
    const body = given[0]?.chunk === 0 ? connection.set(`bare-body-${given[0].id}`, BODY) : undefined;
    await Promise.all([queue.addBulk(jobs), body]);
  };
  return { store, close: () => queue.close().then(() => connection.disconnect()) };
}

const onLmdb = { group: "outbox", startServer: startFolder, target: { floor: 1.3 } };
const onPostgres = { ...onLmdb, startServer: asServer(startPostgres) };
const onBullmq = { ...onLmdb, startServer: asServer(startRedis) };
export default [
  {
    ...onLmdb,
    name: "outbox-enqueue",
    unit: "message",
    messages: 20_000,
    contestants: { floor: floor(bareLmdb, singles), ours: ours("lmdb", enqueue) },
  },
  {
    ...onLmdb,
    name: "outbox-campaign",
    unit: "recipient",
    messages: 300_000,
    contestants: { floor: floor(bareLmdb, campaigns), ours: ours("lmdb", enqueueAll) },
  },
  {
    name: "outbox-send",
    group: "outbox",
    unit: "recipient",
    messages: 100_000,
    startServer: startService,
    contestants: { floor: sendAll, ours: throughOutbox(openEmbedded) },
    target: { floor: 1.25 },
  },
  {
    ...onPostgres,
    name: "outbox-postgres-enqueue",
    unit: "message",
    messages: 6_000,
    contestants: { floor: floor(barePostgres, singles), ours: ours("postgres", enqueue) },
  },
  {
    ...onPostgres,
    name: "outbox-postgres-campaign",
    unit: "recipient",
    messages: 100_000,
    contestants: { floor: floor(barePostgres, campaigns), ours: ours("postgres", enqueueAll) },
  },
  {
    ...onBullmq,
    name: "outbox-bullmq-enqueue",
    unit: "message",
    messages: 6_000,
    contestants: { floor: floor(bareBullmq, singles), ours: ours("bullmq", enqueue) },
  },
  {
    ...onBullmq,
    name: "outbox-bullmq-campaign",
    unit: "recipient",
    messages: 100_000,
    contestants: { floor: floor(bareBullmq, campaigns), ours: ours("bullmq", enqueueAll) },
  },
];
