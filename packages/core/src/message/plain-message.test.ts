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
const notification = fc.dictionary(
  mostly(
    fc.constantFrom("title", "body", "subtitle", "icon", "sound", "tag", "clickAction", "androidChannelId"),
    fc.constantFrom("color", "badge", "image", "titleLocArgs", "__proto__", "constructor", "nothing"),
  ),
  mostly(fc.string(), anything),
);
const timeToLive = fc.oneof(fc.constantFrom(-0, -1, 2_419_201, 1.5, Number.NaN, Infinity, 2 ** 53), anything);
const fields = fc.record(
  {
    data,
    collapseKey: mostly(fc.string({ minLength: 1 }), anything),
    priority: mostly(fc.constantFrom("high", "normal"), anything),
    dryRun: mostly(fc.boolean(), anything),
    contentAvailable: mostly(fc.boolean(), anything),
    notification: mostly(notification, anything),
    timeToLiveSec: mostly(fc.integer({ min: 0, max: 2_419_200 }), timeToLive),
  },
  { requiredKeys: [] },
);
const message = fc
  .tuple(target, fields, mostly(fc.constant({}), fc.record({ mutableContent: fc.boolean() })))
  .map(([to, some, more]): object => ({ target: to, ...some, ...more }))
  .chain((plain) => mostly(fc.constant(plain), unusual(plain)));

/** The same fields as other objects have them: hidden, inherited, behind a getter, under a name that JavaScript gives a meaning. */
function unusual(plain: object): fc.Arbitrary<object> {
  const name = fc.constantFrom(
    "target",
    "data",
    "collapseKey",
    "notification",
    "topic",
    "token",
    "__proto__",
    "priority",
  );
  const value = fc.constantFrom({ token: "tok-b" }, { n: "1" }, "high", "k", undefined);
  return fc
    .tuple(fc.constantFrom("hidden", "inherited", "getter", "bare", "in-target", "symbol"), name, value)
    .map(([how, key, it]) => {
      const copy = { ...plain } as Record<string, unknown>;
      switch (how) {
        case "hidden":
          return Object.defineProperty(copy, key, { value: it, enumerable: false });
        case "inherited":
          return Object.assign(Object.create(Object.assign(Object.create(null), { [key]: it })), copy) as object;
        case "getter":
          return Object.defineProperty(copy, key, { get: () => it, enumerable: true });
        case "bare":
          return Object.assign(Object.create(null), copy) as object;
        case "symbol":
          return { ...copy, [Symbol(key)]: it };
        default:
          if (typeof copy["target"] === "object" && copy["target"] !== null) {
            copy["target"] = Object.defineProperty({ ...copy["target"] }, key, { value: it, enumerable: false });
          }
          return copy;
      }
    });
}

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
      { numRuns: 5_000 },
    );
    // some 530: none of them would prove nothing
    expect(taken).toBeGreaterThan(250);
  });

  it.each([
    [{ target: { token: "tok-a" } }],
    [{ target: { tokens: ["tok-a", "tok-b"] }, data: { n: "1" }, collapseKey: "k", priority: "high", dryRun: true }],
    [
      {
        target: { token: "tok-a" },
        data: { n: "1" },
        notification: { title: "t", body: "b", icon: "i", sound: "default", tag: "g", clickAction: "OPEN" },
        priority: "high",
        timeToLiveSec: 3_600,
      },
    ],
  ])("takes what nearly all messages are: %j", (input) => {
    expect(readPlainMessage(input)).toEqual(input);
  });

  it("shares nothing with what it was given", () => {
    const input = { target: { tokens: ["tok-a"] }, data: { n: "1" }, notification: { title: "t" } };
    const read = readPlainMessage(input);
    input.target.tokens.push("tok-b");
    input.data.n = "2";
    input.notification.title = "u";
    expect(read).toEqual({ target: { tokens: ["tok-a"] }, data: { n: "1" }, notification: { title: "t" } });
  });

  it.each([
    [{ target: { topic: "news" } }],
    [{ target: { token: "tok-a" }, notification: { title: "t", badge: 1 } }],
    [{ target: { token: "tok-a" }, notification: { title: undefined } }],
    [{ target: { token: "tok-a" }, notification: { title: "x".repeat(2_000), body: "y".repeat(2_097) } }],
    [{ target: { token: "tok-a" }, timeToLiveSec: 2_419_201 }],
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
