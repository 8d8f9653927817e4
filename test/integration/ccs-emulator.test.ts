import { type CcsClientOptions, createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryRegistrationStore } from "@cloud-messaging/core";
import { type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

async function setup(options: EmulatorOptions = {}, clientOptions: Partial<CcsClientOptions> = {}) {
  const emulator = await startEmulator(options);
  const client = createCcsClient({ ...emulator.ccsOptions(), retry: { minMs: 0, initialMs: 1 }, ...clientOptions });
  await client.ready();
  return {
    emulator,
    client,
    async [Symbol.asyncDispose]() {
      await client.close();
      expect(emulator.stats.violations).toBe(0);
      await emulator.close();
    },
  };
}

describe("CCS against the emulator", () => {
  it("holds message 101 until one of the first 100 is acked", async () => {
    await using parts = await setup({ autoRegister: true, ccs: { autoAck: false } });
    const { emulator, client } = parts;
    const sends = Array.from({ length: 101 }, (_, n) => client.send({ target: { token: `token-${n}` } }));
    const first = await emulator.inbox.waitFor({ count: 100 });
    expect(client.connections).toMatchObject([{ pending: 100 }]);
    emulator.ccs.ack(first[0]?.messageId as string);
    await emulator.inbox.waitFor({ count: 101 });
    emulator.ccs.ackAll();
    expect(await Promise.all(sends)).toHaveLength(101);
  });

  it("delivers to a device, follows its registrations, and finds out that the app is gone", async () => {
    const registrations = createMemoryRegistrationStore();
    await using parts = await setup({}, { registrations });
    const { emulator, client } = parts;
    const device = emulator.createDevice();
    const old = device.token;
    await registrations.register("ada", old);
    await client.send({ target: { token: old }, data: { n: "1" } });
    expect(device.received.map(({ data }) => data["n"])).toEqual(["1"]);

    const canonical = device.reregister();
    const report = await client.sendToUser("ada", { data: { n: "2" } });
    expect(report.outcomes).toMatchObject([{ kind: "accepted", canonicalRegistrationId: canonical }]);
    expect((await registrations.registrationsOf("ada")).map(({ token }) => token)).toEqual([canonical]);

    device.uninstall();
    expect((await client.sendToUser("ada", { data: { n: "3" } })).outcomes).toMatchObject([{ kind: "accepted" }]);
    expect((await client.sendToUser("ada", { data: { n: "4" } })).outcomes).toMatchObject([{ kind: "unregistered" }]);
    expect(await registrations.registrationsOf("ada")).toEqual([]);
  });

  it("loses no message while connections drain and break under it", async () => {
    await using parts = await setup(
      { autoRegister: true, ccs: { ackDelayMs: 2, drainQuietMs: 20 } },
      { connections: 2 },
    );
    const { emulator, client } = parts;
    const sends: Promise<{ outcomes: readonly { kind: string }[] }>[] = [];
    for (let n = 0; n < 2_000; n++) {
      sends.push(client.send({ target: { token: `token-${n % 50}` }, data: { n: String(n) } }));
      if (n === 500) emulator.ccs.drainAll();
      if (n === 1_000) emulator.ccs.cutAll();
      if (n === 1_500) emulator.ccs.connections[0]?.drain({ nack: true });
      if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const reports = await Promise.all(sends);
    expect(reports.every(({ outcomes }) => outcomes[0]?.kind === "accepted")).toBe(true);
  });

  it("hands over upstream messages in the order of each device, once, through a failing handler and a cut connection", async () => {
    const handled: string[] = [];
    const failed = new Set<string>();
    await using parts = await setup(
      { ccs: { upstreamResendMs: 50 } },
      {
        onUpstream({ data }) {
          const text = data["text"] as string;
          if (text.endsWith("5") && !failed.has(text)) {
            failed.add(text);
            throw new Error("not yet");
          }
          handled.push(text);
        },
      },
    );
    const { emulator } = parts;
    const devices = [emulator.createDevice(), emulator.createDevice()];
    const acked: Promise<void>[] = [];
    for (let n = 0; n < 20; n++) {
      for (const [d, device] of devices.entries()) acked.push(device.sendUpstream({ text: `${d}-${n}` }).acked);
      if (n === 10) emulator.ccs.cutAll();
    }
    await Promise.all(acked);
    expect(handled).toHaveLength(40);
    expect(new Set(handled).size).toBe(40);
    expect(failed.size).toBe(4);
    for (const d of [0, 1]) {
      const own = handled
        .filter((text) => text.startsWith(`${d}-`) && !text.endsWith("5"))
        .map((text) => Number(text.slice(2)));
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
  });

  it("has every receipt acknowledged", async () => {
    await using parts = await setup();
    const { emulator, client } = parts;
    const device = emulator.createDevice();
    const reports = await Promise.all(
      Array.from({ length: 50 }, () => client.send({ target: { token: device.token } }, { receipt: true })),
    );
    for (const { receipts } of reports) expect(await receipts[0]).toMatchObject({ status: "MESSAGE_SENT_TO_DEVICE" });
    await client.idle();
    // the answer to one more message is behind all of them
    await client.send({ target: { token: device.token } });
    expect(emulator.stats).toMatchObject({ receiptsSent: 50, receiptsAcked: 50, stanzaErrors: 0 });
  });
});
