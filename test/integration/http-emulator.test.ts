import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createGcmSender, createTopics, type GcmSenderOptions } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";

/** Tries again at once, so that nothing waits. */
const retry = { minMs: 0, initialMs: 0, maxMs: 0, rateLimitedMinMs: 0 };

async function setup(options: Partial<GcmSenderOptions> = {}) {
  const emulator = await startEmulator();
  const registrations = createMemoryRegistrationStore();
  const sender = createGcmSender({ ...emulator.httpOptions(), registrations, retry, ...options });
  return {
    emulator,
    registrations,
    sender,
    async [Symbol.asyncDispose]() {
      await sender.close();
      await emulator.close();
    },
  };
}

describe("the HTTP sender against the emulator", () => {
  it.each(["json", "plain-text"] as const)("delivers what was sent, to the character, as %s", async (format) => {
    await using world = await setup({ format });
    const device = world.emulator.createDevice();
    const data = { ключ: "значение", emoji: "👩‍👩‍👧", combining: "é", amp: "a&b=c d+e%20", quote: '"\\' };
    const { outcomes } = await world.sender.send({
      target: { token: device.token },
      data,
      collapseKey: "k",
      timeToLiveSec: 60,
    });
    expect(outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(device.received.map((message) => message.data)).toEqual([data]);
  });

  it("follows a chain of registrations: the report names the caller's token, the store ends with the last", async () => {
    await using world = await setup();
    const { emulator, sender, registrations } = world;
    const device = emulator.createDevice();
    const first = device.token;
    registrations.register("user-1", first);
    for (let n = 0; n < 3; n++) {
      const next = device.reregister();
      const { outcomes } = await sender.send({ target: { token: first }, data: { n: String(n) } });
      expect(outcomes).toMatchObject([{ kind: "accepted", recipient: first, canonicalRegistrationId: next }]);
      expect((await registrations.registrationsOf("user-1")).map(({ token }) => token)).toEqual([next]);
    }
    const { outcomes } = await sender.send({ target: { token: first }, data: { n: "3" } });
    expect(outcomes).toMatchObject([{ kind: "accepted", recipient: first, sentTo: device.token }]);
    expect(device.received).toHaveLength(4);
  });

  it("ends in the right state when two sends are in flight about the same registration", async () => {
    await using world = await setup();
    const { emulator, sender, registrations } = world;
    const device = emulator.createDevice();
    const old = device.token;
    registrations.register("user-1", old);
    device.reregister();
    const reports = await Promise.all([1, 2, 3, 4].map((n) => sender.sendToUser("user-1", { data: { n: String(n) } })));
    expect(reports.flatMap(({ outcomes }) => outcomes.map(({ kind }) => kind))).toEqual(new Array(4).fill("accepted"));
    expect((await registrations.registrationsOf("user-1")).map(({ token }) => token)).toEqual([device.token]);
  });

  it("merges a rewrite onto a registration the user has already", async () => {
    await using world = await setup();
    const { emulator, sender, registrations } = world;
    const device = emulator.createDevice();
    const old = device.token;
    const current = device.reregister();
    registrations.register("user-1", old);
    registrations.register("user-1", current);
    await sender.sendToUser("user-1", { data: { n: "1" } });
    expect((await registrations.registrationsOf("user-1")).map(({ token }) => token)).toEqual([current]);
  });

  it("sends again what was Unavailable, and gives up what is over its rate", async () => {
    await using world = await setup();
    const { emulator, sender } = world;
    const [a, b] = [emulator.createDevice(), emulator.createDevice()];
    emulator.faults.next({ token: a.token, error: "unavailable", times: 2 });
    emulator.faults.next({ token: b.token, error: "device-message-rate-exceeded", times: 100 });
    const { outcomes } = await sender.send({ target: { tokens: [a.token, b.token] }, data: { n: "1" } });
    expect(outcomes).toMatchObject([
      { kind: "accepted", attempts: 3 },
      { kind: "retryable", code: "device-message-rate-exceeded", attempts: 6 },
    ]);
    expect(a.received).toHaveLength(1);
    expect(b.received).toHaveLength(0);
  });

  it("goes over TLS with the emulator's CA", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice();
    await using sender = createGcmSender({
      apiKey: emulator.httpOptions().apiKey,
      endpoint: `${emulator.httpsUrl}/gcm/send`,
      tls: { ca: emulator.caCertificate },
    });
    const { outcomes } = await sender.send({ target: { token: device.token }, data: { n: "1" } });
    expect(outcomes[0]?.kind).toBe("accepted");
    expect(device.received).toHaveLength(1);
  });

  it("dryRun delivers nothing and checks everything", async () => {
    await using world = await setup();
    const device = world.emulator.createDevice();
    const { outcomes } = await world.sender.send({ target: { tokens: [device.token, "no-such-token"] }, dryRun: true });
    expect(outcomes.map(({ kind }) => kind)).toEqual(["accepted", "unregistered"]);
    expect(device.received).toHaveLength(0);
  });

  it("sends to device groups and topics that it manages", async () => {
    await using world = await setup();
    const { emulator, sender } = world;
    const devices = [emulator.createDevice(), emulator.createDevice()];
    const tokens = devices.map(({ token }) => token);
    const { apiKey, senderId } = emulator.ccsOptions();
    await using groups = createDeviceGroups({ apiKey, senderId, endpoint: `${emulator.httpUrl}/gcm/notification` });
    await using topics = createTopics({ backend: "instance-id", apiKey, endpoint: emulator.httpUrl });
    const created = await groups.create("user-7", tokens);
    if (created.kind !== "ok") throw new Error(created.code);
    devices[1]?.unregister();
    const { outcomes } = await sender.send({ target: { notificationKey: created.notificationKey }, data: { n: "1" } });
    expect(outcomes).toMatchObject([
      { kind: "accepted", group: { success: 1, failure: 1, failedRegistrationIds: [tokens[1]] } },
    ]);
    const subscribed = await topics.subscribe("news", tokens);
    expect(subscribed.outcomes.map(({ kind }) => kind)).toEqual(["accepted", "unregistered"]);
    const topic = await sender.send({ target: { topic: "news" }, data: { n: "2" } });
    expect(topic.outcomes).toMatchObject([{ kind: "accepted", messageId: expect.stringMatching(/^-?\d{15,20}$/) }]);
    expect(devices[0]?.received.map(({ data }) => data?.["n"])).toEqual(["1", "2"]);
  });
});
