// What does the gateway cost per message, beside sending the same over FCM HTTP v1 oneself, and beside Node's HTTP server before the same sender? Their
// clients are in a process of their own.
import { createServer } from "node:http";
import { createGateway, hashKey } from "@cloud-messaging/gateway";
import { createFcmSender } from "@cloud-messaging/http-sender";
import { inFlight } from "../lib/in-flight.mjs";
import { ask, start, stop } from "../lib/measure.mjs";
import { startCannedV1Server } from "../servers/fcm-v1.mjs";

const KEY = "AIzaSyBenchmark00000000000000000000000aa";
const SENDER_ID = "1234567890";
const DATA = { type: "chat", from_user: "4711", text: "See you at eight? 🎬", thread: "a1b2c3" };
const TOKEN = `cTEST0123456789abcdefg:APA91b${"x".repeat(134)}`;

/** Options of the sender on both sides. */
const senderOptions = ({ origin, ca }, width) => ({
  endpoint: origin,
  tls: { ca },
  projectId: "demo",
  credential: async () => `ya29.${"x".repeat(200)}`,
  maxRequests: width,
  quota: { perMinute: 100_000_000 },
});

/** The sender by itself. */
const floor = (width) => (server) => {
  const sender = createFcmSender(senderOptions(server, width));
  const sendOne = async () => {
    const { outcomes } = await sender.send({ target: { token: TOKEN }, data: DATA });
    return outcomes[0].kind === "accepted" ? 1 : 0;
  };
  return { send: (messages) => inFlight(messages, width, sendOne), close: () => sender.close() };
};

/** The gateway: old protocol in, check of the key, the same sender, answer in the old words. */
const ours = (protocol, width, batch) => async (server) => {
  const { identity } = server;
  const gateway = await createGateway({
    projects: { demo: senderOptions(server, width * batch) },
    clients: [{ name: "bench", keys: [hashKey(KEY)], project: "demo", senderId: SENDER_ID }],
    http: { port: 0 },
    ccs: { port: 0, tls: identity },
  });
  const port = protocol === "ccs" ? gateway.ccsPort : gateway.httpPort;
  return before(gateway, { protocol, port, ca: identity.cert, width, batch });
};

/** No gateway: Node's HTTP server, JSON, the same sender. No key is checked, no field translated, nothing limited or counted. */
const bare = (width, batch) => async (server) => {
  const sender = createFcmSender(senderOptions(server, width * batch));
  const http = createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const { to, registration_ids: tokens, data } = JSON.parse(Buffer.concat(chunks));
      const { outcomes } = await sender.send({ target: tokens === undefined ? { token: to } : { tokens }, data });
      const results = outcomes.map(({ kind, messageId }) =>
        kind === "accepted" ? { message_id: messageId } : { error: kind },
      );
      const success = outcomes.filter(({ kind }) => kind === "accepted").length;
      const body = JSON.stringify({ multicast_id: 1, success, failure: results.length - success, results });
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
      response.end(body);
    });
  });
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    http.close();
    await sender.close();
  };
  return before({ close }, { protocol: "http", port: http.address().port, width, batch });
};

/** A server with a process of clients before it. */
async function before(server, how) {
  const { child } = await start("./legacy-client.mjs", {
    key: KEY,
    senderId: SENDER_ID,
    token: TOKEN,
    data: DATA,
    ...how,
  });
  return {
    send: async (messages) => (await ask(child, { messages })).accepted,
    async close() {
      await stop(child);
      await server.close();
    },
  };
}

const gatewayCase = (name, protocol, { width = 64, batch = 1, messages = 8_000, ...rest } = {}) => ({
  name,
  group: "gateway",
  unit: "message",
  messages,
  startServer: () => startCannedV1Server(),
  contestants: {
    floor: floor(width * batch),
    ...(protocol === "ccs" ? {} : { "node:http": bare(width, batch) }),
    ours: ours(protocol, width, batch),
  },
  target: { floor: 2 },
  ...rest,
});

export default [
  gatewayCase("gateway-http", "http"),
  gatewayCase("gateway-http-multicast-100", "http", { width: 1, batch: 100 }),
  gatewayCase("gateway-ccs", "ccs", { width: 100 }),
];
