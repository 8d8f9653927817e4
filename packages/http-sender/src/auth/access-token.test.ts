import { getEventListeners } from "node:events";
import { AuthenticationError, createManualClock } from "@cloud-messaging/core";
import { plusMs } from "@cloud-messaging/core/transport";
import { describe, expect, it } from "vitest";
import { type AccessToken, AccessTokenUnavailableError, createAccessTokenSource } from "./access-token.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** A provider that gives numbered tokens, or what the script says, when it is let. */
function aSource(script: (number: number) => Promise<AccessToken> | AccessToken = () => ({ token: "" })) {
  const clock = createManualClock();
  const asked: AbortSignal[] = [];
  const source = createAccessTokenSource({
    clock,
    timeoutMs: 15_000,
    transport: "fcm-v1",
    provider: {
      async fetchAccessToken({ signal }) {
        asked.push(signal);
        const given = await script(asked.length);
        return { ...given, token: given.token || `token-${asked.length}` };
      },
    },
  });
  return { clock, source, asked };
}

describe("the access token", () => {
  it("is fetched once for however many sends wait for it, and then handed out at once", async () => {
    const { source, asked } = aSource();
    const waiting = await Promise.all(Array.from({ length: 100 }, () => source.get()));
    expect(new Set(waiting.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(source.get()).toEqual({ kind: "token", token: "token-1" });
    expect(asked).toHaveLength(1);
  });

  it("is renewed five minutes early, without anybody waiting", async () => {
    const { clock, source, asked } = aSource();
    await source.get();
    await clock.advance(HOUR - 5 * MINUTE - 1);
    void source.get();
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(source.get()).toEqual({ kind: "token", token: "token-1" });
    await clock.advance(0);
    expect(asked).toHaveLength(2);
    expect(source.get()).toEqual({ kind: "token", token: "token-2" });
  });

  it("is not used in its last half minute: the send waits for the next", async () => {
    const { clock, source } = aSource();
    await source.get();
    await clock.advance(HOUR - 30_000);
    const next = source.get();
    expect(next).toBeInstanceOf(Promise);
    expect(await next).toEqual({ kind: "token", token: "token-2" });
  });

  it("stays in use while renewing it early fails, and the renewal is not asked for all the time", async () => {
    const { clock, source, asked } = aSource((number) => {
      if (number > 1) throw new AccessTokenUnavailableError("unavailable", "down");
      return { token: "good" };
    });
    await source.get();
    await clock.advance(HOUR - 4 * MINUTE);
    for (let i = 0; i < 50; i++) {
      expect(source.get()).toEqual({ kind: "token", token: "good" });
      await clock.advance(1_000);
    }
    expect(asked).toHaveLength(1 + 5);
  });

  it("that lives for a minute only is used for most of it", async () => {
    const { clock, source, asked } = aSource(() => ({ token: "", expiresAt: clock.now() + MINUTE }));
    await source.get();
    await clock.advance(44_000);
    void source.get();
    expect(asked).toHaveLength(1);
    await clock.advance(10_000);
    expect(await source.get()).toEqual({ kind: "token", token: "token-2" });
  });

  it("is replaced when the service refuses it, once, and not again for a refusal of the replaced one", async () => {
    const { clock, source, asked } = aSource();
    await source.get();
    expect(source.refuse("token-1")).toBe("replaced");
    expect(await source.get()).toEqual({ kind: "token", token: "token-2" });
    expect(source.refuse("token-1")).toBe("replaced");
    source.accepted("token-2");
    expect(source.get()).toEqual({ kind: "token", token: "token-2" });
    expect(source.refuse("token-2")).toBe("later");
    expect(source.replaceableInMs).toBe(10_000);
    expect(asked).toHaveLength(2);
    await clock.advance(10_000);
    expect(source.refuse("token-2")).toBe("replaced");
  });

  it("that is new and refused at once is given up until a new one may be asked for", async () => {
    const { clock, source, asked } = aSource();
    await source.get();
    source.accepted("token-1");
    source.refuse("token-1");
    await source.get();
    source.accepted("token-1");
    expect(source.refuse("token-2")).toBe("hopeless");
    expect(asked).toHaveLength(2);
    await clock.advance(10_000);
    expect(source.refuse("token-2")).toBe("replaced");
  });

  it("that is refused for good is not asked for again for half a minute", async () => {
    const { clock, source, asked } = aSource(() => {
      throw new AuthenticationError("invalid_grant");
    });
    const first = await source.get();
    expect(first).toEqual({ kind: "failure", code: "authentication-failed", detail: "invalid_grant" });
    expect(await source.get()).toEqual(first);
    expect(asked).toHaveLength(1);
    await clock.advance(30_000);
    await source.get();
    expect(asked).toHaveLength(2);
  });

  it("that could not be had this time is asked for again once the endpoint's Retry-After has passed", async () => {
    const { clock, source, asked } = aSource((number) => {
      if (number === 1) throw new AccessTokenUnavailableError("connection-failed", "refused", 7_000);
      return { token: "good" };
    });
    const failure = { kind: "failure", code: "connection-failed", detail: "refused", retryAfterMs: 7_000 };
    expect(await source.get()).toEqual(failure);
    await clock.advance(3_000);
    expect(await source.get()).toEqual({ ...failure, retryAfterMs: 4_000 });
    expect(asked).toHaveLength(1);
    await clock.advance(4_000);
    expect(await source.get()).toEqual({ kind: "token", token: "good" });
    expect(asked).toHaveLength(2);
  });

  it.each([
    ["a second where the endpoint names no time", undefined, 1_000],
    ["a minute at most", 3_600_000, 60_000],
  ])("that could not be had is asked for again after %s", async (_name, retryAfterMs, expected) => {
    const { clock, source, asked } = aSource(() => {
      throw new AccessTokenUnavailableError("unavailable", "down", retryAfterMs);
    });
    for (let i = 0; i < 100; i++) await source.get();
    await clock.advance(expected - 1);
    await source.get();
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    await source.get();
    expect(asked).toHaveLength(2);
  });

  it("is used without the line end that a command printed after it", async () => {
    const { source } = aSource(() => ({ token: "good\n" }));
    expect(await source.get()).toEqual({ kind: "token", token: "good" });
  });

  it.each<[string, unknown, string]>([
    ["nothing", undefined, "no access token"],
    ["a token that is no text", { token: 7 }, "no access token"],
    ["a token that cannot stand in a header", { token: "SECRET\r\nx: 1" }, "cannot stand in a header"],
    ["an end in seconds", { token: "SECRET", expiresAt: 1_767_225_600 }, "milliseconds since the epoch"],
    ["an end that is no number", { token: "SECRET", expiresAt: Number.NaN }, "milliseconds since the epoch"],
  ])("is refused in words where a provider gives %s", async (_name, given, expected) => {
    const clock = createManualClock();
    const provider = { fetchAccessToken: async () => given as AccessToken };
    const source = createAccessTokenSource({ clock, timeoutMs: 15_000, transport: "fcm-v1", provider });
    const result = await source.get();
    expect(result).toMatchObject({ code: "authentication-failed", detail: expect.stringContaining(expected) });
    expect(JSON.stringify(result)).not.toContain("SECRET");
  });

  it("is waited for by any number of sends with one listener on the signal they share", async () => {
    const { source } = aSource(() => new Promise(() => {}));
    const { signal } = new AbortController();
    const waiting = Array.from({ length: 50 }, () => source.get({ signal }));
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
    await source.close();
    await Promise.all(waiting);
  });

  it("does not let a provider's own words out: they may hold a secret", async () => {
    const { source } = aSource(() => {
      throw new RangeError("SECRET");
    });
    const result = await source.get();
    expect(result).toMatchObject({ kind: "failure", code: "unavailable" });
    expect(JSON.stringify(result)).not.toContain("SECRET");
  });

  it("of a provider that hangs ends in time-out, and its signal says so", async () => {
    const { clock, source, asked } = aSource(() => new Promise(() => {}));
    const result = source.get();
    await clock.advance(15_000);
    expect(await result).toMatchObject({ kind: "failure", code: "timeout" });
    expect(asked[0]?.aborted).toBe(true);
    expect(clock.scheduled).toBe(0);
  });

  it("is waited for as long as each send wants, and giving up disturbs no other", async () => {
    let give: (token: AccessToken) => void = () => {};
    const { clock, source, asked } = aSource(() => new Promise((resolve) => (give = resolve)));
    const abort = new AbortController();
    const aborted = source.get({ signal: abort.signal });
    const short = source.get({ deadline: plusMs(clock.monotonic(), 1_000) });
    const patient = source.get();
    abort.abort();
    expect(await aborted).toMatchObject({ code: "aborted" });
    expect(await source.get({ signal: abort.signal })).toMatchObject({ code: "aborted" });
    await clock.advance(1_000);
    expect(await short).toMatchObject({ code: "timeout" });
    give({ token: "late" });
    expect(await patient).toEqual({ kind: "token", token: "late" });
    expect(asked).toHaveLength(1);
  });

  it("is no longer waited for once the sender is closed", async () => {
    const { clock, source } = aSource(() => new Promise(() => {}));
    const waiting = source.get();
    const closed = source.close();
    expect(source.close()).toBe(closed);
    await closed;
    expect(await waiting).toMatchObject({ kind: "failure", code: "closed" });
    expect(source.get()).toMatchObject({ kind: "failure", code: "closed" });
    expect(clock.scheduled).toBe(0);
  });
});
