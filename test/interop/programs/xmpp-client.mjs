// A CCS client on nothing but @xmpp/client: node xmpp-client.mjs TOKEN. Prints one line per frame; ends when it was sent an end.
import { client, xml } from "@xmpp/client";

const token = process.argv[2];
const xmpp = client({
  service: "xmpps://fcm-xmpp.googleapis.com:5235",
  domain: "gcm.googleapis.com",
  username: "1234567890@gcm.googleapis.com",
  password: "AIzaSyEXAMPLE-0123456789-0123456789-012",
});
xmpp.on("error", (error) => console.log(JSON.stringify({ error: error.message })));
const send = (frame) =>
  xmpp.send(xml("message", { id: "" }, xml("gcm", { xmlns: "google:mobile:data" }, JSON.stringify(frame))));

xmpp.on("stanza", async (stanza) => {
  const text = stanza.getChild("gcm", "google:mobile:data")?.getText();
  if (text === undefined || text === null) return;
  const frame = JSON.parse(text);
  console.log(JSON.stringify(frame));
  if (frame.message_type === "receipt" || frame.message_type === undefined) {
    await send({ to: frame.from, message_id: frame.message_id, message_type: "ack" });
    if (frame.data?.end === "yes") await xmpp.stop();
  }
});
xmpp.on("online", async () => {
  console.log(JSON.stringify({ online: true }));
  await send({ to: token, message_id: "m-1", data: { text: "<Grüße & 😀>" }, delivery_receipt_requested: true });
  await send({ to: "no-such-token", message_id: "m-2", data: {} });
});
await xmpp.start();
