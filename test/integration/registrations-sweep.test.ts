import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, createMemoryRegistrationStore, type Sender, subscribe, sweep } from "@cloud-messaging/core";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let emulator: Emulator;
beforeEach(async () => {
  emulator = await startEmulator();
});
afterEach(() => emulator.close());

/** A store with a phone for each user; those at these positions have uninstalled the app, and the service knows it. */
function world(phones: number, uninstalled: readonly number[]) {
  const registrations = createMemoryRegistrationStore();
  const devices = Array.from({ length: phones }, (_, n) => {
    const device = emulator.createDevice();
    registrations.register(`user-${n}`, device.token);
    return device;
  });
  for (const n of uninstalled) devices[n]?.unregister();
  const users = () => registrations.users({ limit: 100 }).userIds;
  return { registrations, devices, users };
}

const SENDERS: Record<string, (options: Pick<Parameters<typeof createGcmSender>[0], "registrations">) => Sender> = {
  "validate_only of FCM HTTP v1": (options) => createFcmSender({ ...emulator.fcmOptions(), ...options }),
  "dry_run of GCM HTTP": (options) => createGcmSender({ ...emulator.httpOptions(), ...options }),
  "dry_run of CCS": (options) => createCcsClient({ ...emulator.ccsOptions(), ...options }),
};

describe.each(Object.entries(SENDERS))("a sweep by %s", (_, create) => {
  it("removes dead tokens, shows nothing on any phone, and tries no more tokens a second than it may", async () => {
    const { registrations, devices, users } = world(6, [1, 4]);
    await using sender = create({ registrations });
    let tried = 0;
    const stop = subscribe("cloud-messaging:send", ({ counts }) => {
      tried += Object.values(counts).reduce((sum, count) => sum + count, 0);
    });
    const clock = createManualClock();
    const dead: string[] = [];
    const sweeping = (async () => {
      for await (const { recipient } of sweep(sender, registrations, { tokensPerSec: 4, clock })) dead.push(recipient);
    })();
    for (let n = 1; n <= 6; n++) {
      await expect.poll(() => tried).toBe(n);
      await clock.advance(250);
    }
    await sweeping;
    stop();
    expect(dead).toEqual([devices[1]?.token, devices[4]?.token]);
    expect(users()).toEqual(["user-0", "user-2", "user-3", "user-5"]);
    expect(devices.flatMap(({ received }) => received)).toEqual([]);
    expect(registrations.registrationsOf("user-0")).toMatchObject([{ token: devices[0]?.token }]);
    expect(registrations.registrationsOf("user-0")[0]).not.toHaveProperty("acceptedAt");
  });
});

it("a sweep keeps to the quota of the project, which it shares with every other send", async () => {
  const { registrations, users } = world(4, [3]);
  const clock = createManualClock();
  await using sender = createFcmSender({
    ...emulator.fcmOptions(),
    credential: async () => "ya29.any",
    registrations,
    clock,
    quota: { perMinute: 60 },
  });
  const waiting = () => sender.health().quota?.waiting;
  const dead: string[] = [];
  const sweeping = (async () => {
    for await (const { recipient } of sweep(sender, registrations, { clock })) dead.push(recipient);
  })();
  // the batch that the sweep fills goes out after a tenth of a second
  await clock.advance(100);
  for (const left of [3, 2, 1]) {
    await expect.poll(waiting).toBe(left);
    expect(dead).toEqual([]);
    await clock.advance(1_000);
  }
  await sweeping;
  expect(dead).toHaveLength(1);
  expect(users()).toEqual(["user-0", "user-1", "user-2"]);
});
