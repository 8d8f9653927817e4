// Clients of CCS. `onUpstream(id, text)` is called with each upstream message, and acknowledged after it has returned.
import { createRequire } from "node:module";
import { toldBy, wordsOf } from "../lib/told.mjs";

const require = createRequire(import.meta.url);
const KEY = "AIzaSyEXAMPLE-0123456789-0123456789-012";
const SENDER_ID = "1234567890";
const HOST = "fcm-xmpp.googleapis.com";
const NAMESPACE = "google:mobile:data";
const TOLD = { accepted: "accepted", ambiguous: "doubt" };

async function ours(_server, onUpstream) {
  const { createCcsClient } = await import("@cloud-messaging/ccs-client");
  const client = createCcsClient({
    host: HOST,
    senderId: SENDER_ID,
    apiKey: KEY,
    onUpstream: ({ messageId, data }) => onUpstream(messageId, data.text),
  });
  await client.ready();
  return {
    async send([token], tell) {
      const { outcome } = await client.send({ target: { token }, data: { text: "hello" } });
      tell(token, TOLD[outcome.kind] ?? "failed", outcome.code);
    },
    close: () => client.close(),
  };
}

async function nodeXcs(_server, onUpstream) {
  const { Message, Sender } = require("node-xcs");
  const xcs = new Sender(SENDER_ID, KEY);
  xcs.on("message", (id, _from, data) => onUpstream(id, data.text));
  const connected = new Promise((resolve) => xcs.on("connected", resolve));
  xcs.on("error", () => undefined);
  try {
    xcs.start();
  } catch {
    // it connects all the same, and stumbles over a socket that is not there yet
  }
  await connected;
  let sent = 0;
  return {
    send: ([token], tell) =>
      new Promise((resolve) => {
        const message = new Message(`m-${++sent}`).addData("text", "hello").build();
        xcs.sendNoRetry(message, token, (result) => {
          const error = result.getError();
          tell(token, error ? toldBy(error) : "accepted", error || undefined);
          resolve();
        });
      }),
  };
}

/** The library alone: a map of the messages in flight, an ack for each upstream message. */
async function bareXmpp(_server, onUpstream) {
  const { client, xml } = await import("@xmpp/client");
  const xmpp = client({
    service: `xmpps://${HOST}:5235`,
    domain: "gcm.googleapis.com",
    username: `${SENDER_ID}@gcm.googleapis.com`,
    password: KEY,
  });
  xmpp.on("error", () => undefined);
  const write = (frame) =>
    xmpp.send(xml("message", { id: "" }, xml("gcm", { xmlns: NAMESPACE }, JSON.stringify(frame))));
  const pending = new Map();
  let sent = 0;
  xmpp.on("stanza", (stanza) => {
    const text = stanza.getChild("gcm", NAMESPACE)?.getText();
    if (!text) return;
    const frame = JSON.parse(text);
    if (frame.message_type === undefined) {
      onUpstream(frame.message_id, frame.data.text);
      void write({ to: frame.from, message_id: frame.message_id, message_type: "ack" }).catch(() => undefined);
      return;
    }
    pending.get(frame.message_id)?.(frame);
    pending.delete(frame.message_id);
  });
  await xmpp.start();
  return {
    send: ([token], tell) =>
      new Promise((resolve) => {
        const id = `m-${++sent}`;
        const settle = (word, why) => {
          tell(token, word, why);
          resolve();
        };
        pending.set(id, ({ message_type, error }) =>
          message_type === "ack" ? settle("accepted") : settle(toldBy(error), error),
        );
        write({ to: token, message_id: id, data: { text: "hello" } }).catch((error) =>
          settle(toldBy(error), wordsOf(error)),
        );
      }),
    close: () => xmpp.stop(),
  };
}

export default {
  ours: { title: "this SDK", package: "@cloud-messaging/ccs-client", open: ours },
  "node-xcs": { title: "node-xcs", package: "node-xcs", open: nodeXcs },
  "xmpp-client": { title: "@xmpp/client, bare", package: "@xmpp/client", open: bareXmpp },
};
