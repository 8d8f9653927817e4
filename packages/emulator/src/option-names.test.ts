import { InvalidOptionsError } from "@cloud-messaging/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Emulator } from "./emulator.ts";
import { startEmulator } from "./start-emulator.ts";

describe("a misspelt option of the emulator is refused, and the name that was meant is told", () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator();
  });
  afterAll(() => emulator.close());

  // as JavaScript passes them
  const loose = (value: object) => value as never;
  const device = () => emulator.createDevice();

  it.each<[string, () => unknown, string]>([
    [
      "startEmulator",
      () => startEmulator(loose({ throtling: {} })),
      "throtling: is not an option of the emulator: did you mean throttling?",
    ],
    [
      "startEmulator, with the port of others",
      () => startEmulator(loose({ port: 8095 })),
      "port: is not an option of the emulator: did you mean httpPort?",
    ],
    [
      "startEmulator, nested",
      () => startEmulator(loose({ throttling: { perDevise: false } })),
      "throttling.perDevise: is not an option of the emulator: did you mean perDevice?",
    ],
    [
      "startEmulator, nested twice",
      () => startEmulator(loose({ throttling: { perDevice: { perMinute: 1, perHour: 1, perHuor: 1 } } })),
      "throttling.perDevice.perHuor: is not an option of the emulator: did you mean perHour?",
    ],
    [
      "startEmulator, ccs",
      () => startEmulator(loose({ ccs: { maxPendin: 1 } })),
      "ccs.maxPendin: is not an option of the emulator: did you mean maxPending?",
    ],
    [
      "createDevice",
      () => emulator.createDevice(loose({ platfrom: "ios" })),
      "platfrom: is not an option of a device: did you mean platform?",
    ],
    [
      "installApp",
      () => device().installApp(loose({ packagename: "a" })),
      "packagename: is not an option of a device: did you mean packageName?",
    ],
    [
      "sendUpstream",
      () => device().sendUpstream({}, loose({ timeToLive: 1 })),
      "timeToLive: is not an option of sendUpstream: did you mean timeToLiveSec?",
    ],
    [
      "waitFor of a device",
      () => device().waitFor(() => true, loose({ singal: 1 })),
      "singal: is not an option of waitFor: did you mean signal?",
    ],
    [
      "waitFor of the inbox",
      () => emulator.inbox.waitFor(loose({ cuont: 1 })),
      "cuont: is not a part of the count: did you mean count?",
    ],
    [
      "waitFor of the inbox, its options",
      () => emulator.inbox.waitFor({ count: 1 }, loose({ singal: 1 })),
      "singal: is not an option of waitFor: did you mean signal?",
    ],
    [
      "waitForConnections",
      () => emulator.ccs.waitForConnections(1, loose({ sginal: 1 })),
      "sginal: is not an option of waitForConnections: did you mean signal?",
    ],
    [
      "faults.next",
      () => emulator.faults.next(loose({ tokn: "a", error: "unavailable" })),
      "tokn: is not an option of this fault: did you mean token?",
    ],
    [
      "faults.random",
      () => emulator.faults.random(loose({ rate: 1, error: "unavailable", endpont: "ccs" })),
      "endpont: is not an option of this fault: did you mean endpoint?",
    ],
    [
      "faults.nextRequest",
      () => emulator.faults.nextRequest(loose({ status: 503, retryAftr: "2" })),
      "retryAftr: is not an option of this fault: did you mean retryAfter?",
    ],
    [
      "faults.http",
      () => emulator.faults.http(loose({ kind: "goaway", aftr: 1 })),
      "aftr: is not an option of this fault: did you mean after?",
    ],
    [
      "faults.cutAfter",
      () => emulator.faults.cutAfter(loose({ messages: 1, beforeack: true })),
      "beforeack: is not an option of this fault: did you mean beforeAck?",
    ],
    [
      "faults.drainAfter",
      () => emulator.faults.drainAfter(loose({ messages: 1, nck: true })),
      "nck: is not an option of this fault: did you mean nack?",
    ],
    [
      "faults.login",
      () => emulator.faults.login(loose({ kind: "hang", tmies: 2 })),
      "tmies: is not an option of this fault: did you mean times?",
    ],
  ])("%s", async (_, call, problem) => {
    const error = await new Promise((resolve) => resolve(call())).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect((error as Error).message).toContain(problem);
    expect(emulator.faults.armed).toEqual([]);
  });

  it("faults and waits of no object at all are refused alike", async () => {
    expect(() => emulator.faults.next(loose(null as never))).toThrow(InvalidOptionsError);
    expect(() => emulator.createDevice("a" as never)).toThrow(InvalidOptionsError);
    await expect(emulator.inbox.waitFor(undefined as never)).rejects.toBeInstanceOf(InvalidOptionsError);
  });
});
