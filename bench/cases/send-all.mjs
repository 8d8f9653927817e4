// What does sendAll cost per token, over GCM HTTP with a thousand tokens per request?
import { createGcmSender } from "@cloud-messaging/http-sender";
import { Pool } from "undici";
import { inFlight } from "../lib/in-flight.mjs";
import { USUAL, usualGcm } from "../lib/usual-message.mjs";
import { startCannedGcmServer } from "../servers/gcm-http.mjs";

const API_KEY = "AIza-EXAMPLE";
const BATCH = 1_000;
/** Requests at once: the default of ours. */
const WIDTH = 16;

/** So many tokens, each made when it is asked for. */
function* tokens(count) {
  for (let n = 0; n < count; n++) yield `${n}:APA91b${"x".repeat(140)}${n}`;
}

/** undici as it comes: takes a thousand tokens, sends them, looks at every message ID. */
function floor(url) {
  const { origin, pathname: path } = new URL(url);
  const pool = new Pool(origin, { connections: WIDTH });
  const headers = { "content-type": "application/json", authorization: `key=${API_KEY}` };
  const send = (count) => {
    const source = tokens(count);
    const sendBatch = async () => {
      const ids = [];
      while (ids.length < BATCH) {
        const { done, value } = source.next();
        if (done) break;
        ids.push(value);
      }
      const body = JSON.stringify({ ...usualGcm(), registration_ids: ids });
      const answer = await pool.request({ method: "POST", path, headers, body });
      const { results } = await answer.body.json();
      return results.reduce((sum, { message_id: id }) => (id === undefined ? sum : sum + 1), 0);
    };
    return inFlight(Math.ceil(count / BATCH), WIDTH, sendBatch);
  };
  return { send, close: () => pool.close() };
}

/** The whole public API. */
function ours(url) {
  const sender = createGcmSender({ apiKey: API_KEY, endpoint: url });
  const send = async (count) => {
    let accepted = 0;
    for await (const { kind } of sender.sendAll(USUAL, tokens(count))) if (kind === "accepted") accepted++;
    return accepted;
  };
  return { send, close: () => sender.close() };
}

export default [
  {
    name: "send-all",
    group: "send-all",
    unit: "token",
    messages: 1_000_000,
    startServer: startCannedGcmServer,
    contestants: { floor, ours },
    fullOnly: true,
  },
];
