// An app that registers again gets a new token. GCM names it in its answer, and the store is updated.
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmSender, createMemoryRegistrationStore, followChanges } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const phone = emulator.createDevice();
const oldToken = phone.token;
const registrations = createMemoryRegistrationStore();
registrations.register("ada", oldToken);

phone.reregister(); // the app did not report its new token
const sender = createGcmSender({ ...emulator.httpOptions(), registrations, timeoutMs: 10_000 });
const { outcome } = await sender.send({ target: { token: oldToken }, data: { chat: "17" } });
console.log(outcome.kind, "- has a canonical registration ID:", outcome.canonicalRegistrationId === phone.token);
console.log(
  "in the store:",
  registrations.registrationsOf("ada")[0].token === phone.token ? "the new token" : "the old token",
);

const stop = new AbortController();
for await (const change of followChanges(registrations, { from: "oldest", signal: stop.signal })) {
  console.log("change:", change.type, change.userIds.join());
  break;
}
await sender.close();
await emulator.close();
