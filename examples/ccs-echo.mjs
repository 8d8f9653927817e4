// Answers every message that a device sends. Run: node examples/ccs-echo.mjs
//
// A message is acknowledged once the handler has finished. When it throws, or the process dies before that, CCS delivers the message
// again. So nothing is lost, but the handler can see a message twice.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
const phones = ["Ada", "Grace", "Edsger"].map((name) => ({ name, device: emulator.createDevice({ name }) }));

const client = createCcsClient({
  ...emulator.ccsOptions(),
  async onUpstream({ from, data, messageId }) {
    const { outcome } = await client.send({ target: { token: from }, data: { echo: data.text, to: messageId } });
    if (outcome.kind !== "accepted") throw new Error(`the answer was not accepted: ${outcome.kind}`);
  },
});
try {
  await client.ready();
  for (const { name, device } of phones) {
    const { acked, messageId } = device.sendUpstream({ text: `Hello from ${name} 👋` });
    const answer = await device.waitFor(({ data }) => data.to === messageId);
    await acked;
    console.log(`${name} hears: ${answer.data.echo}`);
  }
} finally {
  await client.close();
  await emulator.close();
}
