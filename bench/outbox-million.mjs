// A campaign of a million in the outbox: storing it, the start of another process with all of it waiting, and sending it; with the memory at
// 10, 50 and 100 %.
//
//   node bench/outbox-million.mjs [lmdb] [postgres] [bullmq] [--count 1000000] [--json]
//
// `anonMb` is what the process has allocated (RssAnon). Its resident size is larger by the pages of the data file that it has touched, which
// the system takes back when it needs them.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { OUTBOXES } from "./lib/outboxes.mjs";
import { startCannedGcmServer } from "./servers/gcm-http.mjs";

const FILE = fileURLToPath(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
    step: { type: "string" },
    engine: { type: "string" },
    location: { type: "string" },
    endpoint: { type: "string" },
  },
});
const count = Number(values.count);
const KEY = "campaign";
const MESSAGE = { data: { type: "release", version: "4.2", text: "Now with offline maps 🎬" } };
const PARTS = [0.1, 0.5, 1];

function* audience() {
  for (let n = 0; n < count; n++) yield `${String(n).padStart(10, "0")}:APA91b${"x".repeat(134)}`;
}

/** Memory that the process has allocated. Unit: MiB. */
function anonMb() {
  globalThis.gc();
  const [, kib] = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"));
  return Math.round(Number(kib) / 1024);
}

/** Memory at each part of the way. */
function memoryAlong() {
  const seen = [];
  return {
    seen,
    at(done) {
      while (seen.length < PARTS.length && done >= PARTS[seen.length] * count) seen.push(anonMb());
    },
  };
}

const open = (options) => OUTBOXES[values.engine].open(values.location, options);

const STEPS = {
  async store() {
    const { outbox, close } = await open();
    const memory = memoryAlong();
    function* watched() {
      let n = 0;
      for (const token of audience()) {
        yield token;
        if (++n % 10_000 === 0) memory.at(n);
      }
    }
    await outbox.enqueueAll(MESSAGE, watched(), { key: KEY });
    await close();
    return { anonMb: memory.seen.join(" / ") };
  },

  /** From an empty process to the first request. */
  async start() {
    const startedAt = performance.now();
    let firstMs;
    const stop = new AbortController();
    const transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint: values.endpoint });
    const { send } = transport;
    transport.send = (...args) => {
      firstMs ??= Math.round(performance.now() - startedAt);
      stop.abort();
      return send.apply(transport, args);
    };
    const { outbox, close } = await open({ transport });
    const { pending } = await outbox.progress({ key: KEY });
    const progressMs = Math.round(performance.now() - startedAt);
    await outbox.work({ signal: stop.signal });
    await close();
    return { pending, progressMs, firstMs };
  },

  async send() {
    const transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint: values.endpoint });
    const { outbox, close } = await open({ transport });
    const memory = memoryAlong();
    const watch = setInterval(async () => memory.at((await outbox.progress({ key: KEY })).settled), 20);
    await outbox.work({ untilIdle: true, concurrency: 4 });
    clearInterval(watch);
    const { settled, kinds } = await outbox.progress({ key: KEY });
    memory.at(settled);
    await close();
    if (kinds.accepted !== count) throw new Error(`${kinds.accepted} of ${count} were accepted`);
    return { anonMb: memory.seen.join(" / ") };
  },
};

async function runStep(step, engine, location, endpoint) {
  const where = ["--engine", engine, "--location", location, "--endpoint", endpoint];
  const args = [FILE, "--step", step, ...where, "--count", String(count)];
  const child = spawn(process.execPath, ["--expose-gc", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${step} ended with ${code}`);
  return JSON.parse(output);
}

async function measure(engine, endpoint) {
  const place = await OUTBOXES[engine].start();
  try {
    const results = {};
    for (const step of Object.keys(STEPS)) {
      results[step] = { ...(await runStep(step, engine, place.location, endpoint)), ...place.size() };
    }
    return results;
  } finally {
    await place.close();
  }
}

if (values.step !== undefined) {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const result = await STEPS[values.step]();
  const wallSec = Math.round((performance.now() - startedAt) / 10) / 100;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ...result, wallSec, cpuSec: Math.round((user + system) / 1e4) / 100 }));
} else {
  const service = await startCannedGcmServer();
  try {
    for (const engine of positionals.length > 0 ? positionals : Object.keys(OUTBOXES)) {
      const results = await measure(engine, service.value);
      if (values.json) console.log(JSON.stringify({ engine, ...results }));
      else {
        console.log(engine);
        console.table(results);
      }
    }
  } finally {
    service.close();
  }
}
