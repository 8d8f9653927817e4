// Sends over GCM HTTP: to several tokens, with the outcome of each, and to a topic.
// Runs against the emulator. To send to a relay or gateway, give createGcmSender its endpoint and your apiKey; to reach phones, use createFcmSender.
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmSender, createMemoryRegistrationStore } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const phone = emulator.createDevice();
const tablet = emulator.createDevice();
const oldPhone = emulator.createDevice();
const firstToken = tablet.token;
tablet.reregister(); // the first token goes on working, and is answered with the new one
oldPhone.unregister();

const registrations = createMemoryRegistrationStore();
for (const token of [phone.token, firstToken, oldPhone.token]) registrations.register("user-7", token);

// the next message to the phone is Unavailable twice: it is sent again by itself, and to the phone alone
emulator.faults.next({ token: phone.token, error: "unavailable", times: 2 });

const sender = createGcmSender({
  ...emulator.httpOptions(),
  registrations,
  retry: { minMs: 100, initialMs: 100 }, // by default it waits a second and more, as the service wants it
});

try {
  console.log("key:", (await sender.verifyCredentials()).kind);

  const { outcomes } = await sender.sendToUser("user-7", { data: { score: "5x1" }, collapseKey: "score" });
  for (const outcome of outcomes) {
    const more =
      outcome.kind === "accepted" ? (outcome.canonicalRegistrationId ? "has a new token" : "") : outcome.code;
    console.log(outcome.recipient.slice(0, 12), outcome.kind, `attempts: ${outcome.attempts}`, more);
  }
  const left = await registrations.registrationsOf("user-7");
  console.log(
    "registrations left:",
    left.length,
    "- the superseded one replaced:",
    left.some(({ token }) => token === tablet.token),
  );

  phone.subscribe("news");
  const topic = await sender.send({ target: { topic: "news" }, data: { headline: "Hello" } });
  console.log("topic:", topic.outcome.kind, "message", topic.outcome.messageId);
  console.log("the phone has", phone.received.length, "messages");
} finally {
  await sender.close();
  await emulator.close();
}
