// Sends very many messages over CCS while the server drains and cuts connections at random, and counts what was lost: nothing may be.
//
//   node scripts/soak.mjs [--messages 1000000] [--connections 1] [--every 300] [--seed 1] [--json]
//
// The emulator runs in a process of its own, so that the memory shown is the client's. Exit status 0 only when nothing was lost and
// the client broke no rule of the protocol.
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { subscribe } from "@cloud-messaging/core";
import { startEmulator } from "@cloud-messaging/emulator";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    connections: { type: "string", default: "1" },
    every: { type: "string", default: "300" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
    server: { type: "boolean", default: false },
  },
});
const messages = Number(values.messages);
/** Mean time between two disturbances. Unit: milliseconds. */
const everyMs = Number(values.every);
const TOKENS = 1000;

/** A random number generator that can be repeated (mulberry32). */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** The server's process: disturbs connections until it is asked for its counts. */
async function serve() {
  const random = seeded(Number(values.seed));
  const emulator = await startEmulator({
    httpsPort: false,
    autoRegister: true,
    throttling: { collapsible: false },
    // an answer that comes a little later is one that a cut can lose: the message then arrives twice
    ccs: { ackDelayMs: 2, drainTimeoutMs: 2_000, drainQuietMs: 50 },
  });
  const seen = new Uint8Array(messages);
  let copies = 0;
  emulator.events.subscribe((event) => {
    if (event.type !== "message" || event.entry.event !== "accepted") return;
    seen[Number(event.message.data.n)] = 1;
    copies++;
  });
  let timer;
  const disturb = () => {
    const { connections } = emulator.ccs;
    const chosen = connections[Math.floor(random() * connections.length)];
    const dice = random();
    if (dice < 0.4) chosen?.cut();
    else chosen?.drain({ nack: dice < 0.7 });
    timer = setTimeout(disturb, everyMs * (0.5 + random()));
  };
  timer = setTimeout(disturb, everyMs);
  process.send(emulator.ccsOptions());
  await once(process, "message");
  clearTimeout(timer);
  const { violations, drains, cuts, connections } = emulator.stats;
  process.send({ received: seen.reduce((sum, mark) => sum + mark, 0), copies, violations, drains, cuts, connections });
  await emulator.close();
  process.disconnect();
}

async function main() {
  const server = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), "--server"]);
  const [options] = await once(server, "message");
  const startedAt = performance.now();
  let resent = 0;
  subscribe("cloud-messaging:ccs-resend", (event) => {
    resent += event.messages;
  });
  const client = createCcsClient({
    ...options,
    connections: Number(values.connections),
    reconnect: { initialMs: 100, maxMs: 1_000 },
  });
  const outcomes = { accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
  let next = 0;
  let settled = 0;
  const progress = values.json ? undefined : setInterval(() => report(), 10_000);
  const report = () => {
    const mb = (process.memoryUsage().heapUsed / 1e6).toFixed(0);
    console.error(`${settled} settled, ${resent} resent, heap ${mb} MB`);
  };
  const worker = async () => {
    while (next < messages) {
      const n = next++;
      const report = await client.send({ target: { token: `soak-token-${n % TOKENS}` }, data: { n: String(n) } });
      outcomes[report.outcomes[0].kind]++;
      settled++;
    }
  };
  await Promise.all(Array.from({ length: 300 * Number(values.connections) }, worker));
  clearInterval(progress);
  const seconds = (performance.now() - startedAt) / 1000;
  server.send("finish");
  const [counts] = await once(server, "message");
  await client.close();
  if (server.exitCode === null) await once(server, "exit");
  const summary = {
    sent: messages,
    acked: outcomes.accepted,
    resent,
    duplicates: counts.copies - counts.received,
    drains: counts.drains,
    cuts: counts.cuts,
    connections: counts.connections,
    violations: counts.violations,
    lost: messages - Math.min(outcomes.accepted, counts.received),
    peakRssMb: Math.round(process.resourceUsage().maxRSS / 1024),
    seconds: Number(seconds.toFixed(1)),
    perSecond: Math.round(messages / seconds),
  };
  if (values.json) console.log(JSON.stringify(summary));
  else for (const [name, value] of Object.entries(summary)) console.log(`${name.padEnd(12)} ${value}`);
  if (summary.lost !== 0 || summary.violations !== 0) process.exitCode = 1;
}

await (values.server ? serve() : main());
