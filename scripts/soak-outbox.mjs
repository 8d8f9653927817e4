// Kills workers of an outbox in mid-batch, and the process that stores the campaign, again and again, and counts at the receiving server:
// no recipient is lost, and each copy is told.
//
//   node scripts/soak-outbox.mjs [--engine embedded] [--location <folder or address>] [--kills 50] [--recipients 1000000] [--json]
//
// Two workers send one campaign; one of them is killed (SIGKILL) each time another part of it has arrived, and replaced. Exit status 0 only
// when nothing was lost, each recipient has one result, and each copy belongs to a result that tells of it.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createOutbox } from "@cloud-messaging/core/transport";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { startKillable, whileRunning } from "./killable-process.mjs";
import { openEngine } from "./outbox-engines.mjs";

const FILE = fileURLToPath(import.meta.url);
const KEY = "campaign";
const WORKERS = 2;
const CONCURRENCY = 4;
const BATCH = 100;
const LEASE_MS = 3_000;
/** Longest time in which no recipient is settled. Leases of killed workers run out well before. */
const STALL_MS = 60_000;
const tokenOf = (n) => `token-${n}`;

function* audience(recipients) {
  for (let n = 0; n < recipients; n++) yield tokenOf(n);
}

/** Service that counts what it receives, by recipient, and answers a little later. */
async function startReceiver(recipients, onReceived) {
  const copies = new Uint8Array(recipients);
  let received = 0;
  let delivered = 0;
  const server = createServer(async (request, response) => {
    const parts = [];
    try {
      for await (const part of request) parts.push(part);
    } catch {
      // its worker was killed in the middle of it
      return;
    }
    const { registration_ids: many, to } = JSON.parse(Buffer.concat(parts).toString());
    const tokens = many ?? [to];
    for (const token of tokens) {
      const n = Number(token.slice("token-".length));
      if (copies[n]++ === 0) delivered++;
      received++;
    }
    onReceived(delivered);
    const results = tokens.map(() => ({ message_id: `0:${received}` }));
    // a worker that is killed meanwhile has written and not recorded
    setTimeout(() => {
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({ multicast_id: received, success: results.length, failure: 0, canonical_ids: 0, results }),
      );
    }, 5);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${server.address().port}/gcm/send`,
    copies,
    counts: () => ({ received, delivered }),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function openOutbox({ engine, location, endpoint }) {
  const transport = endpoint && createGcmHttpTransport({ apiKey: "key", endpoint, allowInsecure: true });
  return createOutbox({
    engine: await openEngine(engine, location),
    ...(transport && { transport }),
    maxBacklog: Number.POSITIVE_INFINITY,
    retry: { minMs: 0, initialMs: 0, maxMs: 0 },
  });
}

/** A process of its own: a worker, or the one that stores the campaign. */
async function child(role, settings) {
  const outbox = await openOutbox(settings);
  if (role === "work")
    await outbox.work({ concurrency: CONCURRENCY, batchSize: BATCH, leaseMs: LEASE_MS, pollMs: 100 });
  else await outbox.enqueueAll({ data: { release: "4.2" } }, audience(settings.recipients), { key: KEY });
  await outbox.close();
}

/** Runs the kills. @returns counts, and everything that was wrong in words. */
export async function soakOutbox({ engine, location, kills, recipients, log = () => {} }) {
  const begun = performance.now();
  let onDelivered = () => {};
  const receiver = await startReceiver(recipients, (delivered) => onDelivered(delivered));
  const outbox = await openOutbox({ engine, location });
  const processes = [];
  const start = (role) => {
    const settings = JSON.stringify({ engine, location, endpoint: receiver.endpoint, recipients });
    const started = startKillable([FILE, "--child", role, "--settings", settings]);
    processes.push(started);
    return started;
  };
  const reached = (count) =>
    new Promise((resolve) => {
      onDelivered = (delivered) => delivered >= count && resolve();
      onDelivered(receiver.counts().delivered);
    });
  try {
    // the process that stores is killed once it has stored a part, and another completes the campaign
    const storing = start("store");
    const storedOf = async () => (await outbox.progress({ key: KEY }))?.recipients ?? 0;
    await whileRunning([storing], untilAtLeast(recipients / 4, storedOf));
    await storing.kill();
    const storedBeforeKill = await storedOf();
    log(`killed the process that stores after ${storedBeforeKill} recipients`);
    await start("store").ended;

    const workers = Array.from({ length: WORKERS }, () => start("work"));
    // not every recipient has to arrive: one whose worker is killed twice between the mark and the request is told to be in doubt
    const stalled = idle(outbox);
    for (let kill = 1; kill <= kills; kill++) {
      const delivered = reached(Math.floor((recipients * kill) / (kills + 1)));
      await whileRunning(workers, Promise.race([delivered, stalled]));
      const victim = kill % WORKERS;
      await workers[victim].kill();
      workers[victim] = start("work");
      log(`kill ${kill}: ${receiver.counts().delivered} delivered`);
    }
    const left = await whileRunning(workers, stalled);
    await Promise.all(workers.map((worker) => worker.kill()));
    const report = await check(outbox, receiver, { recipients, kills });
    if (left > 0) report.problems.unshift(`${left} recipients are not settled, and none was for ${STALL_MS} ms`);
    return { ...report, storedBeforeKill, seconds: Math.round((performance.now() - begun) / 100) / 10 };
  } finally {
    // those of a run that failed: their error is known
    for (const each of processes) each.kill().catch(() => undefined);
    await outbox.close();
    await receiver.close();
  }
}

/** Asks for a number again and again until it is large enough, or has not grown for a long time. */
async function untilAtLeast(wanted, count) {
  let last = -1;
  for (let since = performance.now(); last < wanted; ) {
    const found = await count();
    if (found > last) since = performance.now();
    if (performance.now() - since > STALL_MS)
      throw new Error(`stored ${found} of ${wanted}, and none for ${STALL_MS} ms`);
    last = found;
    await sleep(5);
  }
}

/** Waits until every recipient is settled, or none was for a long time. Resolves with the number of those that are not. */
async function idle(outbox) {
  let left = Number.POSITIVE_INFINITY;
  for (let since = performance.now(); left > 0 && performance.now() - since < STALL_MS; ) {
    const { recipients } = await outbox.backlog();
    if (recipients < left) since = performance.now();
    left = recipients;
    await sleep(50);
  }
  return left;
}

async function check(outbox, { copies, counts }, { recipients, kills }) {
  const problems = [];
  const told = new Uint8Array(recipients);
  const results = new Uint8Array(recipients);
  let doubtful = 0;
  let missing = 0;
  for await (const { outcome } of outbox.results()) {
    const n = Number(outcome.recipient.slice("token-".length));
    results[n]++;
    // an ambiguous copy is one of those that are told
    told[n] = (outcome.unansweredCopies ?? 0) + (outcome.kind === "ambiguous" ? 1 : 0);
    if (told[n] > 0) doubtful++;
    if (outcome.kind === "ambiguous" && copies[n] === 0) missing++;
    else if (copies[n] === 0) problems.push(`${outcome.recipient} is ${outcome.kind} and never arrived`);
  }
  let lost = 0;
  let repeated = 0;
  for (let n = 0; n < recipients; n++) {
    if (copies[n] === 0 && results[n] === 0) lost++;
    if (results[n] !== 1) problems.push(`${tokenOf(n)} has ${results[n]} results`);
    repeated += Math.max(0, copies[n] - 1);
    if (copies[n] - 1 > told[n])
      problems.push(`${tokenOf(n)} arrived ${copies[n]} times, and ${told[n]} copies are told`);
  }
  const inFlight = kills * CONCURRENCY * BATCH;
  if (lost > 0) problems.push(`${lost} recipients are lost`);
  if (repeated > inFlight)
    problems.push(`${repeated} copies are more than ${inFlight}, which was in flight at the kills`);
  const progress = await outbox.progress({ key: KEY });
  if (progress.state !== "finished" || progress.recipients !== recipients) {
    problems.push(`the campaign is ${progress.state} with ${progress.recipients} recipients`);
  }
  return {
    recipients,
    kills,
    lost,
    copies: repeated,
    told: doubtful,
    missing,
    inFlight,
    ...counts(),
    problems: problems.slice(0, 20),
  };
}

if (process.argv[1] === FILE) {
  const { values } = parseArgs({
    options: {
      engine: { type: "string", default: "embedded" },
      location: { type: "string" },
      kills: { type: "string", default: "50" },
      recipients: { type: "string", default: "1000000" },
      json: { type: "boolean", default: false },
      child: { type: "string" },
      settings: { type: "string" },
    },
  });
  if (values.child !== undefined) await child(values.child, JSON.parse(values.settings));
  else {
    const folder = values.location === undefined ? mkdtempSync(join(tmpdir(), "soak-outbox-")) : undefined;
    const { json } = values;
    const report = await soakOutbox({
      engine: values.engine,
      location: values.location ?? join(folder, "outbox"),
      kills: Number(values.kills),
      recipients: Number(values.recipients),
      log: json ? undefined : (line) => console.log(line),
    });
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    if (json) console.log(JSON.stringify(report));
    else console.table(report);
    process.exitCode = report.problems.length === 0 ? 0 : 1;
  }
}
