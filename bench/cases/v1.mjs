// What does a message over FCM HTTP v1 cost, over HTTP/1.1 (the default) and over HTTP/2?
import { connect } from "node:http2";
import { createFcmSender } from "@cloud-messaging/http-sender";
import { Pool } from "undici";
import { firebaseMessaging } from "../lib/firebase-admin.mjs";
import { inFlight, oneByOne } from "../lib/in-flight.mjs";
import { peers } from "../lib/peers.mjs";
import { USUAL, usualAdmin, usualV1 } from "../lib/usual-message.mjs";
import { startCannedV1Server } from "../servers/fcm-v1.mjs";

const PATH = "/v1/projects/demo/messages:send";
const ACCESS_TOKEN = `ya29.${"x".repeat(200)}`;
const TOKEN = `cTEST0123456789abcdefg:APA91b${"x".repeat(134)}`;

/** node:http2 as it comes: one session, JSON in and out, every answer looked at. */
function floorHttp2(width) {
  return ({ origin, ca }) => {
    const session = connect(origin, { ca });
    const sendOne = () =>
      new Promise((resolve, reject) => {
        const body = JSON.stringify({ message: usualV1(TOKEN) });
        const stream = session.request({
          ":method": "POST",
          ":path": PATH,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
          authorization: `Bearer ${ACCESS_TOKEN}`,
        });
        let status = 0;
        const chunks = [];
        stream.on("response", (headers) => {
          status = headers[":status"];
        });
        stream.on("data", (chunk) => chunks.push(chunk));
        stream.on("error", reject);
        stream.on("close", () =>
          resolve(status === 200 && JSON.parse(Buffer.concat(chunks).toString()).name !== undefined ? 1 : 0),
        );
        stream.end(body);
      });
    return oneByOne(width, sendOne, () => session.close());
  };
}

/** undici over HTTP/1.1 as it comes. */
function floorHttp1(width) {
  return ({ origin, ca }) => {
    const pool = new Pool(origin, { connections: width, allowH2: false, connect: { ca } });
    const headers = { "content-type": "application/json", authorization: `Bearer ${ACCESS_TOKEN}` };
    const sendOne = async () => {
      const { statusCode, body } = await pool.request({
        method: "POST",
        path: PATH,
        headers,
        body: JSON.stringify({ message: usualV1(TOKEN) }),
      });
      const answer = await body.json();
      return statusCode === 200 && answer.name !== undefined ? 1 : 0;
    };
    return oneByOne(width, sendOne, () => pool.close());
  };
}

/** The whole public API: validation, quota, installation IDs, retries armed, the store told. */
function ours(width, httpVersion) {
  return ({ origin, ca }) => {
    const sender = createFcmSender({
      endpoint: origin,
      tls: { ca },
      projectId: "demo",
      credential: async () => ACCESS_TOKEN,
      ...(httpVersion === undefined ? {} : { httpVersion }),
      // as many connections as the floor's pool; with the default of 256 a message costs about a tenth more
      maxRequests: width,
      quota: { perMinute: 100_000_000 },
    });
    const sendOne = async () => {
      const { outcomes } = await sender.send({ target: { token: TOKEN }, ...USUAL });
      return outcomes[0].kind === "accepted" ? 1 : 0;
    };
    return oneByOne(width, sendOne, () => sender.close());
  };
}

/** firebase-admin's `sendEach`, in batches of so many; `sendOne` is its `send`. */
function firebaseAdmin(width, batch) {
  return (server) => {
    const messaging = firebaseMessaging(server, ACCESS_TOKEN);
    const messages = Array.from({ length: batch }, () => usualAdmin(TOKEN));
    const send = (count) => {
      let left = count;
      const sendBatch = async () => {
        const size = Math.min(batch, left);
        left -= size;
        return (await messaging.sendEach(messages.slice(0, size))).successCount;
      };
      return inFlight(Math.ceil(count / batch), width, sendBatch);
    };
    const sendOne = async () => ((await messaging.send(messages[0])) === undefined ? 0 : 1);
    return { send, sendOne, close() {} };
  };
}

/**
 * The default version is held against the better floor of the two: the report takes the cheaper of all whose name begins with "floor".
 */
export function v1Case(name, { httpVersion, width = 64, messages, latencyMs = 0, adminBatch, ...rest }) {
  const floors = { floor: floorHttp1(width), "floor-http2": floorHttp2(width) };
  const compared = peers({ "firebase-admin": firebaseAdmin(adminBatch === 1 ? width : 1, adminBatch) });
  return {
    name,
    group: "v1",
    unit: "message",
    messages,
    startServer: () => startCannedV1Server(latencyMs),
    contestants: {
      ...(httpVersion === "2" ? { floor: floors["floor-http2"] } : floors),
      ours: ours(width, httpVersion),
      ...compared.contestants,
    },
    missing: compared.missing,
    ...rest,
  };
}

export default [
  v1Case("v1-http1", { messages: 20_000, adminBatch: 500, target: { floor: 1.1, peer: 1.5 } }),
  // one message per call, as most programs send: what counts here is messages per second
  v1Case("v1-http1-5ms", { messages: 6_000, latencyMs: 5, adminBatch: 1, target: { rate: 8 } }),
  v1Case("v1-http2", { httpVersion: "2", messages: 20_000, adminBatch: 500, target: { floor: 1.1 } }),
  v1Case("v1-http2-5ms", { httpVersion: "2", messages: 6_000, latencyMs: 5, adminBatch: 1, fullOnly: true }),
];
