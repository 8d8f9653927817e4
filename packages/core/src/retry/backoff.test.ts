import { describe, expect, it } from "vitest";
import { type BackoffPolicy, nextDelayMs } from "./backoff.ts";

const policy: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 10_000,
  maxResends: 1,
  maxAttempts: 10,
  totalMs: 120_000,
};

describe("the wait before the next attempt", () => {
  it.each([
    [1, 1_000, 2_000],
    [2, 1_000, 3_000],
    [3, 1_000, 5_000],
    [6, 1_000, 33_000],
    [7, 1_000, 61_000],
    [40, 1_000, 61_000],
  ])("after %i attempts lies between %i and %i ms", (attempts, least, most) => {
    expect(nextDelayMs(policy, { attempts }, () => 0)).toBe(least);
    expect(nextDelayMs(policy, { attempts }, () => 0.999_999)).toBeLessThanOrEqual(most);
    expect(nextDelayMs(policy, { attempts }, () => 0.5)).toBe((least + most) / 2);
  });

  it("is full jitter from zero when the policy has no minimum", () => {
    expect(nextDelayMs({ ...policy, minMs: 0 }, { attempts: 1 }, () => 0)).toBe(0);
    expect(nextDelayMs({ ...policy, minMs: 0 }, { attempts: 3 }, () => 0.5)).toBe(2_000);
  });

  it("is never shorter than Retry-After, and spread out beyond it", () => {
    expect(nextDelayMs(policy, { attempts: 1, retryAfterMs: 7_000 }, () => 0)).toBe(7_000);
    expect(nextDelayMs(policy, { attempts: 1, retryAfterMs: 7_000 }, () => 0.5)).toBe(7_500);
  });

  it("starts later after a rate-exceeded code, unless the service named the time itself", () => {
    expect(nextDelayMs(policy, { attempts: 1, rateLimited: true }, () => 0)).toBe(10_000);
    expect(nextDelayMs(policy, { attempts: 1, rateLimited: true, retryAfterMs: 3_000 }, () => 0)).toBe(3_000);
  });
});
