// A process that sends over the old protocols, for cases whose contestant is a server: `{ messages }` in, how many were accepted out.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { Pool } from "undici";
import { inFlight } from "./in-flight.mjs";

const { protocol, port, key, senderId, ca, token, data, width, batch } = JSON.parse(process.argv[2]);
const client = protocol === "ccs" ? overCcs() : overHttp();

process.on("message", async ({ messages }) => {
  try {
    process.send({ accepted: await client.send(messages) });
  } catch (error) {
    process.send({ error: String(error?.stack ?? error) });
  }
});
process.once("disconnect", () => client.close());
process.send({});

function overHttp() {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: width, pipelining: 1 });
  const headers = { "content-type": "application/json", authorization: `key=${key}` };
  const bodyTo = (count) =>
    JSON.stringify({ ...(batch === 1 ? { to: token } : { registration_ids: Array(count).fill(token) }), data });
  const whole = bodyTo(batch);
  const send = (messages) => {
    let left = messages;
    const sendOne = async () => {
      const count = Math.min(batch, left);
      left -= count;
      const body = count === batch ? whole : bodyTo(count);
      const answer = await pool.request({ method: "POST", path: "/fcm/send", headers, body });
      return (await answer.body.json()).success;
    };
    return inFlight(Math.ceil(messages / batch), width, sendOne);
  };
  return { send, close: () => pool.close() };
}

function overCcs() {
  const ccs = createCcsClient({ host: "127.0.0.1", port, tls: { ca }, senderId, apiKey: key, maxWaiting: 1_000 });
  const sendOne = async () => {
    const { outcomes } = await ccs.send({ target: { token }, data });
    return outcomes[0].kind === "accepted" ? 1 : 0;
  };
  return { send: (messages) => inFlight(messages, width, sendOne), close: () => ccs.close() };
}
