// Tells a phone that its order is on the way, and hears of the receipt and of the answer, with @cloud-messaging/ccs-client.
import { createCcsClient } from "@cloud-messaging/ccs-client";

const [token] = process.argv.slice(2);
const client = createCcsClient({
  senderId: process.env.SENDER_ID,
  apiKey: process.env.SERVER_KEY,
  onUpstream({ data }) {
    console.log(`the phone says: ${data.answer}`);
    setImmediate(() => client.close()); // after the acknowledgement
  },
});

const message = {
  target: { token },
  messageId: "order-17",
  priority: "high",
  data: { order: "17" },
  notification: { icon: "ic_order", title: "Your order", body: "is on its way", sound: "default" },
};
const { outcome, receipt } = await client.send(message, { receipt: true });
console.log(outcome.kind === "accepted" ? "sent" : outcome.code);
console.log(`on the phone: ${(await receipt)?.originalMessageId}`);
