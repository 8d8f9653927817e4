// What does a message over the GCM HTTP connection server cost, one token or a thousand per request?
import { createGcmSender } from "@cloud-messaging/http-sender";
import { Pool } from "undici";
import { oneByOne } from "../lib/in-flight.mjs";
import { peers } from "../lib/peers.mjs";
import { USUAL, usualGcm } from "../lib/usual-message.mjs";
import { startCannedGcmServer } from "../servers/gcm-http.mjs";

const API_KEY = "AIza-EXAMPLE";
/** As node-gcm takes it. */
const message = ({ time_to_live: timeToLive, ...rest }) => ({ ...rest, timeToLive });
const token = (n) => `${n}:APA91b${"x".repeat(140)}${n}`;

/** undici as it comes: JSON in and out, every message ID looked at. */
function floor(tokens, width, connections) {
  return (url) => {
    const { origin, pathname } = new URL(url);
    const pool = new Pool(origin, { connections });
    const headers = { "content-type": "application/json", authorization: `key=${API_KEY}` };
    const sendOne = async () => {
      const { statusCode, body } = await pool.request({
        method: "POST",
        path: pathname,
        headers,
        body: JSON.stringify({ ...usualGcm(), registration_ids: tokens }),
      });
      const answer = await body.json();
      return statusCode === 200 && answer.results.every((result) => result.message_id !== undefined) ? 1 : 0;
    };
    return oneByOne(width, sendOne, () => pool.close());
  };
}

/** The whole public API: validation, canonical IDs, retries armed, the store told. */
function ours(tokens, width, connections) {
  return (url) => {
    const sender = createGcmSender({ apiKey: API_KEY, endpoint: url, maxConnections: connections });
    const target = tokens.length === 1 ? { token: tokens[0] } : { tokens };
    const sendOne = async () => {
      const { outcomes } = await sender.send({ target, ...USUAL });
      return outcomes.every(({ kind }) => kind === "accepted") ? 1 : 0;
    };
    return oneByOne(width, sendOne, () => sender.close());
  };
}

function nodeGcm(tokens, width) {
  return async (url) => {
    const { default: gcm } = await import("node-gcm");
    const sender = new gcm.Sender(API_KEY, { uri: url });
    const sendOne = () =>
      new Promise((resolve, reject) => {
        sender.send(new gcm.Message(message(usualGcm())), { registrationTokens: tokens }, (error, answer) =>
          error ? reject(error) : resolve(answer.results.every((result) => result.message_id !== undefined) ? 1 : 0),
        );
      });
    return oneByOne(width, sendOne, () => {});
  };
}

/** A case of so many tokens per request and so many requests in flight, by default each on a connection of its own. */
export function httpCase(name, count, width, messages, { connections = width, ...rest } = {}) {
  const tokens = Array.from({ length: count }, (_, n) => token(n));
  const compared = peers({ "node-gcm": nodeGcm(tokens, width) });
  return {
    name,
    group: "http",
    unit: count === 1 ? "message" : `request of ${count}`,
    messages,
    startServer: startCannedGcmServer,
    contestants: {
      floor: floor(tokens, width, connections),
      ours: ours(tokens, width, connections),
      ...compared.contestants,
    },
    missing: compared.missing,
    ...rest,
  };
}

export default [
  httpCase("http-single", 1, 64, 18_000, { target: { floor: 1.1, peer: 3.5 } }),
  httpCase("http-multicast", 1000, 4, 700, { target: { floor: 1, peer: 1 } }),
  httpCase("http-single-sequential", 1, 1, 6_000, { fullOnly: true }),
  httpCase("http-single-256", 1, 256, 24_000, { fullOnly: true }),
  httpCase("http-multicast-100", 100, 16, 6_000, { fullOnly: true }),
];
