import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, subscribe } from "@cloud-messaging/core";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { startScriptedServer, upstreamStanza } from "../support/ccs-scripted-server.ts";

/** Collects notices until the end of the block. */
function notices() {
  const seen: { readonly notice: string; readonly detail: string }[] = [];
  const waiting: (() => void)[] = [];
  const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => {
    seen.push({ notice, detail });
    for (const wake of waiting.splice(0)) wake();
  });
  return {
    seen,
    /** Resolves with the first of that name. */
    async next(name: string) {
      for (;;) {
        const found = seen.find(({ notice }) => notice === name);
        if (found !== undefined) return found;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    [Symbol.dispose]: stop,
  };
}

const upstream = (id: string, from = "tok-a"): string =>
  upstreamStanza({ from, category: "com.example.app", message_id: id, data: { q: "7" } });

describe("receipts of an earlier process", () => {
  it.each<[string, object]>([
    ["without onReceipt", {}],
    ["with onReceipt", { onReceipt: () => undefined }],
    ["with an onReceipt that never ends", { onReceipt: () => new Promise(() => undefined), closeTimeoutMs: 0 }],
    [
      "with an onReceipt that always fails",
      {
        onReceipt: () => Promise.reject(new Error("no database")),
        onDeadLetter: () => Promise.reject(new Error("none here either")),
        closeTimeoutMs: 0,
      },
    ],
  ])("do not keep upstream messages from arriving: 150 of them, %s", async (_, options) => {
    await using emulator = await startEmulator();
    const away = Array.from({ length: 150 }, () => emulator.createDevice());
    for (const device of away) device.disconnect();
    const first = createCcsClient(emulator.ccsOptions());
    const reports = await Promise.all(
      away.map(({ token }) => first.send({ target: { token }, data: { n: "1" } }, { receipt: true })),
    );
    expect(reports.every(({ outcomes }) => outcomes[0]?.kind === "accepted")).toBe(true);
    await first.close();

    const handled: string[] = [];
    await using second = createCcsClient({
      ...emulator.ccsOptions(),
      ...options,
      onUpstream: ({ data }) => void handled.push(String(data["n"])),
    });
    await second.ready();
    for (const device of away) device.connect();
    const talker = emulator.createDevice();
    const sent = Array.from({ length: 15 }, (_, n) => talker.sendUpstream({ n: `${n}` }));
    await Promise.all(sent.map(({ acked }) => acked));
    expect(handled).toEqual(sent.map((_, n) => `${n}`));
  });
});

describe("upstream messages without a handler", () => {
  it("are told of at the first one, with what it will cost, until there is a handler", async () => {
    using told = notices();
    await using server = await startScriptedServer();
    await using client = createCcsClient(server.options());
    const connection = await server.next();
    await client.ready();
    connection.write(upstream("u-1"));
    const { detail } = await told.next("upstream-unhandled");
    expect(detail).toMatch(
      /^1 upstream message is kept unacknowledged.*no handler.*neither messages nor delivery receipts/,
    );
    expect(client.lastError?.message).toBe(detail);

    client.onUpstream(() => undefined);
    await connection.until(() => connection.acks.length === 1);
    expect(client.lastError).toBeUndefined();
    connection.write(upstream("u-2"));
    await connection.until(() => connection.acks.length === 2);
    expect(told.seen.map(({ notice }) => notice)).toEqual(["upstream-unhandled"]);
  });
});

describe("an upstream message that its handler holds for long", () => {
  it("is told of, in a notice and in lastError, until it is acked", async () => {
    using told = notices();
    const clock = createManualClock();
    await using server = await startScriptedServer();
    let begin: () => void = () => undefined;
    let release: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const onUpstream = (): Promise<void> => {
      begin();
      return held;
    };
    await using client = createCcsClient({ ...server.options(), clock, onUpstream });
    const connection = await server.next();
    await client.ready();
    connection.write(upstream("u-1"));
    await begun;
    await clock.advance(29_999);
    expect(client.lastError).toBeUndefined();
    await clock.advance(1);
    const { detail } = await told.next("upstream-held");
    expect(detail).toMatch(/1 upstream message is unacknowledged, the oldest for more than 15 s/);
    expect(client.lastError?.message).toBe(detail);
    await clock.advance(60_000);
    release();
    await connection.until(() => connection.acks.length === 1);
    expect(client.lastError).toBeUndefined();
    expect(told.seen.map(({ notice }) => notice)).toEqual(["upstream-held"]);
  });
});
