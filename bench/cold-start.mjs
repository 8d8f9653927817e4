// What does a start cost? Each figure from fresh processes that take turns: ours and what it is compared with, pair by pair.
//
//   npm run bench:cold-start [-- "first v1 message" …] [--rounds 20] [--json]
//
// CPU time and not time: on a busy machine the latter is mostly that of others. 95 % bounds of the median ratio beside it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { median } from "./lib/statistics.mjs";
import { ratioOf, readRounds } from "./lib/turns.mjs";
import { startCannedV1Server } from "./servers/fcm-v1.mjs";
import { startCannedGcmServer } from "./servers/gcm-http.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "20" }, json: { type: "boolean", default: false } },
});
const rounds = readRounds(values.rounds);

const gcm = await startCannedGcmServer();
const v1 = await startCannedV1Server();
const server = { gcm: gcm.value, v1: v1.value };
const imported = (specifier) => ({ name: specifier, program: "import", specifier });
const sent = (name, program, count) => ({ name, program, count });

/** The first is ours, the second what it is held against; the others stand beside them. */
const CASES = [
  {
    name: "import http-sender",
    target: 1.2,
    programs: ["@cloud-messaging/http-sender", "undici", "firebase-admin/messaging", "node-gcm"].map(imported),
  },
  { name: "import ccs-client", target: 1.2, programs: ["@cloud-messaging/ccs-client", "@xmpp/client"].map(imported) },
  { name: "import emulator", programs: ["@cloud-messaging/emulator", "undici"].map(imported) },
  {
    name: "emulator ready",
    programs: [{ name: "startEmulator()", program: "startEmulator" }, imported("undici")],
  },
  {
    name: "first v1 message",
    target: 1,
    programs: ["ours", "firebase-admin", "undici"].map((name) => sent(name, `v1: ${name}`)),
  },
  ...[1, 100, 1_000].map((count) => ({
    name: `process of ${count} GCM`,
    target: 1.2,
    programs: ["ours", "undici", "node-gcm"].map((name) => sent(name, `gcm: ${name}`, count)),
  })),
];

async function run({ name: _, ...program }) {
  const file = new URL("./lib/cold-process.mjs", import.meta.url).pathname;
  const child = spawn(process.execPath, [file, JSON.stringify({ ...server, ...program })], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const [status] = await once(child, "close");
  if (status !== 0) throw new Error(`${program.program} ended with ${status}`);
  return JSON.parse(text);
}

const lines = [];
try {
  for (const { name, target, programs } of CASES) {
    if (positionals.length > 0 && !positionals.includes(name)) continue;
    const results = programs.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, program] of programs.entries()) results[index].push(await run(program));
    }
    const cpuOf = (index) => results[index].map(({ cpuMs }) => cpuMs);
    for (const [index, { name: program }] of programs.entries()) {
      const cpu = cpuOf(index);
      lines.push({
        case: name,
        program,
        cpuMs: Math.round(median(cpu)),
        least: Math.round(Math.min(...cpu)),
        most: Math.round(Math.max(...cpu)),
        ms: Math.round(median(results[index].map(({ ms }) => ms))),
        ...(index === 0 ? { ratio: ratioOf(cpu, cpuOf(1)).words, target: target ?? "" } : {}),
      });
      if (values.json) console.log(JSON.stringify(lines.at(-1)));
    }
  }
} finally {
  gcm.close();
  v1.close();
}
if (!values.json) {
  console.table(lines);
  const load = loadavg()[0].toFixed(1);
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, load ${load}, ${rounds} rounds, CPU ms; ratio: the first of a case to the second`,
  );
}
