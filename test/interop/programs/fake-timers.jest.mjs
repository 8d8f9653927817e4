// A test file as users of jest write them. jest's defaults fake nextTick, queueMicrotask, setImmediate, Date and performance too.
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { afterEach, expect, jest, test } from "@jest/globals";

const message = (token) => ({ target: { token }, data: { n: "1" } });
const senders = {
  "GCM HTTP": (emulator) => createGcmSender({ ...emulator.httpOptions(), maxConnections: 2 }),
  "FCM v1": (emulator) => createFcmSender({ ...emulator.fcmOptions(), maxConnections: 2 }),
  CCS: (emulator) => createCcsClient(emulator.ccsOptions()),
};
afterEach(() => {
  jest.useRealTimers();
});

for (const [name, create] of Object.entries(senders)) {
  for (const before of [0, 1]) {
    test(`${name} sends and closes under fake timers, with ${before} sent before`, async () => {
      const emulator = await startEmulator();
      const { token } = emulator.createDevice();
      const sender = create(emulator);
      for (let i = 0; i < before; i++) await sender.send(message(token));
      jest.useFakeTimers();
      for (let i = 0; i < 5; i++) expect((await sender.send(message(token))).outcomes[0].kind).toBe("accepted");
      const reports = await Promise.all(Array.from({ length: 10 }, () => sender.send(message(token))));
      expect(reports.map(({ outcomes }) => outcomes[0].kind)).toEqual(Array(10).fill("accepted"));
      await sender.close();
      await emulator.close();
    });
  }
}

test("an upstream message is handled and acked, and a receipt arrives, under fake timers", async () => {
  const emulator = await startEmulator();
  const phone = emulator.createDevice();
  jest.useFakeTimers();
  const handled = [];
  const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => void handled.push(data) });
  await phone.sendUpstream({ hello: "1" }).acked;
  expect(handled).toEqual([{ hello: "1" }]);
  const report = await client.send(message(phone.token), { receipt: true });
  expect(await report.receipts[0]).toMatchObject({ deviceRegistrationId: phone.token });
  await client.close();
  await emulator.close();
});
