// What does a message over CCS cost, from send() to its ack, and from the device through the handler to our ack?
// The floor is a raw TLS socket with strings made by hand, JSON.parse of what comes and a Map; the peer the bare @xmpp/client.
import { connect } from "node:tls";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { xml, client as xmppClient } from "@xmpp/client";
import { oneByOne } from "../lib/in-flight.mjs";
import { USUAL, usualGcm } from "../lib/usual-message.mjs";
import { startCannedCcs } from "../servers/ccs.mjs";

const HEADER =
  '<stream:stream to="gcm.googleapis.com" version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">';
const token = (n) => `${n}:APA91b${"x".repeat(140)}`;
/** Counts over the life of the process: IDs are not used twice. */
let lastId = 0;

/** A raw TLS socket that is logged in. */
async function rawSocket({ port, ca }, onStanza) {
  const socket = connect({ host: "127.0.0.1", port, ca, noDelay: true });
  socket.setEncoding("utf8");
  const heard = () => new Promise((resolve) => socket.once("data", resolve));
  socket.write(HEADER);
  await heard();
  socket.write(
    `<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${Buffer.from("\x001@gcm.googleapis.com\0key").toString("base64")}</auth>`,
  );
  await heard();
  socket.write(HEADER);
  await heard();
  socket.write('<iq type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>');
  await heard();
  let rest = "";
  socket.on("data", (text) => {
    const data = rest + text;
    let at = 0;
    for (;;) {
      const end = data.indexOf("</message>", at);
      if (end === -1) break;
      const open = data.indexOf("{", at);
      onStanza(JSON.parse(data.slice(open, data.lastIndexOf("}", end) + 1)));
      at = end + 10;
    }
    rest = data.slice(at);
  });
  return socket;
}

/** Writes once per turn of the event loop. */
function batcher(write) {
  let out = "";
  return (text) => {
    if (out === "") {
      setImmediate(() => {
        write(out);
        out = "";
      });
    }
    out += text;
  };
}

const stanza = (json) => `<message><gcm xmlns="google:mobile:data">${JSON.stringify(json)}</gcm></message>`;

function floorSend(width, data) {
  return async (server) => {
    const pending = new Map();
    const socket = await rawSocket(server, ({ message_id: id }) => {
      const resolve = pending.get(id);
      pending.delete(id);
      resolve(1);
    });
    const write = batcher((text) => socket.write(text));
    const sendOne = () =>
      new Promise((resolve) => {
        const id = `m-${++lastId}`;
        pending.set(id, resolve);
        write(stanza({ ...usualGcm(data), to: token(lastId % 1000), message_id: id }));
      });
    return oneByOne(width, sendOne, () => socket.destroy());
  };
}

/** The whole public API: validation, canonical IDs, retries armed, flow control, the store told. */
function oursSend(width, data) {
  return async ({ port, ca }) => {
    const client = createCcsClient({
      host: "127.0.0.1",
      port,
      tls: { ca },
      senderId: "1",
      apiKey: "key",
      maxPendingMessages: width,
    });
    await client.ready();
    const sendOne = async () => {
      const { outcomes } = await client.send({ target: { token: token(++lastId % 1000) }, ...USUAL, data });
      return outcomes[0].kind === "accepted" ? 1 : 0;
    };
    return oneByOne(width, sendOne, () => client.close());
  };
}

function bareClient({ port, ca }) {
  const entity = xmppClient({
    service: `xmpps://127.0.0.1:${port}`,
    domain: "gcm.googleapis.com",
    credentials: (authenticate) => authenticate({ username: "1@gcm.googleapis.com", password: "key" }, "PLAIN"),
  });
  entity.reconnect.stop();
  const index = entity.transports.findIndex((transport) => {
    try {
      return transport.prototype.socketParameters("xmpps://h:1") !== undefined;
    } catch {
      return false;
    }
  });
  entity.transports[index] = class extends entity.transports[index] {
    socketParameters(service) {
      const found = super.socketParameters(service);
      return found && { ...found, ca, noDelay: true };
    }
  };
  entity.on("error", () => undefined);
  return entity;
}

const gcmText = (element) => element.getChild("gcm", "google:mobile:data")?.text();

function bareSend(width, data) {
  return async (server) => {
    const pending = new Map();
    const entity = bareClient(server);
    entity.on("stanza", (element) => {
      const text = element.is("message") && gcmText(element);
      if (!text) return;
      const { message_id: id } = JSON.parse(text);
      const resolve = pending.get(id);
      pending.delete(id);
      resolve?.(1);
    });
    await entity.start();
    const sendOne = () =>
      new Promise((resolve, reject) => {
        const id = `m-${++lastId}`;
        pending.set(id, resolve);
        const json = JSON.stringify({ ...usualGcm(data), to: token(lastId % 1000), message_id: id });
        entity.send(xml("message", {}, xml("gcm", { xmlns: "google:mobile:data" }, json))).catch(reject);
      });
    return oneByOne(width, sendOne, () => entity.stop());
  };
}

/** Asks the server for so many upstream messages and resolves once all were handled. */
function floorUpstream(width, bytes) {
  return async (server) => {
    let handled = 0;
    let wanted = 0;
    let done;
    const socket = await rawSocket(server, (json) => {
      if (json.message_type === "ack") return;
      if (json.data.q.length === bytes) handled++;
      write(stanza({ to: json.from, message_id: json.message_id, message_type: "ack" }));
      if (handled === wanted) done(handled);
    });
    const write = batcher((text) => socket.write(text));
    return {
      send(messages) {
        handled = 0;
        wanted = messages;
        write(stanza({ to: "server", message_id: `upstream-${messages}-${width}-${bytes}-${++lastId}` }));
        return new Promise((resolve) => {
          done = resolve;
        });
      },
      close: () => socket.destroy(),
    };
  };
}

/** With everything on: order per device, no message handled twice, acked after the handler. */
function oursUpstream(width, bytes) {
  return async ({ port, ca }) => {
    let handled = 0;
    let wanted = 0;
    let done;
    const client = createCcsClient({
      host: "127.0.0.1",
      port,
      tls: { ca },
      senderId: "1",
      apiKey: "key",
      onUpstream({ data }) {
        if (data.q.length === bytes) handled++;
        if (handled === wanted) done(handled);
      },
    });
    await client.ready();
    return {
      async send(messages) {
        handled = 0;
        wanted = messages;
        const finished = new Promise((resolve) => {
          done = resolve;
        });
        await client.send({
          target: { token: "server" },
          messageId: `upstream-${messages}-${width}-${bytes}-${++lastId}`,
        });
        return finished;
      },
      close: () => client.close(),
    };
  };
}

const SIZES = { "100B": 100, "1KB": 1_000, "4KB": 3_800 };

const common = { group: "ccs", unit: "message", startServer: startCannedCcs };
const dataOf = (bytes) => ({ type: "chat", text: "x".repeat(bytes - 12) });

/** A case of sends with so many unacknowledged, and a payload of so many bytes. */
export function ccsSendCase(name, width, bytes, messages, rest) {
  const data = dataOf(bytes);
  return {
    ...common,
    name,
    messages,
    contestants: {
      floor: floorSend(width, data),
      ours: oursSend(width, data),
      "@xmpp/client": bareSend(width, data),
    },
    ...rest,
  };
}

const cases = [];
for (const width of [100, 10, 1]) {
  for (const [size, bytes] of Object.entries(SIZES)) {
    const main = width === 100 && size === "1KB";
    const messages = width === 1 ? 10_000 : 60_000;
    cases.push(
      ccsSendCase(
        main ? "ccs-send" : `ccs-send-${width}-${size}`,
        width,
        bytes,
        messages,
        main ? { target: { floor: 1.4, peer: 1 } } : { fullOnly: true },
      ),
    );
    cases.push({
      ...common,
      name: main ? "ccs-upstream" : `ccs-upstream-${width}-${size}`,
      messages,
      contestants: { floor: floorUpstream(width, bytes), ours: oursUpstream(width, bytes) },
      ...(main ? { target: { floor: 1.6 } } : { fullOnly: true }),
    });
  }
}
export default cases;
