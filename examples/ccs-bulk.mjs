// Sends one message to very many devices over one connection, in bounded memory, while the service drains and cuts the connection.
// Run: node examples/ccs-bulk.mjs [count]
//
// sendAll() takes tokens as it goes and yields outcomes as they come. Messages that were unanswered when a connection went are sent
// again on the next one under their old IDs: none is lost, and a device may get one twice.
import { createCcsClient, subscribe } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";

const count = Number(process.argv[2] ?? 5_000);
// unknown tokens become devices, and every answer takes a moment, as it does over a network
const emulator = await startEmulator({ autoRegister: true, ccs: { ackDelayMs: 5 } });

/** Tokens would come from a database, page by page. */
async function* tokens() {
  for (let n = 0; n < count; n++) yield `device-token-${n}`;
}

let resent = 0;
subscribe("cloud-messaging:ccs-resend", ({ messages }) => {
  resent += messages;
});
const client = createCcsClient(emulator.ccsOptions());
const counts = {};
let settled = 0;
try {
  for await (const outcome of client.sendAll({ data: { news: "Version 2 is out" }, collapseKey: "news" }, tokens())) {
    counts[outcome.kind] = (counts[outcome.kind] ?? 0) + 1;
    settled++;
    if (settled === Math.floor(count / 3)) emulator.ccs.drainAll();
    if (settled === Math.floor((count * 2) / 3)) emulator.ccs.cutAll();
  }
  for (const [kind, number] of Object.entries(counts)) console.log(`${kind} ${number}`);
  console.log(`sent again after a connection was gone: ${resent > 0 ? "some" : "none"}`);
} finally {
  await client.close();
  await emulator.close();
}
