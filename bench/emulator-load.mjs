// How much does the emulator take, and does its memory stay bounded? The command in its own process; autocannon on /gcm/send, then a CCS
// client of ours, together a million messages. `npm run bench:emulator [-- --messages 1000000]`
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import autocannon from "autocannon";

const { values } = parseArgs({ options: { messages: { type: "string", default: "1000000" } } });
const total = Number(values.messages);
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

  console.log("step                        messages   per second   RSS of the emulator");
  for (const { step, messages, rate, rssMb } of rows) {
    console.log(
      `${step.padEnd(26)} ${String(messages).padStart(9)} ${rate.padStart(12)} ${`${rssMb} MB`.padStart(12)}`,
    );
  }
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

function report(step, messages, seconds) {
  const pages = Number(readFileSync(`/proc/${emulator.pid}/statm`, "utf8").split(" ")[1]);
  rows.push({
    step,
    messages,
    rate: seconds === 0 ? "" : Math.round(messages / seconds).toString(),
    rssMb: Math.round((pages * 4096) / 1e6),
  });
}
