// How much does the emulator take, and does its memory stay bounded? The command in its own process; autocannon on /gcm/send, then a CCS
// client of ours, together a million messages. Then messages for devices that are not connected.
// `npm run bench:emulator [-- --messages 1000000 --devices 10000 --stored 100]`
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import autocannon from "autocannon";
import { inFlight } from "./lib/in-flight.mjs";

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    devices: { type: "string", default: "10000" },
    stored: { type: "string", default: "100" },
  },
});
const total = Number(values.messages);
const devices = Number(values.devices);
const stored = Number(values.stored);
/** Most recipients of a request. */
const BATCH = 1_000;
const overHttp = Math.floor(total / 4);

const command = new URL("../packages/emulator/bin/cloud-messaging-emulator.mjs", import.meta.url).pathname;
const emulator = spawn(
  process.execPath,
  [command, "--json", "--http-port", "0", "--https-port", "0", "--ccs-port", "0"],
  { stdio: ["ignore", "pipe", "inherit"] },
);
const [line] = await new Promise((resolve) => createInterface(emulator.stdout).once("line", (text) => resolve([text])));
const ready = JSON.parse(line);
const rows = [];
let cpuBefore = 0;

try {
  const device = await post("/devices", {});
  report("started", 0, 0);

  const http = await autocannon({
    url: `${ready.http}/gcm/send`,
    method: "POST",
    amount: overHttp,
    connections: 64,
    headers: { "content-type": "application/json", authorization: "key=AIza-EXAMPLE" },
    body: JSON.stringify({ registration_ids: [device.token], data: { n: "3", text: "x".repeat(100) } }),
  });
  if (http.non2xx > 0 || http.errors > 0) throw new Error(`${http.non2xx} answers were not 200, ${http.errors} failed`);
  report("autocannon, /gcm/send", overHttp, http.duration);

  const client = createCcsClient({
    ...ready.ccs,
    tls: { ca: readFileSync(ready.caFile, "utf8") },
    senderId: "1234567890",
    apiKey: "AIza-EXAMPLE",
    maxWaiting: 1_000,
  });
  await client.ready();
  const startedAt = process.hrtime.bigint();
  let accepted = 0;
  for (let sent = 0; sent < total - overHttp; sent++) {
    await client.capacity();
    void client.send({ target: { token: device.token }, data: { n: String(sent) } }).then(({ outcomes }) => {
      if (outcomes[0]?.kind === "accepted") accepted++;
    });
  }
  await client.idle();
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
  await client.close();
  if (accepted !== total - overHttp) throw new Error(`${accepted} of ${total - overHttp} were accepted`);
  report("CCS client", total - overHttp, seconds);

  await post("/reset", {});
  const tokens = [];
  await inFlight(devices, 32, async () => {
    tokens.push((await post("/devices", { connected: false })).token);
    return 1;
  });
  report(`${devices} devices`, 0, 0);
  const storedAt = performance.now();
  for (let round = 0; round < stored; round++) {
    for (let from = 0; from < devices; from += BATCH) {
      const answer = await fetch(`${ready.http}/gcm/send`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "key=AIza-EXAMPLE" },
        body: JSON.stringify({ registration_ids: tokens.slice(from, from + BATCH), data: { n: String(round) } }),
      });
      if (!answer.ok) throw new Error(`/gcm/send: ${answer.status} ${await answer.text()}`);
      await answer.arrayBuffer();
    }
  }
  const { waiting } = await (await fetch(`${ready.http}/emulator/v1/stats`)).json();
  report(`${stored} for each, ${waiting} stored`, devices * stored, (performance.now() - storedAt) / 1_000);

  console.table(rows);
} finally {
  emulator.kill("SIGTERM");
}

async function post(path, body) {
  const answer = await fetch(`${ready.http}/emulator/v1${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** CPU time of the emulator so far. Unit: seconds; the system counts it in hundredths. */
function cpuSeconds() {
  const [user, system] = readFileSync(`/proc/${emulator.pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / 100;
}

/** What happened since the last row: messages in so many seconds, and in so much CPU time of the emulator. */
function report(step, messages, seconds) {
  const pages = Number(readFileSync(`/proc/${emulator.pid}/statm`, "utf8").split(" ")[1]);
  const cpu = cpuSeconds() - cpuBefore;
  cpuBefore += cpu;
  const perSecond = messages === 0 ? {} : { "per second": Math.round(messages / seconds) };
  const perCore = messages === 0 ? {} : { "per CPU second": Math.round(messages / cpu) };
  rows.push({ step, messages, ...perSecond, ...perCore, "RSS MB": Math.round((pages * 4096) / 1e6) });
}
