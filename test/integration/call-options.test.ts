import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { answer, json, startFaultServer } from "../support/fault-server.ts";

const WRONG: readonly (readonly [given: unknown, problem: RegExp])[] = [
  [{ signal: 5 }, /signal: must be an AbortSignal/],
  [{ sginal: undefined, signl: 1 }, /signl: is not an option of .*: did you mean signal\?/],
  [null, /must be an object, not null/],
];

describe("the options of a call that takes a signal alone", () => {
  it.each(WRONG)("are refused by name: %j", async (given, problem) => {
    await using emulator = await startEmulator();
    await using gcm = createGcmSender(emulator.httpOptions());
    await using fcm = createFcmSender(emulator.fcmOptions());
    await using client = createCcsClient(emulator.ccsOptions());
    const options = given as object;
    for (const call of [
      () => gcm.capacity(options),
      () => gcm.verifyCredentials(options),
      () => fcm.verifyCredentials(options),
      () => client.ready(options),
      () => client.idle(options),
    ]) {
      await expect(call()).rejects.toThrow(problem);
    }
  });

  it("take a signal of another realm", async () => {
    await using emulator = await startEmulator();
    await using client = createCcsClient(emulator.ccsOptions());
    const signal = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} };
    const options = { signal: signal as unknown as AbortSignal };
    await client.ready(options);
    await client.capacity(options);
    await client.idle(options);
    expect(client.pending).toBe(0);
  });

  it("include a receipt that is true or false", async () => {
    await using emulator = await startEmulator();
    await using client = createCcsClient(emulator.ccsOptions());
    const sending = client.send({ target: { token: "tok-a" } }, { receipt: "yes" as never });
    await expect(sending).rejects.toThrow(/receipt: must be true or false/);
  });
});

describe("an ID that a service gives", () => {
  it("is bounded and without control characters, over every HTTP transport", async () => {
    await using server = await startFaultServer();
    const id = `1\u001b[31m${"x".repeat(10_000)}`;
    const shared = { retry: false } as const;
    const gcm = { ...shared, endpoint: `${server.origin}/gcm/send`, apiKey: "AIza-EXAMPLE" };
    await using legacy = createGcmSender(gcm);
    await using text = createGcmSender({ ...gcm, format: "plain-text" });
    const fcm = { ...shared, endpoint: server.origin, projectId: "demo", credential: async () => "t" };
    await using v1 = createFcmSender(fcm);
    server.script(
      json({ multicast_id: 1, success: 1, failure: 0, canonical_ids: 0, results: [{ message_id: id }] }),
      answer(200, `id=${id}`),
      json({ name: id }),
    );
    for (const sender of [legacy, text, v1]) {
      const [outcome] = (await sender.send({ target: { token: "tok-a" } })).outcomes;
      expect(outcome).toMatchObject({ kind: "accepted", messageId: expect.stringMatching(/^1 \[31mx{200,}…$/) });
    }
  });
});
