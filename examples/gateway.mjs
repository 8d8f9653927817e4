// A gateway between servers that speak the old protocols and FCM HTTP v1, which the emulator stands for: unmodified node-gcm sends over GCM HTTP, a CCS
// client over XMPP, and one phone shows both messages.
//
//   node examples/gateway.mjs
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, createKey, hashKey } from "@cloud-messaging/gateway";
import nodeGcm from "node-gcm";
import { selfSigned } from "./support/self-signed.mjs";

const SENDER_ID = "1234567890";
const emulator = await startEmulator();
const phone = emulator.createDevice();
const apiKey = createKey();
const tls = await selfSigned();
const gateway = await createGateway({
  projects: { shop: emulator.fcmOptions() },
  clients: [{ name: "web-shop", keys: [hashKey(apiKey)], project: "shop", senderId: SENDER_ID }],
  http: { port: 0 },
  ccs: { port: 0, tls },
  onEvent: (event) => event.type === "answered" && console.log(`  ${event.protocol}: ${event.result}`),
});

const sender = new nodeGcm.Sender(apiKey, { uri: `http://127.0.0.1:${gateway.httpPort}/gcm/send` });
const message = new nodeGcm.Message({ notification: { title: "From node-gcm" }, data: { order: "7" } });
await new Promise((resolve, reject) => {
  sender.send(message, { registrationTokens: [phone.token] }, (error, body) => (error ? reject(error) : resolve(body)));
});

const client = createCcsClient({
  host: "127.0.0.1",
  port: gateway.ccsPort,
  tls: { ca: tls.cert },
  senderId: SENDER_ID,
  apiKey,
});
await client.send({ target: { token: phone.token }, notification: { title: "From CCS" } });

console.log(`the phone shows: ${phone.received.map(({ notification }) => notification.title).join(", ")}`);
await client.close();
await gateway.close();
await emulator.close();
