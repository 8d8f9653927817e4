// Tells a phone that its order is on the way, and hears of the receipt and of the answer, with node-xcs.
const { Message, Notification, Sender } = require("node-xcs");

const [token] = process.argv.slice(2);
const xcs = new Sender(process.env.SENDER_ID, process.env.SERVER_KEY);

xcs.on("connected", () => {
  const message = new Message("order-17")
    .priority("high")
    .addData("order", "17")
    .deliveryReceiptRequested(true)
    .notification(new Notification("ic_order").title("Your order").body("is on its way").build())
    .build();
  xcs.sendNoRetry(message, token, (result) => console.log(result.getError() ?? "sent"));
});
xcs.on("receipt", (_messageId, _from, { original_message_id }) => console.log(`on the phone: ${original_message_id}`));
xcs.on("message", (_messageId, _from, data) => {
  console.log(`the phone says: ${data.answer}`);
  xcs.close();
});
xcs.on("error", (error) => console.log(error.message));
try {
  xcs.start();
} catch {
  // throws, and connects
}
