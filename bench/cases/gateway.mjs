// What does the gateway cost per message, beside sending the same over FCM HTTP v1 oneself? Its clients are in a process of their own.
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
  const how = {
    protocol,
    port,
    key: KEY,
    senderId: SENDER_ID,
    ca: identity.cert,
    token: TOKEN,
    data: DATA,
    width,
    batch,
  };
  const { child } = await start("./legacy-client.mjs", how);
  return {
    send: async (messages) => (await ask(child, { messages })).accepted,
    async close() {
      await stop(child);
      await gateway.close();
    },
  };
};

const gatewayCase = (name, protocol, { width = 64, batch = 1, messages = 8_000, ...rest } = {}) => ({
  name,
  group: "gateway",
  unit: "message",
  messages,
  startServer: () => startCannedV1Server(),
  contestants: { floor: floor(width * batch), ours: ours(protocol, width, batch) },
  target: { floor: 2 },
  ...rest,
});

export default [
  gatewayCase("gateway-http", "http"),
  gatewayCase("gateway-http-multicast-100", "http", { width: 1, batch: 100 }),
  gatewayCase("gateway-ccs", "ccs", { width: 100 }),
];
