// A campaign to 200,000 with its progress in the terminal, paused half-way and resumed. RECIPIENTS sets another number.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";

const RECIPIENTS = Number(process.env.RECIPIENTS ?? 200_000);
const server = await startService();
const folder = mkdtempSync(join(tmpdir(), "outbox-example-"));
const outbox = createOutbox({
  path: folder,
  transport: createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint: server.endpoint }),
});

function* audience() {
  for (let n = 0; n < RECIPIENTS; n++) yield `token-of-device-${n}`;
}
const message = { notification: { title: "Release 4.2", body: "Now with offline maps" } };
const { id } = await outbox.enqueueAll(message, audience(), { key: "release-4.2" });
console.log(`stored ${(await outbox.progress(id)).recipients} recipients`);

const stop = new AbortController();
const working = outbox.work({ signal: stop.signal });
let paused = false;
for (;;) {
  const { settled, recipients, kinds, state } = await outbox.progress(id);
  console.log(`${Math.floor((settled / recipients) * 100)} %  ${JSON.stringify(kinds)}`);
  if (state === "finished") break;
  if (!paused && settled >= recipients / 2) {
    paused = true;
    await outbox.pause(id);
    console.log("paused");
    await sleep(500);
    await outbox.resume(id);
    console.log("resumed");
  }
  await sleep(100);
}
stop.abort();
await working;
await outbox.close();
server.close();
rmSync(folder, { recursive: true });

/** A service that takes everything. */
async function startService() {
  const service = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { registration_ids: tokens } = JSON.parse(Buffer.concat(parts).toString());
    const results = tokens.map((_, n) => ({ message_id: `0:${n}` }));
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ multicast_id: 1, success: results.length, failure: 0, canonical_ids: 0, results }));
  });
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
  const close = () => {
    service.closeAllConnections();
    service.close();
  };
  return { endpoint: `http://127.0.0.1:${service.address().port}/gcm/send`, close };
}
