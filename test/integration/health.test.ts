import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryOutboxEngine, createOutbox, healthSources } from "@cloud-messaging/core/transport";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let emulator: Emulator;
beforeEach(async () => {
  emulator = await startEmulator();
});
afterEach(() => emulator.close());

describe("health", () => {
  it("of a sender is ready from the beginning, tells its quota, and is not ready once closed", async () => {
    const sender = createFcmSender({ ...emulator.fcmOptions(), quota: { perMinute: 600 } });
    expect(sender.health()).toEqual({
      transport: "fcm-v1",
      ready: true,
      backlog: 0,
      quota: expect.objectContaining({ perMinute: 600, left: 10, waiting: 0 }),
    });
    await sender.close();
    expect(sender.health()).toMatchObject({ ready: false, reason: "the sender is closed" });
  });

  it("of a sender tells the latest failure until a send is answered, and stays ready with it", async () => {
    const phone = emulator.createDevice();
    await using sender = createGcmSender({ ...emulator.httpOptions(), retry: false });
    emulator.faults.next({ error: "unavailable" });
    await sender.send({ target: { token: phone.token }, data: { n: "1" } });
    expect(sender.health()).toMatchObject({ ready: true, lastError: { code: "unavailable" } });
    await sender.send({ target: { token: phone.token }, data: { n: "1" } });
    expect(sender.health()).not.toHaveProperty("lastError");
  });

  it("of a full sender is not ready, and counts what is not settled", async () => {
    const phone = emulator.createDevice();
    await using sender = createGcmSender({ ...emulator.httpOptions(), maxWaiting: 1 });
    const sending = sender.send({ target: { token: phone.token } });
    expect(sender.health()).toMatchObject({ ready: false, backlog: 1, reason: expect.stringContaining("the limit") });
    await sending;
    expect(sender.health()).toMatchObject({ ready: true, backlog: 0 });
  });

  it("of a CCS client is ready while a connection is open, and tells each connection", async () => {
    const client = createCcsClient(emulator.ccsOptions());
    expect(client.health()).toMatchObject({ ready: false, reason: "no connection is open" });
    await client.ready();
    expect(client.health()).toEqual({
      transport: "ccs",
      ready: true,
      backlog: 0,
      waiting: 0,
      connections: [{ id: 1, phase: "open", pending: 0 }],
    });
    await client.close();
    expect(client.health()).toMatchObject({ ready: false });
  });

  it("of an outbox counts its backlog, and is not ready when full, when its engine fails, and once closed", async () => {
    const engine = createMemoryOutboxEngine();
    const outbox = createOutbox({ engine, maxBacklog: 2 });
    await outbox.enqueue({ target: { tokens: ["a", "b"] } });
    expect(await outbox.health()).toMatchObject({
      engine: "memory",
      ready: false,
      reason: "the backlog has its limit, 2",
      backlog: 2,
      lanes: { normal: 2 },
      oldestDueMs: { normal: expect.any(Number) },
    });
    const broken = createMemoryOutboxEngine();
    broken.backlog = () => Promise.reject(new Error("the disk is gone"));
    await using failing = createOutbox({ engine: broken });
    expect(await failing.health()).toMatchObject({
      ready: false,
      reason: expect.stringContaining("the engine has failed"),
      lastError: { code: "backlog" },
    });
    await outbox.close();
    expect(await outbox.health()).toMatchObject({ ready: false, reason: "the outbox is closed" });
  });

  it("can be asked of every sender and outbox of the process until it is closed", async () => {
    const before = healthSources().length;
    const sender = createGcmSender(emulator.httpOptions());
    const outbox = createOutbox({ engine: createMemoryOutboxEngine() });
    expect(healthSources().length).toBe(before + 2);
    await Promise.all([sender.close(), outbox.close()]);
    expect(healthSources().length).toBe(before);
  });
});
