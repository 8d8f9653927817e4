// Topics, over both of Google's services: Instance ID, and the topic subscriptions of 2026. The same interface.
import { startEmulator } from "@cloud-messaging/emulator";
import { createGcmSender, createTopics } from "@cloud-messaging/http-sender";

const emulator = await startEmulator();
const devices = Array.from({ length: 3 }, () => emulator.createDevice());
const tokens = devices.map(({ token }) => token);
const sender = createGcmSender(emulator.httpOptions());

const instanceId = createTopics({
  backend: "instance-id",
  apiKey: emulator.httpOptions().apiKey,
  endpoint: emulator.httpUrl,
});
const { credential, projectId, endpoint, tls } = emulator.fcmOptions();
const subscriptions = createTopics({ backend: "topic-subscriptions", credential, projectId, endpoint, tls });

try {
  const report = await instanceId.subscribe("news", [...tokens, "no-such-token"]);
  console.log("Instance ID:", report.outcomes.map(({ kind }) => kind).join(", "));
  const about = await instanceId.info(tokens[0]);
  console.log(
    "the first device:",
    about.kind,
    about.info?.topics.map(({ topic }) => topic),
  );

  const { outcomes } = await subscriptions.subscribe("sports", tokens.slice(0, 2));
  console.log("topic subscriptions:", outcomes.map(({ kind }) => kind).join(", "));
  await subscriptions.unsubscribe("news", [tokens[2]]);

  await sender.send({ target: { condition: "'news' in topics || 'sports' in topics" }, data: { headline: "Hello" } });
  await sender.send({ target: { topic: "sports" }, data: { result: "5x1" } });
  console.log("received:", devices.map(({ received }) => received.length).join(", "));
} finally {
  await sender.close();
  await instanceId.close();
  await subscriptions.close();
  await emulator.close();
}
