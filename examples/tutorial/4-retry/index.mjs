// The service is overloaded for a moment: only what failed is sent again, after the time that the service asks for.
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmSender, subscribe } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const [ada, grace] = [emulator.createDevice(), emulator.createDevice()];
const sender = createGcmSender({
  ...emulator.httpOptions(),
  retry: { minMs: 50, initialMs: 50 }, // by default a second and more
  timeoutMs: 10_000,
});
subscribe("cloud-messaging:retry", ({ recipients, codes }) => console.log(`again for ${recipients}:`, codes.join()));

emulator.faults.next({ token: grace.token, error: "unavailable", times: 2 });
const { outcomes } = await sender.send({ target: { tokens: [ada.token, grace.token] }, data: { chat: "17" } });
for (const { kind, attempts } of outcomes) console.log(kind, "after", attempts);
console.log("each has it once:", ada.received.length, grace.received.length);
await sender.close();
await emulator.close();
