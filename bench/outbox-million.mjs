// A campaign of a million in the embedded outbox: storing it, the start of another process with all of it waiting, and sending it; with the
// memory at 10, 50 and 100 %.
//
//   node bench/outbox-million.mjs [--count 1000000] [--json]
//
// `anonMb` is what the process has allocated (RssAnon). Its resident size is larger by the pages of the data file that it has touched, which
// the system takes back when it needs them.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";
import { startCannedGcmServer } from "./servers/gcm-http.mjs";

const FILE = fileURLToPath(import.meta.url);
const { values } = parseArgs({
  options: {
    count: { type: "string", default: "1000000" },
    json: { type: "boolean", default: false },
    step: { type: "string" },
    folder: { type: "string" },
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

const open = (options = {}) => createOutbox({ path: values.folder, maxBacklog: Number.POSITIVE_INFINITY, ...options });

const STEPS = {
  async store() {
    const outbox = open();
    const memory = memoryAlong();
    function* watched() {
      let n = 0;
      for (const token of audience()) {
        yield token;
        if (++n % 10_000 === 0) memory.at(n);
      }
    }
    await outbox.enqueueAll(MESSAGE, watched(), { key: KEY });
    await outbox.close();
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
    const outbox = open({ transport });
    const { pending } = await outbox.progress({ key: KEY });
    const progressMs = Math.round(performance.now() - startedAt);
    await outbox.work({ signal: stop.signal });
    await outbox.close();
    return { pending, progressMs, firstMs };
  },

  async send() {
    const transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint: values.endpoint });
    const outbox = open({ transport });
    const memory = memoryAlong();
    const watch = setInterval(async () => memory.at((await outbox.progress({ key: KEY })).settled), 20);
    await outbox.work({ untilIdle: true, concurrency: 4 });
    clearInterval(watch);
    const { settled, kinds } = await outbox.progress({ key: KEY });
    memory.at(settled);
    await outbox.close();
    if (kinds.accepted !== count) throw new Error(`${kinds.accepted} of ${count} were accepted`);
    return { anonMb: memory.seen.join(" / ") };
  },
};

async function runStep(step, folder, endpoint) {
  const args = [FILE, "--step", step, "--folder", folder, "--endpoint", endpoint, "--count", String(count)];
  const child = spawn(process.execPath, ["--expose-gc", ...args], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${step} ended with ${code}`);
  return JSON.parse(output);
}

if (values.step !== undefined) {
  const before = process.cpuUsage();
  const startedAt = performance.now();
  const result = await STEPS[values.step]();
  const wallSec = Math.round((performance.now() - startedAt) / 10) / 100;
  const { user, system } = process.cpuUsage(before);
  console.log(JSON.stringify({ ...result, wallSec, cpuSec: Math.round((user + system) / 1e4) / 100 }));
} else {
  const folder = mkdtempSync(join(tmpdir(), "outbox-million-"));
  const service = await startCannedGcmServer();
  try {
    const results = {};
    for (const step of Object.keys(STEPS)) results[step] = await runStep(step, folder, service.value);
    results.store.diskMb = Math.round(statSync(join(folder, "data.mdb")).size / 2 ** 20);
    if (values.json) console.log(JSON.stringify(results));
    else console.table(results);
  } finally {
    service.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
