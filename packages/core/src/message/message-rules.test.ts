import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidMessageError } from "../errors.ts";
import { type DataValue, toData } from "./data.ts";
import { parseDownstreamMessage, parseMessageContent } from "./downstream.ts";

function problemsOf(content: object, target: object = { token: "tok-a" }): Record<string, string> {
  try {
    parseDownstreamMessage({ target, ...content });
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    return Object.fromEntries(error.problems.map(({ path, problem }) => [path, problem]));
  }
  return {};
}

/** An object with a value at a path, whatever its keys are called. */
function at(path: string, value: unknown): object {
  const keys = path.split(".");
  let result = value;
  for (const key of keys.reverse())
    result = /^\d+$/.test(key)
      ? [result]
      : JSON.parse(`{${JSON.stringify(key)}:0}`, (name, old) => (name === key ? result : old));
  return result as object;
}

describe("text that was cut inside a character", () => {
  const texts = [
    "data.k",
    "collapseKey",
    "restrictedPackageName",
    "analyticsLabel",
    "messageId",
    "notification.title",
    "notification.body",
    "notification.subtitle",
    "notification.icon",
    "notification.sound",
    "notification.tag",
    "notification.clickAction",
    "notification.androidChannelId",
    "notification.bodyLocKey",
    "notification.bodyLocArgs.0",
    "notification.titleLocKey",
    "notification.titleLocArgs.0",
    "notification.sound.name",
    "android.collapseKey",
    "android.restrictedPackageName",
    "android.data.k",
    "android.notification.title",
    "android.notification.body",
    "android.notification.icon",
    "android.notification.sound",
    "android.notification.tag",
    "android.notification.clickAction",
    "android.notification.channelId",
    "android.notification.ticker",
    "androidV2.remoteNotification.notification.title",
    "android.notification.bodyLocKey",
    "android.notification.titleLocKey",
    "apns.headers.apns-topic",
    "apns.payload.aps.alert",
    "apns.payload.list.0",
    "apns.liveActivityToken",
    "webpush.headers.Topic",
    "webpush.data.k",
    "webpush.notification.title",
    "webpush.notification.actions.0.title",
  ];
  it.each(texts)("is refused in %s by its path", (path) => {
    expect(Object.keys(problemsOf(at(path, "x\ud83d")))).toEqual([path]);
    expect(Object.keys(problemsOf(at(path, "\ude00x")))).toEqual([path]);
  });

  it.each(["notification.image", "android.notification.image", "apns.image", "webpush.link"])(
    "is refused in the URL %s",
    (path) => {
      expect(Object.keys(problemsOf(at(path, "https://example.com/\ud83d")))).toEqual([path]);
    },
  );

  it.each([
    "data.x\ud83d",
    "android.data.x\ud83d",
    "webpush.data.x\ud83d",
    "apns.payload.x\ud83d",
    "webpush.headers.x\ud83d",
    "apns.headers.x\ud83d",
    "webpush.notification.x\ud83d",
  ])("is refused as a key: %j", (path) => {
    expect(Object.values(problemsOf(at(path, "v")))).toEqual([expect.stringContaining("surrogate")]);
  });

  it("is refused in every kind of target", () => {
    for (const target of [
      { topic: "x\ud83d" },
      { condition: "'x\ud83d' in topics" },
      { notificationKey: "x\ud83d" },
      { notificationKey: "key", notificationKeyName: "x\ud83d" },
    ]) {
      expect(Object.keys(problemsOf({}, target))[0]).toMatch(/^target\./);
    }
  });

  it("is no objection to whole characters outside the basic plane", () => {
    expect(
      problemsOf({ notification: { title: "😀", bodyLocArgs: ["😀"] }, apns: { payload: { "😀": "😀" } } }),
    ).toEqual({});
  });
});

describe("a JSON value inside a message", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = { list: [cyclic] };
  const nest = (levels: number): unknown => {
    let value: unknown = "x";
    for (let level = 0; level < levels; level++) value = [value];
    return value;
  };
  let wide: unknown = "x";
  for (let level = 0; level < 30; level++) wide = [wide, wide];
  const getter = Object.defineProperty({}, "a", { enumerable: true, get: () => Symbol("x") });

  it.each(["notification.sound", "webpush.notification", "apns.payload", "apns.payload.aps"])(
    "in %s is refused where it contains itself, nests deep, is huge or is no JSON",
    (path) => {
      for (const [value, problem] of [
        [cyclic, /contains itself/],
        [{ a: nest(3_000) }, /nests more than 32 deep/],
        [{ a: nest(20_000) }, /nests more than 32 deep/],
        [{ a: wide }, /more than 10000 values/],
        [{ a: () => 1 }, /must be JSON/],
        [{ a: 1n }, /must be JSON/],
        [{ a: Number.NaN }, /must be JSON.*NaN/],
        [{ a: new Map() }, /must be JSON.*Map/],
        [{ a: new Date(0) }, /must be JSON.*Date/],
        [getter, /must be JSON/],
        [new Map(), /must be/],
      ] as const) {
        const problems = problemsOf(at(path, value));
        expect(Object.values(problems).join()).toMatch(problem);
        expect(Object.keys(problems)[0]).toContain(path);
      }
    },
  );

  it("is taken up to the bound, and copied", () => {
    const notification = { a: nest(30), b: undefined, title: "t" };
    const read = parseMessageContent({ webpush: { notification } }).webpush?.notification;
    expect(read).toEqual({ a: nest(30), title: "t" });
    expect(read).not.toBe(notification);
  });

  it("never makes reading a message fail with anything but InvalidMessageError", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withMap: true, maxDepth: 6 }), (value) => {
        for (const path of ["notification.sound", "webpush.notification", "apns.payload", "data", "apns.headers"]) {
          problemsOf(at(path, value));
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("names that JavaScript gives a meaning", () => {
  const names = [
    "__proto__",
    "constructor",
    "prototype",
    "toString",
    "hasOwnProperty",
    "__defineGetter__",
    "valueOf",
    "length",
  ];

  it.each([
    "data",
    "android.data",
    "webpush.data",
    "webpush.headers",
    "apns.headers",
    "webpush.notification",
    "apns.payload",
  ])("are kept as keys of %s", (path) => {
    const record = JSON.parse(`{${names.map((name) => `"${name}":"v-${name}"`).join()}}`) as object;
    const read: unknown = parseMessageContent(at(path, record));
    const found = path.split(".").reduce((value, key) => (value as Record<string, unknown>)[key], read);
    expect(Object.entries(found as object)).toEqual(Object.entries(record));
    expect(Object.getPrototypeOf(found)).toBe(Object.prototype);
  });

  it.each(names)("are refused by name as fields: %s", (name) => {
    for (const path of [
      name,
      `notification.${name}`,
      `android.${name}`,
      `android.notification.${name}`,
      `apns.${name}`,
      `webpush.${name}`,
    ]) {
      expect(Object.keys(problemsOf(at(path, { title: "x" })))).toEqual([path]);
    }
    expect(Object.keys(problemsOf({}, at(`${name}`, "x")))[0]).toBe(`target.${name}`);
  });

  it("keep __proto__ deep inside a JSON value", () => {
    const payload = JSON.parse('{"a":{"__proto__":{"x":[{"__proto__":1}]}}}') as object;
    expect(JSON.stringify(parseMessageContent({ apns: { payload } }).apns?.payload)).toBe(JSON.stringify(payload));
  });
});

describe("the size of a message", () => {
  const big = "x".repeat(4_097);
  it.each([
    ["a body by itself", { notification: { body: big } }, "notification"],
    [
      "data and notification together",
      { data: { a: "x".repeat(4_000) }, notification: { title: "x".repeat(96) } },
      "notification",
    ],
    [
      "an Android notification",
      {
        android: { notification: { body: big } },
        webpush: { notification: { body: big } },
        notification: { body: big },
      },
      "notification",
    ],
    ["an APNs payload", { apns: { payload: { aps: { alert: big } } } }, "apns.payload"],
    [
      "a VoIP payload over its own limit",
      { apns: { headers: { "APNS-Push-Type": "voip" }, payload: { a: "x".repeat(5_120) } } },
      "apns.payload",
    ],
    [
      "the notification of an androidV2 block",
      {
        androidV2: { remoteNotification: { notification: { body: big } } },
        webpush: { notification: { body: big } },
        notification: { body: big },
      },
      "notification",
    ],
    ["characters of several bytes", { notification: { body: "😀".repeat(1_025) } }, "notification"],
  ])("is refused over 4096 bytes: %s", (_, content, path) => {
    expect(problemsOf(content)[path]).toMatch(/\d{4} bytes.*at most (4096|5120)/);
  });

  it.each([
    ["exactly 4096 bytes", { data: { a: "x".repeat(4_000) }, notification: { title: "x".repeat(95) } }],
    [
      "a large body that every platform replaces",
      {
        notification: { body: big },
        android: { notification: { body: "short" } },
      },
    ],
    [
      "options beside it",
      { notification: { body: "x".repeat(4_096), icon: "x".repeat(100), clickAction: "x".repeat(100) } },
    ],
    [
      "a VoIP payload up to 5120 bytes",
      { apns: { headers: { "apns-push-type": "voip" }, payload: { a: "x".repeat(5_000) } } },
    ],
    [
      "a VoIP payload up to 5120 bytes, its push type in other case",
      { apns: { headers: { "APNS-Push-Type": "VoIP" }, payload: { a: "x".repeat(5_000) } } },
    ],
  ])("is left to the service where it could take it: %s", (_, content) => {
    expect(problemsOf(content)).toEqual({});
  });
});

describe("the link of a web push", () => {
  it.each([
    "https://example.com/a",
    "http://localhost:8080/",
    "http://localhost",
    "http://127.0.0.1:3000/x",
    "http://127.1.2.3",
    "http://[::1]:80/",
  ])("may be %s", (link) => {
    expect(problemsOf({ webpush: { link } })).toEqual({});
  });
  it.each([
    "http://example.com/",
    "http://localhost.evil.example/",
    "http://127.0.0.1.evil.example/",
    "http://localhost@evil.example/",
    "ftp://localhost",
    "//localhost",
  ])("may not be %s", (link) => {
    expect(problemsOf({ webpush: { link } })).toEqual({
      "webpush.link": expect.stringContaining("https URL, or http on loopback"),
    });
  });
});

describe("toData", () => {
  it("makes strings of what has a text of its own, and leaves out what has no value", () => {
    expect(
      toData({
        s: "x",
        n: 42,
        f: 1.5,
        t: true,
        b: 10n,
        d: new Date(0),
        list: [1, "a"],
        o: { a: null },
        none: undefined,
        nothing: null,
      }),
    ).toEqual({
      s: "x",
      n: "42",
      f: "1.5",
      t: "true",
      b: "10",
      d: "1970-01-01T00:00:00.000Z",
      list: '[1,"a"]',
      o: '{"a":null}',
    });
  });

  it("keeps keys that JavaScript gives a meaning", () => {
    expect(JSON.stringify(toData(JSON.parse('{"__proto__":1,"constructor":true}') as Record<string, DataValue>))).toBe(
      '{"__proto__":"1","constructor":"true"}',
    );
  });

  it.each([
    [{ a: Number.NaN }, "data.a"],
    [{ a: () => 1 }, "data.a"],
    [{ a: { b: new Map() } }, "data.a.b"],
    [{ a: new Date("x") }, "data.a"],
    [{ a: "\ud83d" }, "data.a"],
    [{ from: 1 }, "data.from"],
    [{ "": 1 }, "data."],
    [new Map(), "data"],
    [null, "data"],
  ])("refuses %o by its path", (values, path) => {
    expect(() => toData(values as never)).toThrow(InvalidMessageError);
    try {
      toData(values as never);
    } catch (error) {
      expect((error as InvalidMessageError).problems.map((problem) => problem.path)).toEqual([path]);
    }
  });

  it("is named where a value of data is no string", () => {
    for (const value of [1, true, {}, [], 1n, null])
      expect(problemsOf({ data: { a: value } })["data.a"]).toContain("toData(values)");
  });
});
