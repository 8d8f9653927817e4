// An enqueued message is on disk: it is sent even if the process that enqueued it has ended.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmV1Transport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";

const emulator = await startEmulator();
const phone = emulator.createDevice();
const path = mkdtempSync(join(tmpdir(), "chat-outbox-"));

const web = createOutbox({ path }); // without a transport, this process only enqueues
const message = { target: { token: phone.token }, data: { chat: "17" } };
for (let click = 1; click <= 2; click++) await web.enqueue(message, { key: "message-1" }); // the second call stores nothing
await web.close();

const worker = createOutbox({ path, transport: createFcmV1Transport(emulator.fcmOptions()) });
await worker.work({ untilIdle: true });
for await (const { outcome } of worker.results()) console.log("outcome:", outcome.kind);
console.log("on the phone:", phone.received.length);
await worker.close();
await emulator.close();
rmSync(path, { recursive: true });
