// Sends a score to phones, with @cloud-messaging/http-sender.
import { createFcmSender, toData } from "@cloud-messaging/http-sender";

const tokens = process.argv.slice(2);
const sender = createFcmSender({ credential: "service-account.json" });

const custom = { match: "final", score: 3 };
const { outcomes } = await sender.send({
  target: { tokens },
  notification: { title: "Goal!", body: "5 : 1", icon: "ic_goal" },
  collapseKey: "score",
  priority: "high",
  timeToLiveSec: 3_600,
  data: toData(custom),
  // node-pushnotifications adds these to the data of Android: keep them if the app reads them
  android: { data: toData({ ...custom, title: "Goal!", message: "5 : 1", icon: "ic_goal" }) },
});
for (const outcome of outcomes) {
  if (outcome.kind === "unregistered") console.log(`remove ${outcome.recipient}`);
  else console.log(outcome.kind === "accepted" ? "sent" : outcome.code);
}
await sender.close();
