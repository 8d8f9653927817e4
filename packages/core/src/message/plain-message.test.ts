import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DownstreamMessageSchema } from "./downstream.ts";
import { readPlainMessage } from "./plain-message.ts";

const text = fc.oneof(
  fc.string(),
  fc.constantFrom("", "tok-a", "a b", "é", "\ud83d", "high", "normal", "x".repeat(5_000)),
);
const anything = fc.oneof(
  text,
  fc.boolean(),
  fc.integer(),
  fc.constantFrom(null, undefined),
  fc.array(text),
  fc.object(),
);
const dataKey = fc.oneof(fc.string(), fc.constantFrom("from", "message_type", "google.x", "gcm", "", "__proto__", "n"));
const mostly = <T, U>(good: fc.Arbitrary<T>, other: fc.Arbitrary<U>) =>
  fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: other });
const data = mostly(
  fc.dictionary(mostly(fc.stringMatching(/^[a-e]{1,3}$/), dataKey), mostly(fc.string(), text)),
  anything,
);
const token = mostly(fc.stringMatching(/^[!-~]{1,20}$/), anything);
const target = mostly(
  fc.oneof(
    fc.record({ token }),
    fc.record({ tokens: mostly(fc.array(token, { minLength: 1, maxLength: 4 }), anything) }),
  ),
  fc.oneof(fc.record({ token, tokens: fc.array(token), topic: text }, { requiredKeys: [] }), anything),
);
const fields = fc.record(
  {
    data,
    collapseKey: mostly(fc.string({ minLength: 1 }), anything),
    priority: mostly(fc.constantFrom("high", "normal"), anything),
    dryRun: mostly(fc.boolean(), anything),
    contentAvailable: mostly(fc.boolean(), anything),
  },
  { requiredKeys: [] },
);
const message = fc
  .tuple(target, fields, mostly(fc.constant({}), fc.record({ timeToLiveSec: fc.integer() })))
  .map(([to, some, more]): object => ({ target: to, ...some, ...more }));

describe("the short way to read a message", () => {
  it("takes nothing that the schema refuses, and gives the same", () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(message, anything), (input) => {
        const plain = readPlainMessage(input);
        if (plain === undefined) return;
        taken++;
        const parsed = DownstreamMessageSchema.safeParse(input);
        expect(parsed.success).toBe(true);
        expect(plain).toStrictEqual(parsed.data);
      }),
      { numRuns: 3_000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it.each([
    [{ target: { token: "tok-a" } }],
    [{ target: { tokens: ["tok-a", "tok-b"] }, data: { n: "1" }, collapseKey: "k", priority: "high", dryRun: true }],
  ])("takes what nearly all messages are: %j", (input) => {
    expect(readPlainMessage(input)).toEqual(input);
  });

  it("shares nothing with what it was given", () => {
    const input = { target: { tokens: ["tok-a"] }, data: { n: "1" } };
    const read = readPlainMessage(input);
    input.target.tokens.push("tok-b");
    input.data.n = "2";
    expect(read).toEqual({ target: { tokens: ["tok-a"] }, data: { n: "1" } });
  });

  it.each([
    [{ target: { topic: "news" } }],
    [{ target: { token: "tok-a" }, notification: { title: "t" } }],
    [{ target: { token: "tok-a", tokens: ["tok-b"] } }],
    [{ target: { token: "tok-a" }, data: { from: "x" } }],
    [{ target: { token: "tok-a" }, data: { n: "x".repeat(5_000) } }],
    [{ target: { token: "tok-a" }, data: undefined }],
    [{ target: { token: "tok-a" }, data: new Map() }],
    [{ target: { tokens: new Array(1) } }],
    [{ data: { n: "1" } }],
    [Object.create({ target: { token: "tok-a" } })],
    [null],
    ["tok-a"],
  ])("leaves everything else to the schema", (input) => {
    expect(readPlainMessage(input)).toBeUndefined();
  });
});
