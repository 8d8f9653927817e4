import { afterEach, describe, expect, it } from "vitest";
import { type CloudMessagingOperations, type OperationName, operationChannel } from "./operations.ts";
import { createOutbox } from "./outbox/create-outbox.ts";
import { createMemoryOutboxEngine } from "./outbox/memory-engine.ts";
import { createMemoryRegistrationStore } from "./registrations/memory-registration-store.ts";
import { type Answer, scriptedTransport } from "./scripted-transport.test-support.ts";
import { createSender } from "./sending/create-sender.ts";
import { createManualClock } from "./time/clock.ts";

const unsubscribes: (() => void)[] = [];
afterEach(() => {
  for (const unsubscribe of unsubscribes.splice(0)) unsubscribe();
});

interface Seen {
  readonly name: OperationName;
  readonly event: string;
  readonly operation: { readonly [key: string]: unknown };
}

/** Records everything that is published on channels. */
function record(...names: OperationName[]): Seen[] {
  const seen: Seen[] = [];
  for (const name of names) {
    const channel = operationChannel(name);
    // the tests read fields of several kinds of operations by name
    const to = (event: string) => (operation: CloudMessagingOperations[typeof name]) =>
      void seen.push({ name, event, operation: operation as unknown as Seen["operation"] });
    const subscribers = {
      start: to("start"),
      end: to("end"),
      asyncStart: to("asyncStart"),
      asyncEnd: to("asyncEnd"),
      error: to("error"),
    };
    channel.subscribe(subscribers as never);
    unsubscribes.push(() => void channel.unsubscribe(subscribers as never));
  }
  return seen;
}

const ended = (seen: readonly Seen[], name: OperationName) =>
  seen.filter((one) => one.name === name && one.event === "asyncEnd").map(({ operation }) => operation);

function setup(script: Record<string, readonly Answer[]>) {
  const clock = createManualClock(1_000);
  const transport = scriptedTransport(script, { clock });
  return { clock, transport, sender: createSender({ transport, clock, random: () => 0 }) };
}

const TOKEN = "a-token-that-is-long-enough-to-be-shortened";

describe("operations on TracingChannels", () => {
  it("are a send, its attempts and the waits between them, tied together by the ID of the send", async () => {
    const seen = record("cloud-messaging:send", "cloud-messaging:attempt", "cloud-messaging:wait");
    const { clock, sender } = setup({ [TOKEN]: ["unavailable", "ok"] });
    const sending = sender.send({ target: { token: TOKEN }, data: { secret: "payload" } });
    await clock.advance(10_000);
    await sending;
    expect(seen.map(({ name, event }) => `${name.slice(16)} ${event}`)).toEqual([
      "send start",
      "attempt start",
      "attempt end",
      "send end",
      "attempt asyncStart",
      "attempt asyncEnd",
      "wait start",
      "wait end",
      "wait asyncStart",
      "wait asyncEnd",
      "attempt start",
      "attempt end",
      "attempt asyncStart",
      "attempt asyncEnd",
      "send asyncStart",
      "send asyncEnd",
    ]);
    const [send] = ended(seen, "cloud-messaging:send");
    const attempts = ended(seen, "cloud-messaging:attempt");
    const waits = ended(seen, "cloud-messaging:wait");
    expect(new Set([send, ...attempts, ...waits].map((operation) => operation?.["sendId"])).size).toBe(1);
    for (const operation of [...attempts, ...waits]) expect(operation["parent"]).toBe(send);
    expect(send).toMatchObject({ target: "token", recipients: 1, result: { counts: { accepted: 1 }, attempts: 2 } });
    expect(attempts.map(({ attempt, result }) => [attempt, (result as { codes: object }).codes])).toEqual([
      [1, { unavailable: 1 }],
      [2, {}],
    ]);
    expect(waits).toMatchObject([
      { reason: "retry", attempt: 2, delayMs: 1_000, codes: ["unavailable"], result: true },
    ]);
  });

  it("name a token shortened, and hold neither a whole one nor the payload", async () => {
    const seen = record("cloud-messaging:send", "cloud-messaging:attempt", "cloud-messaging:wait");
    const { clock, sender } = setup({ [TOKEN]: ["unavailable", "not-registered"] });
    const sending = sender.send({ target: { token: TOKEN }, data: { secret: "payload-text" } });
    await clock.advance(10_000);
    await sending;
    const text = JSON.stringify(seen.map(({ operation: { parent: _, ...rest } }) => rest));
    expect(text).toContain("a-toke…ed");
    expect(text).not.toContain(TOKEN);
    expect(text).not.toContain("payload-text");
  });

  it("end with the error of a send that throws", async () => {
    const seen = record("cloud-messaging:send");
    const registrations = {
      ...createMemoryRegistrationStore(),
      resolve: (): never => {
        throw new Error("no store");
      },
    };
    await using failing = createSender({ transport: scriptedTransport({}), registrations });
    await expect(failing.send({ target: { token: TOKEN } })).rejects.toThrow(/store/);
    expect(seen.map(({ event }) => event)).toEqual(["start", "end", "error", "asyncStart", "asyncEnd"]);
    expect(seen.at(-1)?.operation["error"]).toBeInstanceOf(Error);
  });

  it("are an enqueue, the claim that works it off and the attempts of it, with the trace context between", async () => {
    const seen = record("cloud-messaging:outbox-enqueue", "cloud-messaging:outbox-claim", "cloud-messaging:attempt");
    const carry = (operation: unknown): void => {
      const carrier = { traceparent: "00-11-22-01", tracestate: "x".repeat(600) };
      Object.assign(operation as object, { carrier });
    };
    const { start } = operationChannel("cloud-messaging:outbox-enqueue");
    start.subscribe(carry);
    unsubscribes.push(() => void start.unsubscribe(carry));
    await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport: scriptedTransport({}) });
    const { id } = await outbox.enqueue({ target: { tokens: [TOKEN, "other"] } });
    await outbox.work({ untilIdle: true });
    expect(ended(seen, "cloud-messaging:outbox-enqueue")).toMatchObject([
      { sendId: id, lane: "normal", result: { id, created: true, recipients: 2 } },
    ]);
    const [claim] = ended(seen, "cloud-messaging:outbox-claim");
    expect(claim).toMatchObject({ sendId: id, chunk: 0, only: true, recipients: 2, result: { accepted: 2 } });
    expect(claim?.["carrier"]).toEqual({ traceparent: "00-11-22-01" });
    for (const attempt of ended(seen, "cloud-messaging:attempt")) {
      expect(attempt).toMatchObject({ sendId: id, attempt: 1 });
      expect(attempt["parent"]).toBe(claim);
    }
  });

  it("are not built for a channel without subscribers, and change nothing of a send", async () => {
    const { sender, transport } = setup({});
    expect(operationChannel("cloud-messaging:send").hasSubscribers).toBe(false);
    const { outcomes } = await sender.send({ target: { token: TOKEN } });
    expect(outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(transport.attempts[0]).not.toHaveProperty("operation");
  });
});
