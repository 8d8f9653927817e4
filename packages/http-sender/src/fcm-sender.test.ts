import { createManualClock } from "@cloud-messaging/core";
import { expect, it } from "vitest";
import { createFcmSender } from "./fcm-sender.ts";

it("a sender over FCM HTTP v1 that is refused for an option leaves the quota of its project to the others", async () => {
  const common = { credential: async () => "ya29.token", projectId: "demo", clock: createManualClock() };
  expect(() => createFcmSender({ ...common, quota: { perMinute: 60 }, maxWaiting: 0 })).toThrow(/maxWaiting/);
  // its transport closes in a later turn
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  await using sender = createFcmSender(common);
  expect(sender.health().quota).toMatchObject({ perMinute: 600_000 });
});
