// "accepted" means that the service has the message; a receipt means that the device has it.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
const phone = emulator.createDevice({ connected: false });
const receipts = new Map();
const client = createCcsClient({
  ...emulator.ccsOptions(),
  timeoutMs: 10_000,
  onReceipt: ({ originalMessageId, status }) => receipts.get(originalMessageId)?.(status),
});
const message = { target: { token: phone.token }, data: { chat: "17" }, deliveryReceiptRequested: true };
const { outcome } = await client.send(message);
console.log(outcome.kind, "- on the phone:", phone.received.length);

const delivered = new Promise((resolve) => receipts.set(outcome.messageId, resolve));
phone.connect();
console.log(await delivered, "- on the phone:", phone.received.length);
await client.close();
await emulator.close();
