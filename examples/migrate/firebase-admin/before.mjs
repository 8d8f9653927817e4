// Sends a score to phones, with firebase-admin.
import { cert, initializeApp } from "firebase-admin/app";
import { getMessaging } from "firebase-admin/messaging";

const tokens = process.argv.slice(2);
const messaging = getMessaging(initializeApp({ credential: cert("service-account.json") }));

const { responses } = await messaging.sendEachForMulticast({
  tokens,
  notification: { title: "Goal!", body: "5 : 1" },
  data: { match: "final", score: "3" },
  android: { collapseKey: "score", priority: "high", ttl: 3_600_000, notification: { icon: "ic_goal" } },
  apns: { payload: { aps: { contentAvailable: true } } },
});
responses.forEach(({ error }, position) => {
  if (error?.code === "messaging/registration-token-not-registered") console.log(`remove ${tokens[position]}`);
  else console.log(error?.code ?? "sent");
});
