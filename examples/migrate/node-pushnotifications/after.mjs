// Sends a score to phones, with @cloud-messaging/http-sender.
import { createFcmSender, toData } from "@cloud-messaging/http-sender";

const tokens = process.argv.slice(2);
const sender = createFcmSender({ credential: "service-account.json" });

const { outcomes } = await sender.send({
  target: { tokens },
  notification: { title: "Goal!", body: "5 : 1", icon: "ic_goal" },
  collapseKey: "score",
  priority: "high",
  timeToLiveSec: 3_600,
  data: toData({ match: "final", score: 3 }),
});
for (const outcome of outcomes) {
  if (outcome.kind === "unregistered") console.log(`remove ${outcome.recipient}`);
  else console.log(outcome.kind === "accepted" ? "sent" : outcome.code);
}
await sender.close();
