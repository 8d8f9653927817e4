// A message to a user goes to each of her devices, and each device has an outcome of its own.
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const phone = emulator.createDevice();
const tablet = emulator.createDevice();
const registrations = createMemoryRegistrationStore();
for (const { token } of [phone, tablet]) registrations.register("ada", token);

const sender = createFcmSender({ ...emulator.fcmOptions(), registrations, timeoutMs: 10_000 });
tablet.uninstall();
const message = { notification: { title: "Grace", body: "Are you there?" }, data: { chat: "17" } };
for (let round = 1; round <= 2; round++) {
  const { outcomes } = await sender.sendToUser("ada", message);
  console.log(`round ${round}:`, outcomes.map(({ kind }) => kind).join(", "));
}
console.log("on the phone:", phone.received.map(({ notification }) => notification.title).join(", "));
console.log("devices left:", registrations.registrationsOf("ada").length);
await sender.close();
await emulator.close();
