import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { InvalidOptionsError } from "../errors.ts";
import { subscribe } from "../events.ts";
import { parseDownstreamMessage } from "../message/downstream.ts";
import { type Answer, scriptedTransport } from "../scripted-transport.test-support.ts";
import type { AttemptOptions } from "../sending/downstream-transport.ts";
import { createManualClock } from "../time/clock.ts";
import { plusMs } from "../time/monotonic.ts";
import { withRetry } from "./with-retry.ts";

const NO_JITTER = () => 0;

function setup(script: Record<string, readonly Answer[]>, options: Parameters<typeof withRetry>[1] = {}) {
  const clock = createManualClock(0);
  const transport = scriptedTransport(script, { clock });
  const retrying = withRetry(transport, { clock, random: NO_JITTER, ...options });
  const send = (tokens: string[], attempt?: AttemptOptions) =>
    retrying.send(parseDownstreamMessage({ target: { tokens } }), attempt);
  const sentTo = () => transport.attempts.map(({ recipients }) => recipients.join(","));
  return { clock, transport, retrying, send, sentTo };
}

const kinds = (report: { outcomes: readonly { kind: string }[] }) => report.outcomes.map(({ kind }) => kind);

describe("second attempts", () => {
  it("go only to recipients whose outcome is retryable, and are merged back by position", async () => {
    const { clock, send, sentTo } = setup({
      b: ["unavailable", "ok"],
      c: ["not-registered"],
      d: ["internal-error", "ok"],
    });
    const sending = send(["a", "b", "c", "d", "b"]);
    await clock.advance(10_000);
    const report = await sending;
    expect(sentTo()).toEqual(["a,b,c,d,b", "b,d"]);
    expect(kinds(report)).toEqual(["accepted", "accepted", "unregistered", "accepted", "accepted"]);
    expect(report.outcomes.map(({ recipient }) => recipient)).toEqual(["a", "b", "c", "d", "b"]);
    expect(report.outcomes.map(({ attempts }) => attempts)).toEqual([1, 2, 1, 2, 1]);
  });

  it("wait as long as the service asked", async () => {
    const { clock, send, transport } = setup({ a: [{ code: "unavailable", retryAfterMs: 7_000 }, "ok"] });
    const sending = send(["a"]);
    await clock.advance(6_999);
    expect(transport.attempts).toHaveLength(1);
    await clock.advance(1);
    await sending;
    expect(transport.attempts.map(({ at }) => at)).toEqual([0, 7_000]);
  });

  it("wait longer after a rate-exceeded code, without holding up the others", async () => {
    const { clock, send, transport } = setup({ a: ["unavailable", "ok"], b: ["device-message-rate-exceeded", "ok"] });
    const sending = send(["a", "b"]);
    await clock.advance(20_000);
    expect(kinds(await sending)).toEqual(["accepted", "accepted"]);
    expect(transport.attempts.map(({ at, recipients }) => [at, ...recipients])).toEqual([
      [0, "a", "b"],
      [1_000, "a"],
      [10_000, "b"],
    ]);
  });

  it("follow each recipient's own Retry-After", async () => {
    const { clock, send, transport } = setup({
      a: [{ code: "unavailable", retryAfterMs: 300_000 }],
      b: ["unavailable", "ok"],
      c: [{ code: "unavailable", retryAfterMs: 5_000 }, "ok"],
      d: [{ code: "quota-exceeded", retryAfterMs: 2_000 }, "ok"],
      e: ["device-message-rate-exceeded", "ok"],
    });
    const sending = send(["a", "b", "c", "d", "e"]);
    await clock.advance(60_000);
    const report = await sending;
    expect(kinds(report)).toEqual(["retryable", "accepted", "accepted", "accepted", "accepted"]);
    expect(report.outcomes[0]).toMatchObject({ retryAt: 300_000, attempts: 1 });
    expect(transport.attempts.slice(1).map(({ at, recipients }) => `${at} ${recipients}`)).toEqual([
      "1000 b",
      "2000 d",
      "5000 c",
      "10000 e",
    ]);
  });

  it("of one group do not wait for a slow attempt of another", async () => {
    const clock = createManualClock(0);
    const transport = scriptedTransport({ a: ["unavailable", "ok"], b: ["quota-exceeded", "ok"] }, { clock });
    const { send } = transport;
    let release: () => void = () => {};
    transport.send = async (message, options) => {
      const report = await send(message, options);
      const slow = transport.attempts.length > 1 && transport.attempts.at(-1)?.recipients[0] === "a";
      if (slow) await new Promise<void>((resolve) => (release = resolve));
      return report;
    };
    const sending = withRetry(transport, { clock, random: NO_JITTER }).send(
      parseDownstreamMessage({ target: { tokens: ["a", "b"] } }),
    );
    await clock.advance(15_000);
    expect(transport.attempts.map(({ at, recipients }) => `${at} ${recipients}`)).toEqual([
      "0 a,b",
      "1000 a",
      "10000 b",
    ]);
    release();
    expect(kinds(await sending)).toEqual(["accepted", "accepted"]);
  });

  it("end when the transport has been closed under them", async () => {
    const { clock, send, transport } = setup({ a: ["unavailable", "closed"] });
    const sending = send(["a"]);
    await clock.advance(60_000);
    expect((await sending).outcomes[0]).toMatchObject({ kind: "retryable", code: "unavailable", attempts: 1 });
    expect(transport.attempts).toHaveLength(2);
  });

  it("of many sends add no listener each to the signal they share", async () => {
    const { clock, send } = setup({ a: ["unavailable", "ok"] });
    const abort = new AbortController();
    const sends = Array.from({ length: 50 }, () => send(["a"], { signal: abort.signal }));
    await clock.advance(100);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    await clock.advance(60_000);
    await Promise.all(sends);
  });

  it("end after the attempts allowed, with the last answer and when to try again", async () => {
    const { clock, send, transport } = setup({ a: ["unavailable"] }, { maxAttempts: 3 });
    const sending = send(["a"]);
    await clock.advance(60_000);
    const [outcome] = (await sending).outcomes;
    expect(transport.attempts).toHaveLength(3);
    expect(outcome).toMatchObject({ kind: "retryable", code: "unavailable", attempts: 3, retryAt: 3_000 });
    expect(clock.scheduled).toBe(0);
  });

  it("are not waited for when Retry-After would pass the deadline: the outcome comes at once and says when to try again", async () => {
    const { send, transport } = setup({ a: [{ code: "unavailable", retryAfterMs: 300_000 }] });
    const [outcome] = (await send(["a"])).outcomes;
    expect(transport.attempts).toHaveLength(1);
    expect(outcome).toMatchObject({ kind: "retryable", retryAfterMs: 300_000, retryAt: 300_000 });
  });

  it("carry the same message IDs as the first", async () => {
    const { clock, send, transport } = setup({ b: ["unavailable", "ok"] });
    const sending = send(["a", "b"], { messageIds: ["m-a", "m-b"] });
    await clock.advance(5_000);
    await sending;
    expect(transport.attempts.map(({ options }) => options.messageIds)).toEqual([["m-a", "m-b"], ["m-b"]]);
  });

  it("stop when the signal aborts, each recipient keeping what is known of it", async () => {
    const { clock, send, transport } = setup({ a: ["unavailable"] });
    const abort = new AbortController();
    const sending = send(["a", "b"], { signal: abort.signal });
    await clock.advance(500);
    abort.abort();
    expect(kinds(await sending)).toEqual(["retryable", "accepted"]);
    expect(transport.attempts).toHaveLength(1);
    expect(clock.scheduled).toBe(0);
  });

  it("stop when it is closed", async () => {
    const { clock, send, retrying, transport } = setup({ a: ["unavailable"] });
    const sending = send(["a"]);
    await clock.advance(500);
    await retrying.close();
    expect(kinds(await sending)).toEqual(["retryable"]);
    expect(transport.closed).toBe(true);
  });

  it("are told to whoever listens, with the delay and the reason", async () => {
    const { clock, send } = setup({ "tok-secret": [{ code: "unavailable", retryAfterMs: 2_000 }, "ok"] });
    const events: unknown[] = [];
    const stop = subscribe("cloud-messaging:retry", (event) => events.push(event));
    const sending = send(["tok-secret"]);
    await clock.advance(5_000);
    await sending;
    stop();
    expect(events).toEqual([
      { transport: "scripted", recipients: 1, attempt: 2, delayMs: 2_000, retryAfterMs: 2_000, codes: ["unavailable"] },
    ]);
    expect(JSON.stringify(events)).not.toContain("tok-secret");
  });
});

describe("a clock that is set while a send waits", () => {
  it.each([
    ["back", -7_200_000],
    ["forward", 7_200_000],
  ])("%s neither draws the send out nor ends it early", async (_, byMs) => {
    const clock = createManualClock(0);
    const deadline = plusMs(clock.monotonic(), 10_000);
    const transport = scriptedTransport({ a: ["unavailable"] }, { clock });
    const retrying = withRetry(transport, { clock, random: NO_JITTER, totalMs: 10_000, maxAttempts: 100 });
    const sending = retrying.send(parseDownstreamMessage({ target: { token: "a" } }));
    await clock.advance(500);
    clock.setWallClock(clock.now() + byMs);
    await clock.advance(9_500);
    // once a second, as if nobody had touched the clock
    expect(transport.attempts).toHaveLength(11);
    expect(transport.attempts.at(-1)?.options.deadline).toBe(deadline);
    // what is shown is the time of day
    expect((await sending).outcomes).toMatchObject([{ kind: "retryable", attempts: 11, retryAt: 11_000 + byMs }]);
  });
});

describe("an unknown fate", () => {
  it("is sent again to tokens by default", async () => {
    const { clock, send, sentTo } = setup({ a: [{ ambiguous: "timeout" }, "ok"] });
    const sending = send(["a", "b"]);
    await clock.advance(5_000);
    expect(kinds(await sending)).toEqual(["accepted", "accepted"]);
    expect(sentTo()).toEqual(["a,b", "a"]);
  });

  it("is reported and not repeated with ambiguous: report", async () => {
    const { send, sentTo } = setup({ a: [{ ambiguous: "timeout" }] });
    expect(kinds(await send(["a"], { ambiguous: "report" }))).toEqual(["ambiguous"]);
    expect(sentTo()).toEqual(["a"]);
  });

  it("of a topic message is reported by default, since a repeat reaches everybody", async () => {
    const { retrying, sentTo } = setup({ news: [{ ambiguous: "connection-lost" }] });
    const report = await retrying.send(parseDownstreamMessage({ target: { topic: "news" } }));
    expect(kinds(report)).toEqual(["ambiguous"]);
    expect(sentTo()).toEqual(["news"]);
  });

  it("stays unknown when a later copy is known not to have been accepted", async () => {
    const { clock, send } = setup({ a: [{ ambiguous: "timeout" }, "connection-failed"] }, { maxAttempts: 3 });
    const sending = send(["a"]);
    await clock.advance(60_000);
    expect((await sending).outcomes[0]).toMatchObject({ kind: "ambiguous", attempts: 3 });
  });

  it("keeps to Retry-After of a later copy's answer", async () => {
    const { clock, send, transport } = setup({
      a: [{ ambiguous: "timeout" }, { code: "unavailable", retryAfterMs: 9_000 }, "ok"],
    });
    const sending = send(["a"]);
    await clock.advance(60_000);
    expect(kinds(await sending)).toEqual(["accepted"]);
    expect(transport.attempts.map(({ at }) => at)).toEqual([0, 1_000, 10_000]);
  });

  it("is left alone where the transport settles it by itself", async () => {
    const clock = createManualClock(0);
    const transport = scriptedTransport({ a: [{ ambiguous: "connection-lost" }] }, { clock, settlesAmbiguous: true });
    const report = await withRetry(transport, { clock }).send(parseDownstreamMessage({ target: { token: "a" } }));
    expect(kinds(report)).toEqual(["ambiguous"]);
    expect(transport.attempts).toHaveLength(1);
  });

  it("is tried again where the transport settles it and the latest copy was refused, and ends as the transport last knew it", async () => {
    const clock = createManualClock(0);
    const refused = { ambiguous: "unavailable", refused: true } as const;
    const transport = scriptedTransport(
      { a: [refused], b: [refused, "unavailable"], c: [refused, "ok"] },
      { clock, settlesAmbiguous: true },
    );
    const sending = withRetry(transport, { clock, random: NO_JITTER, maxAttempts: 2 }).send(
      parseDownstreamMessage({ target: { tokens: ["a", "b", "c"] } }),
    );
    await clock.advance(60_000);
    const { outcomes } = await sending;
    expect(outcomes).toMatchObject([
      { kind: "ambiguous", attempts: 2 },
      { kind: "retryable", attempts: 2 },
      { kind: "accepted", attempts: 2 },
    ]);
    expect(transport.attempts).toHaveLength(2);
  });

  it("is not tried again, refused or not, where the caller said report", async () => {
    const clock = createManualClock(0);
    const transport = scriptedTransport(
      { a: [{ ambiguous: "unavailable", refused: true }] },
      { clock, settlesAmbiguous: true },
    );
    const message = parseDownstreamMessage({ target: { token: "a" } });
    await withRetry(transport, { clock }).send(message, { ambiguous: "report" });
    expect(transport.attempts).toHaveLength(1);
  });
});

describe("withRetry", () => {
  it("loses no result when a later attempt fails in a way it may not", async () => {
    const clock = createManualClock(0);
    const transport = scriptedTransport({ b: ["unavailable"] }, { clock });
    const { send } = transport;
    let calls = 0;
    transport.send = (message, options) =>
      ++calls === 2 ? Promise.reject(new Error("broken")) : send(message, options);
    const sending = withRetry(transport, { clock, random: NO_JITTER }).send(
      parseDownstreamMessage({ target: { tokens: ["a", "b"] } }),
    );
    await clock.advance(10_000);
    expect(kinds(await sending)).toEqual(["accepted", "retryable"]);
  });

  it("refuses a transport that has retries", () => {
    const retrying = withRetry(scriptedTransport({}));
    expect(() => withRetry(retrying)).toThrow(InvalidOptionsError);
  });

  it.each([
    [{ maxAttempts: 0 }, "retry.maxAttempts"],
    [{ totalMs: Number.NaN }, "retry.totalMs"],
    [{ totalMs: 0 }, "retry.totalMs"],
    [{ maxAttempts: 1.5 }, "retry.maxAttempts"],
    [{ maxMs: 1, initialMs: 1_000 }, "retry.maxMs"],
    [{ minMs: Number.POSITIVE_INFINITY }, "retry.minMs"],
    [{ tries: 3 } as object, "retry.tries"],
  ])("refuses the policy %j and names the field", (policy, path) => {
    expect(() => withRetry(scriptedTransport({}), policy)).toThrow(path);
  });
});
