// A test file under jest's `fakeTimers: { enableGlobally: true }`: every name is a fake before the packages are loaded.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { expect, test } from "@jest/globals";

test("every transport sends, an upstream message is acked, everything closes", async () => {
  expect("clock" in setImmediate && "clock" in process.nextTick && "clock" in queueMicrotask).toBe(true);
  const emulator = await startEmulator();
  const phone = emulator.createDevice();
  const handled = [];
  const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => void handled.push(data) });
  const senders = [createGcmSender(emulator.httpOptions()), createFcmSender(emulator.fcmOptions()), client];
  for (const sender of senders) {
    for (let i = 0; i < 3; i++) {
      const { outcomes } = await sender.send({ target: { token: phone.token }, data: { n: "1" } });
      expect(outcomes[0].kind).toBe("accepted");
    }
  }
  await phone.sendUpstream({ hello: "1" }).acked;
  expect(handled).toEqual([{ hello: "1" }]);
  for (const sender of senders) await sender.close();
  await emulator.close();
});
