import { createCcsClient } from "@cloud-messaging/ccs-client";
import {
  createMemoryRegistrationStore,
  type Sender,
  type SenderOptions,
  type TargetInput,
} from "@cloud-messaging/core";
import { systemClock } from "@cloud-messaging/core/transport";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createDeviceGroups, createFcmSender, createGcmSender, createTopics } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";

const SENDERS: readonly (readonly [string, (emulator: Emulator, options: SenderOptions) => Sender])[] = [
  ["GCM HTTP", (emulator, options) => createGcmSender({ ...emulator.httpOptions(), ...options })],
  ["FCM v1", (emulator, options) => createFcmSender({ ...emulator.fcmOptions(), ...options })],
  ["CCS", (emulator, options) => createCcsClient({ ...emulator.ccsOptions(), ...options })],
];

describe.each(SENDERS)("a message over %s", (_, createSender) => {
  it("reaches the device of every kind of target, whose recipient is as the caller gave it", async () => {
    await using emulator = await startEmulator();
    await using sender = createSender(emulator, {});
    const device = emulator.createDevice();
    const other = emulator.createDevice();
    await using topics = createTopics({ backend: "instance-id", apiKey: "k", endpoint: emulator.httpUrl });
    await topics.subscribe("news", [device.token]);
    await using groups = createDeviceGroups({
      apiKey: "k",
      senderId: "1234567890",
      endpoint: `${emulator.httpUrl}/fcm/notification`,
    });
    const group = await groups.create("of-one", [device.token]);
    if (group.kind !== "ok") throw new Error(`no group: ${group.kind}`);

    const targets: readonly (readonly [string, TargetInput])[] = [
      [device.token, { token: device.token }],
      [device.token, { tokens: [device.token] }],
      ["news", { topic: "news" }],
      ["/topics/news", { topic: "/topics/news" }],
      ["'news' in topics", { condition: "'news' in topics" }],
      [group.notificationKey, { notificationKey: group.notificationKey }],
    ];
    for (const [index, [recipient, target]] of targets.entries()) {
      const { outcomes } = await sender.send({ target, data: { n: `${index}` } });
      expect(outcomes).toMatchObject([{ kind: "accepted", recipient }]);
      expect(device.received.at(-1)?.data).toEqual({ n: `${index}` });
    }
    expect(other.received).toEqual([]);
  });

  it("to a topic or condition is refused as an invalid argument, whatever the service says of a token, and removes nothing", async () => {
    await using emulator = await startEmulator();
    const registrations = createMemoryRegistrationStore();
    registrations.register("ada", "news");
    await using sender = createSender(emulator, { registrations, retry: false });
    const words = ["not-registered", "invalid-registration", "NotRegistered", "InvalidRegistration"];
    for (const target of [{ topic: "news" }, { condition: "'news' in topics" }]) {
      for (const error of [...words, "BAD_REGISTRATION", "DEVICE_UNREGISTERED", "UNREGISTERED"]) {
        emulator.faults.next({ error });
        const { outcomes } = await sender.send({ target, data: { n: "1" } });
        expect(outcomes[0]?.kind, error).not.toBe("unregistered");
        if (words.slice(0, 2).includes(error)) expect(outcomes).toMatchObject([{ code: "invalid-argument" }]);
        emulator.faults.clear();
      }
    }
    expect(registrations.registrationsOf("ada")).toMatchObject([{ token: "news" }]);
  });

  it("is sent by a sender with every option that all senders have", async () => {
    const options: Required<SenderOptions> = {
      registrations: createMemoryRegistrationStore(),
      suspects: { refusals: 3, overMs: 86_400_000 },
      retry: { maxAttempts: 2 },
      maxWaiting: 3,
      ambiguous: "report",
      timeoutMs: 20_000,
      lifeFrom: "attempt",
      clock: systemClock,
      random: () => 0,
    };
    await using emulator = await startEmulator();
    await using sender = createSender(emulator, options);
    const { outcomes } = await sender.send({ target: { token: emulator.createDevice().token } });
    expect(outcomes).toMatchObject([{ kind: "accepted" }]);
  });
});
