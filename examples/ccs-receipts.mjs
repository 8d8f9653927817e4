// Waits for the receipt that a message has reached the device. Run: node examples/ccs-receipts.mjs
//
// "accepted" says that the service has the message; only a receipt says that the device has it. A receipt may come at once or, from a
// phone that was off, days later and in another process: so there are two ways to get it.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
const here = emulator.createDevice({ name: "phone in the hand" });
const away = emulator.createDevice({ name: "phone in a drawer", connected: false });

const later = new Map(); // messageId -> what to do about it: a table of one's own in real life
const client = createCcsClient({
  ...emulator.ccsOptions(),
  // every receipt comes here, whoever waits for it; acknowledged when this has finished
  onReceipt(receipt) {
    later.get(receipt.originalMessageId)?.();
    later.delete(receipt.originalMessageId);
  },
});
try {
  // 1. wait for it with the send: for a device that is expected to be there
  const report = await client.send({ target: { token: here.token }, data: { n: "1" } }, { receipt: true });
  const receipt = await report.receipt; // undefined when none came in time, which proves nothing
  console.log(`${here.name}: ${report.outcome.kind}, ${receipt.status}`);

  // 2. ask for it, remember the ID, and let the handler find out
  const { outcome } = await client.send({
    target: { token: away.token },
    data: { n: "2" },
    deliveryReceiptRequested: true,
  });
  const confirmed = new Promise((resolve) => later.set(outcome.messageId, resolve));
  console.log(`${away.name}: ${outcome.kind}, no receipt yet`);
  away.connect();
  await confirmed;
  console.log(`${away.name}: confirmed`);
  await client.idle(); // the receipts are acknowledged
} finally {
  await client.close();
  await emulator.close();
}
