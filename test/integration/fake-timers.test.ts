import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import gcm from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it, vi } from "vitest";

afterEach(() => {
  vi.useRealTimers();
});

/** `process.nextTick` is not among them: Node's own streams wait for it, in a worker as in a process. */
const EVERY_NAME = [
  ...(["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate"] as const),
  ...(["Date", "performance", "hrtime", "queueMicrotask"] as const),
];

const message = (token: string) => ({ target: { token }, data: { n: "1" } });

const SENDERS = {
  "GCM HTTP": (emulator: Emulator) => createGcmSender({ ...emulator.httpOptions(), maxConnections: 2 }),
  "FCM v1": (emulator: Emulator) => createFcmSender({ ...emulator.fcmOptions(), maxConnections: 2 }),
  CCS: (emulator: Emulator) => createCcsClient(emulator.ccsOptions()),
} as const;

describe("under vitest's fake timers, as they are by default", () => {
  it.each(Object.entries(SENDERS))("%s sends, one after the other and at once, and closes", async (_, create) => {
    await using emulator = await startEmulator();
    const { token } = emulator.createDevice();
    vi.useFakeTimers();
    const sender = create(emulator);
    const kinds: (string | undefined)[] = [];
    for (let i = 0; i < 5; i++) kinds.push((await sender.send(message(token))).outcomes[0]?.kind);
    const reports = await Promise.all(Array.from({ length: 10 }, () => sender.send(message(token))));
    kinds.push(...reports.map(({ outcomes }) => outcomes[0]?.kind));
    expect(kinds).toEqual(Array(15).fill("accepted"));
    await sender.close();
  });

  it.each(Object.entries(SENDERS))("%s sends over a connection made before", async (_, create) => {
    await using emulator = await startEmulator();
    const { token } = emulator.createDevice();
    await using sender = create(emulator);
    await sender.send(message(token));
    vi.useFakeTimers();
    for (let i = 0; i < 3; i++) expect((await sender.send(message(token))).outcomes[0]?.kind).toBe("accepted");
  });

  it("the emulator starts, an upstream message is handled and acked, a receipt arrives, both ends close", async () => {
    vi.useFakeTimers();
    const emulator = await startEmulator();
    const phone = emulator.createDevice();
    const handled: unknown[] = [];
    const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => void handled.push(data) });
    await phone.sendUpstream({ hello: "1" }).acked;
    expect(handled).toEqual([{ hello: "1" }]);
    const report = await client.send(message(phone.token), { receipt: true });
    expect(await report.receipts[0]).toMatchObject({ deviceRegistrationId: phone.token });
    await client.close();
    await emulator.close();
  });

  it("node-gcm's callback is called", async () => {
    await using emulator = await startEmulator();
    const { token } = emulator.createDevice();
    vi.useFakeTimers();
    const { apiKey, endpoint } = emulator.httpOptions();
    const sender = new gcm.Sender(apiKey, { uri: String(endpoint) });
    const response = await new Promise((resolve, reject) =>
      sender.send(new gcm.Message({ data: { n: "1" } }), token, (error: unknown, value: unknown) =>
        error ? reject(error) : resolve(value),
      ),
    );
    expect(response).toMatchObject({ success: 1 });
    await sender.close();
  });
});

describe("under fake timers of every name that vitest can fake, in place before the packages are loaded", () => {
  it("every sender sends, the emulator starts, upstream messages and receipts arrive, both ends close", async () => {
    vi.resetModules();
    vi.useFakeTimers({ toFake: EVERY_NAME });
    const { startEmulator } = await import("@cloud-messaging/emulator");
    const { createCcsClient } = await import("@cloud-messaging/ccs-client");
    const { createFcmSender, createGcmSender } = await import("@cloud-messaging/http-sender");
    const emulator = await startEmulator();
    const phone = emulator.createDevice();
    const handled: unknown[] = [];
    const client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => void handled.push(data) });
    const senders = [
      createGcmSender({ ...emulator.httpOptions(), maxConnections: 2 }),
      createFcmSender({ ...emulator.fcmOptions(), maxConnections: 2 }),
      client,
    ];
    for (const sender of senders) {
      const reports = await Promise.all(Array.from({ length: 5 }, () => sender.send(message(phone.token))));
      expect((await sender.send(message(phone.token))).outcomes[0]?.kind).toBe("accepted");
      expect(reports.map(({ outcomes }) => outcomes[0]?.kind)).toEqual(Array(5).fill("accepted"));
    }
    await phone.sendUpstream({ hello: "1" }).acked;
    expect(handled).toEqual([{ hello: "1" }]);
    const report = await client.send(message(phone.token), { receipt: true });
    expect(await report.receipts[0]).toMatchObject({ deviceRegistrationId: phone.token });
    for (const sender of senders) await sender.close();
    await emulator.close();
  });
});

describe("under node:test's fake timers, as they are by default", () => {
  it.each(["before-load", "after-load"])(
    "every transport sends, an upstream message is acked, everything closes: %s",
    async (when) => {
      const program = join(import.meta.dirname, "../support/fake-timers-node-test.mjs");
      const { stdout } = await promisify(execFile)(process.execPath, [program, when], { timeout: 25_000 });
      expect(stdout).toMatch(/^. pass 1$/m); // TAP or the readable form, as the version of Node prints
    },
  );
});
