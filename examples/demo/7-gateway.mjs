// The gateway: unmodified node-gcm and a CCS client reach a phone over FCM HTTP v1, which the emulator stands for.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createGateway, createKey, hashKey } from "@cloud-messaging/gateway";
import nodeGcm from "node-gcm";
import { selfSigned } from "../support/self-signed.mjs";

const SENDER_ID = "1234567890";

export async function oldServers({ emulator, narrator }) {
  const phone = emulator.createDevice();
  const apiKey = createKey();
  const tls = await selfSigned();
  const gateway = await createGateway({
    projects: { shop: emulator.fcmOptions() },
    clients: [{ name: "web-shop", keys: [hashKey(apiKey)], project: "shop", senderId: SENDER_ID }],
    http: { port: 0 },
    ccs: { port: 0, tls },
    onEvent(event) {
      if (event.type !== "answered") return;
      const over = event.protocol === "ccs" ? "CCS" : "GCM HTTP";
      narrator.say("good", "the gateway", `answers a message over ${over}: ${event.result}`, {
        event: "gateway-answered",
      });
    },
  });
  try {
    const sender = new nodeGcm.Sender(apiKey, { uri: `http://127.0.0.1:${gateway.httpPort}/gcm/send` });
    const message = new nodeGcm.Message({ notification: { title: "from node-gcm" }, data: { mark: "node-gcm" } });
    await new Promise((resolve, reject) => {
      sender.send(message, { registrationTokens: [phone.token] }, (error, body) =>
        error ? reject(error) : resolve(body),
      );
    });
    const ccs = { host: "127.0.0.1", port: gateway.ccsPort, tls: { ca: tls.cert }, senderId: SENDER_ID, apiKey };
    const client = createCcsClient(ccs);
    try {
      await client.send({
        target: { token: phone.token },
        notification: { title: "from a CCS client" },
        data: { mark: "ccs" },
      });
    } finally {
      await client.close();
    }
    const shown = new Set(phone.received.map(({ data }) => data.mark));
    const lost = ["node-gcm", "ccs"].filter((mark) => !shown.has(mark)).length;
    const titles = phone.received.map(({ notification }) => notification.title).join(", ");
    narrator.say(lost === 0 ? "good" : "bad", "the phone", `shows: ${titles}`, { event: "gateway-shown", lost });
    return lost;
  } finally {
    await gateway.close();
  }
}
