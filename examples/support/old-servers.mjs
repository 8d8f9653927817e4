// Two app servers of old: node-gcm as it was published, and one that speaks CCS. Each sends one message through a gateway.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import nodeGcm from "node-gcm";

export function sendByNodeGcm({ gateway, apiKey, token, content }) {
  const sender = new nodeGcm.Sender(apiKey, { uri: `http://127.0.0.1:${gateway.httpPort}/gcm/send` });
  return new Promise((resolve, reject) => {
    sender.send(new nodeGcm.Message(content), { registrationTokens: [token] }, (error, body) =>
      error ? reject(error) : resolve(body),
    );
  });
}

export async function sendOverCcs({ gateway, apiKey, senderId, ca, token, content }) {
  const client = createCcsClient({ host: "127.0.0.1", port: gateway.ccsPort, tls: { ca }, senderId, apiKey });
  try {
    return await client.send({ target: { token }, ...content });
  } finally {
    await client.close();
  }
}
