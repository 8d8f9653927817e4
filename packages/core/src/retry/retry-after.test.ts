import { describe, expect, it } from "vitest";
import { parseRetryAfter, readRetryAfter } from "./retry-after.ts";

const NOW = Date.UTC(2015, 9, 21, 7, 28, 0);

describe("Retry-After", () => {
  it.each([
    ["0", 0],
    ["120", 120_000],
    [" 7 ", 7_000],
    ["1.5", 1_500],
    ["Wed, 21 Oct 2015 07:28:30 GMT", 30_000],
    ["Wednesday, 21-Oct-15 07:29:00 GMT", 60_000],
    ["Wed Oct 21 07:28:10 2015", 10_000],
    ["Wed, 21 Oct 2015 07:00:00 GMT", 0],
    ["99999999999999999999", 365 * 24 * 3600 * 1000],
  ])("%s asks for %i ms", (value, expected) => {
    expect(parseRetryAfter(value, NOW)).toBe(expected);
  });

  it.each([[undefined], [""], ["-5"], ["soon"], ["10s"], ["2015-10-21"], ["Wed, 41 Oct 2015 07:28:00 GMT"], ["0x10"]])(
    "%s asks for nothing",
    (value) => {
      expect(parseRetryAfter(value, NOW)).toBeUndefined();
    },
  );
});

describe("the wait that an answer asks for", () => {
  const info = (retryDelay: unknown) => ({
    error: {
      code: 503,
      details: [null, { "@type": "x" }, { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay }],
    },
  });

  it.each<[string | string[] | undefined, unknown, number | undefined]>([
    ["7", undefined, 7_000],
    [["7", "9"], undefined, 7_000],
    [undefined, info("30s"), 30_000],
    [undefined, info("0.25s"), 250],
    [undefined, info({ seconds: "2", nanos: 500_000_000 }), 2_500],
    ["7", info("30s"), 30_000],
    ["60", info("30s"), 60_000],
    [undefined, info("99999999999s"), 365 * 24 * 3600 * 1000],
    [undefined, info("-3s"), undefined],
    [undefined, info(3), undefined],
    [undefined, { error: "busy" }, undefined],
    [undefined, { error: { details: {} } }, undefined],
    [undefined, null, undefined],
  ])("Retry-After %j and body %j ask for %s ms", (header, body, expected) => {
    expect(readRetryAfter(header, body, NOW)).toBe(expected);
  });
});
