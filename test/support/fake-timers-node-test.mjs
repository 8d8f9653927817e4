// A test program as users of node:test write them; run by fake-timers.test.ts, over what was built.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

test("with mock.timers.enable()", async () => {
  // as the first line of a test file does, before anything is imported
  const early = process.argv[2] === "before-load";
  if (early) mock.timers.enable();
  const { createCcsClient } = await import("@cloud-messaging/ccs-client");
  const { startEmulator } = await import("@cloud-messaging/emulator");
  const { createFcmSender, createGcmSender } = await import("@cloud-messaging/http-sender");
  const emulator = await startEmulator();
  const phone = emulator.createDevice();
  if (!early) mock.timers.enable();
  const handled = [];
  const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => void handled.push(data) });
  const senders = [createGcmSender(emulator.httpOptions()), createFcmSender(emulator.fcmOptions()), client];
  for (const sender of senders) {
    for (let i = 0; i < 3; i++) {
      const { outcomes } = await sender.send({ target: { token: phone.token }, data: { n: "1" } });
      assert.equal(outcomes[0].kind, "accepted", JSON.stringify(outcomes));
    }
  }
  await phone.sendUpstream({ hello: "1" }).acked;
  assert.deepEqual(handled, [{ hello: "1" }]);
  for (const sender of senders) await sender.close();
  await emulator.close();
  // the runner's own output waits for a timer too
  mock.timers.reset();
});
