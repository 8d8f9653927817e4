// A worker as a program of its own: sends what is in the outbox, and ends gracefully at SIGTERM or SIGINT.
//
//   OUTBOX=./outbox ENDPOINT=http://localhost:4004/gcm/send node outbox-worker.mjs
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox, subscribe } from "@cloud-messaging/outbox";

const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop.abort());

subscribe("cloud-messaging:outbox-recover", ({ recipients }) => {
  console.log(`${recipients} recipients were in flight when a worker ended: sent again`);
});
subscribe("cloud-messaging:outbox-failure", ({ operation, detail }) => console.error(`${operation}: ${detail}`));

const outbox = createOutbox({
  path: process.env.OUTBOX ?? "./outbox",
  transport: createGcmHttpTransport({ apiKey: process.env.API_KEY ?? "AIza-EXAMPLE", endpoint: process.env.ENDPOINT }),
});
// what is in flight is settled, everything else is given back
await outbox.work({ signal: stop.signal, leaseMs: Number(process.env.LEASE_MS ?? 30_000) });
await outbox.close();
