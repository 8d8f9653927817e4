// Over CCS devices send messages to the server. A message is acknowledged when its handler has succeeded, and redelivered when it throws.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";

const emulator = await startEmulator();
const phone = emulator.createDevice();
let calls = 0;
const client = createCcsClient({
  ...emulator.ccsOptions(),
  timeoutMs: 10_000,
  async onUpstream(message) {
    calls++;
    if (calls === 1) throw new Error("the database is down");
    await client.send({ target: { token: message.from }, data: { echo: message.data.text } });
  },
});
await client.ready();
const { acked } = phone.sendUpstream({ text: "hello" });
await acked;
await client.idle();
console.log("the handler ran", calls, "times; the phone hears:", phone.received.map(({ data }) => data.echo).join());
await client.close();
await emulator.close();
