// A connection server of your own: node-gcm and its drop-in send to it over GCM HTTP, this SDK's client over CCS, and one service behind it decides
// late and out of order.
//
//   node examples/own-connection-server.mjs
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createHttpApp, gcmHttpRoutes, startCcsServer } from "@cloud-messaging/connection-server";
import dropIn from "@cloud-messaging/node-gcm";
import nodeGcm from "node-gcm";
import { selfSigned } from "./support/self-signed.mjs";

const API_KEY = "AIzaSyOwnConnectionServer0000000000000x";
const BATCH = 3;

/** Decides on messages three at a time, the newest first. */
class BatchingService {
  #waiting = [];
  #count = 0;

  authenticate({ secret }) {
    return secret === API_KEY ? { kind: "sender" } : { kind: "refused", code: "authentication-failed" };
  }

  submit(message) {
    return new Promise((resolve) => {
      this.#waiting.push({ message, resolve });
      if (this.#waiting.length === BATCH) setImmediate(() => this.#decide());
    });
  }

  #decide() {
    for (const { message, resolve } of this.#waiting.splice(0).reverse()) {
      console.log(`  decided on ${message.to}`);
      resolve(
        message.to === "gone"
          ? { kind: "refused", code: "not-registered" }
          : { kind: "accepted", messageId: `own:${++this.#count}` },
      );
    }
  }
}

const service = new BatchingService();
const app = createHttpApp(gcmHttpRoutes({ service }), { handshakeTimeoutMs: 10_000 });
const http = await app.listen({ host: "127.0.0.1", port: 0 });
const tls = await selfSigned();
const ccs = await startCcsServer({ host: "127.0.0.1", port: 0, tls, service });

const to = ["first", "gone", "last"];
for (const [name, gcm] of [
  ["node-gcm", nodeGcm],
  ["the drop-in", dropIn],
]) {
  const sender = new gcm.Sender(API_KEY, { uri: `http://127.0.0.1:${http.port}/gcm/send` });
  const message = new gcm.Message({ data: { score: "5:1" } });
  const response = await new Promise((resolve, reject) => {
    sender.send(message, { registrationTokens: to }, (error, body) => (error ? reject(error) : resolve(body)));
  });
  const results = response.results.map((result) => result.message_id ?? result.error);
  console.log(`${name}: ${results.join(", ")}`);
}

const client = createCcsClient({
  host: "127.0.0.1",
  port: ccs.port,
  tls: { ca: tls.cert },
  senderId: "1234567890",
  apiKey: API_KEY,
});
const reports = await Promise.all(to.map((token) => client.send({ target: { token }, data: { score: "5:1" } })));
console.log(`the CCS client: ${reports.map(({ outcome }) => outcome.kind).join(", ")}`);
await client.close();
await ccs.drain();
await ccs.close();
await http.close();
