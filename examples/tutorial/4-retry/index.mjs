// The service is overloaded for a moment: only the recipient that failed is sent to again.
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, subscribe } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const [ada, grace] = [emulator.createDevice(), emulator.createDevice()];
const sender = createFcmSender({
  ...emulator.fcmOptions(),
  retry: { minMs: 50, initialMs: 50 }, // the default is ten seconds and more, as FCM asks
  timeoutMs: 10_000,
});
subscribe("cloud-messaging:retry", ({ recipients, codes }) => console.log(`again for ${recipients}:`, codes.join()));

emulator.faults.next({ token: grace.token, error: "unavailable", times: 2 });
const { outcomes } = await sender.send({ target: { tokens: [ada.token, grace.token] }, data: { chat: "17" } });
for (const { kind, attempts } of outcomes) console.log(kind, "after", attempts);
console.log("each has it once:", ada.received.length, grace.received.length);
await sender.close();
await emulator.close();
