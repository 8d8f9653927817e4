// A program as users of node-xcs write it: node node-xcs.cjs TOKEN. Prints one line per frame; ends when it was sent an end.
const { Message, Notification, Sender } = require("node-xcs");

const token = process.argv[2];
const print = (value) => console.log(JSON.stringify(value));
const xcs = new Sender("1234567890", "AIzaSyEXAMPLE-0123456789-0123456789-012");
const send = (id, to) => {
  const message = new Message(id)
    .addData("text", "<Grüße & 😀>")
    .deliveryReceiptRequested(true)
    .notification(new Notification("ic_launcher").title("Hi").build())
    .build();
  xcs.sendNoRetry(message, to, (result) =>
    print({
      message_type: result.mMessageType,
      from: result.getFrom(),
      message_id: result.getMessageId(),
      error: result.getError(),
      description: result.getErrorDescription(),
    }),
  );
};
xcs.on("error", (error) => print({ failed: error.message }));
xcs.on("connected", () => {
  print({ online: true });
  send("m-1", token);
  send("m-2", "no-such-token");
});
xcs.on("receipt", (messageId, from, data) => print({ message_type: "receipt", message_id: messageId, from, data }));
xcs.on("message", (messageId, from, data) => {
  print({ message_id: messageId, from, data });
  // the library says nothing of what it has written: its ack goes out before the stream is closed
  if (data.end === "yes") xcs.close();
});
try {
  xcs.start();
} catch {
  // it connects all the same, and stumbles over a socket that is not there yet
}
