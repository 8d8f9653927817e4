// A campaign to 200,000 with its progress in the terminal, paused half-way and resumed. RECIPIENTS sets another number.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";

const RECIPIENTS = Number(process.env.RECIPIENTS ?? 200_000);
const emulator = await startEmulator({ autoRegister: true });
const folder = mkdtempSync(join(tmpdir(), "outbox-example-"));
const outbox = createOutbox({ path: folder, transport: createGcmHttpTransport(emulator.httpOptions()) });

function* audience() {
  for (let n = 0; n < RECIPIENTS; n++) yield `token-of-device-${n}`;
}
const message = { notification: { title: "Release 4.2", body: "Now with offline maps" } };
const { id } = await outbox.enqueueAll(message, audience(), { key: "release-4.2" });
console.log(`stored ${(await outbox.progress(id)).recipients} recipients`);

const stop = new AbortController();
const working = outbox.work({ signal: stop.signal });
const interactive = process.stdout.isTTY;
let paused = false;
for (;;) {
  const { settled, recipients, kinds, state } = await outbox.progress(id);
  show(settled / recipients, kinds);
  if (state === "finished") break;
  if (!paused && settled >= recipients / 2) {
    paused = true;
    await outbox.pause(id);
    console.log(interactive ? "\npaused" : "paused");
    await sleep(500);
    await outbox.resume(id);
    console.log("resumed");
  }
  await sleep(50);
}
stop.abort();
await working;
console.log(`${interactive ? "\n" : ""}${emulator.inbox.total} messages have reached the emulator`);
await outbox.close();
await emulator.close();
rmSync(folder, { recursive: true });

/** One line that is written over, or one for each look where the output is no terminal. */
function show(part, kinds) {
  const bar = "█".repeat(Math.round(part * 30)).padEnd(30, "·");
  const line = `${bar} ${String(Math.floor(part * 100)).padStart(3)} %  ${JSON.stringify(kinds)}`;
  process.stdout.write(interactive ? `\r${line}` : `${line}\n`);
}
