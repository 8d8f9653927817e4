// The gateway: unmodified node-gcm and a CCS client reach a phone over FCM HTTP v1, which the emulator stands for.
import { createGateway, createKey, hashKey } from "@cloud-messaging/gateway";
import { sendByNodeGcm, sendOverCcs } from "../support/old-servers.mjs";
import { selfSigned } from "../support/self-signed.mjs";

export async function oldServers({ emulator, narrator }) {
  const phone = emulator.createDevice();
  const [apiKey, senderId, tls] = [createKey(), "1234567890", await selfSigned()];
  const gateway = await createGateway({
    projects: { shop: emulator.fcmOptions() },
    clients: [{ name: "web-shop", keys: [hashKey(apiKey)], project: "shop", senderId }],
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
  const login = { gateway, apiKey, senderId, ca: tls.cert, token: phone.token };
  const contentOf = (title) => ({ notification: { title: `from ${title}` } });
  try {
    await sendByNodeGcm({ ...login, content: contentOf("node-gcm") });
    await sendOverCcs({ ...login, content: contentOf("a CCS client") });
  } finally {
    await gateway.close();
  }
  const shown = phone.received.map(({ notification }) => notification.title);
  const lost = ["from node-gcm", "from a CCS client"].filter((title) => !shown.includes(title)).length;
  const mark = lost === 0 ? "good" : "bad";
  narrator.say(mark, "the phone", `shows: ${shown.join(", ")}`, { event: "gateway-shown", lost });
  return lost;
}
