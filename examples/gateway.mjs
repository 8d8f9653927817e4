// A gateway between old app servers and FCM HTTP v1 (here the emulator): unmodified node-gcm sends over GCM HTTP, a CCS client over XMPP, and one
// phone shows both messages.
//
//   node examples/gateway.mjs
import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, createKey, hashKey } from "@cloud-messaging/gateway";
import { sendByNodeGcm, sendOverCcs } from "./support/old-servers.mjs";
import { selfSigned } from "./support/self-signed.mjs";

const senderId = "1234567890";
const emulator = await startEmulator();
const phone = emulator.createDevice();
const apiKey = createKey();
const tls = await selfSigned();
const gateway = await createGateway({
  projects: { shop: emulator.fcmOptions() },
  clients: [{ name: "web-shop", keys: [hashKey(apiKey)], project: "shop", senderId }],
  http: { port: 0 },
  ccs: { port: 0, tls },
  onEvent: (event) => event.type === "answered" && console.log(`  ${event.protocol}: ${event.result}`),
});

const login = { gateway, apiKey, senderId, ca: tls.cert, token: phone.token };
await sendByNodeGcm({ ...login, content: { notification: { title: "From node-gcm" }, data: { order: "7" } } });
await sendOverCcs({ ...login, content: { notification: { title: "From CCS" } } });

console.log(`the phone shows: ${phone.received.map(({ notification }) => notification.title).join(", ")}`);
await gateway.close();
await emulator.close();
