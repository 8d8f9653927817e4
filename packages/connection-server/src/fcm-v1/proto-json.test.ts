import { FcmV1SendRequestSchema } from "@cloud-messaging/core/wire";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import { SEND_REQUEST } from "./fields.ts";
import { type ProtoMessage, type ProtoType, readProto } from "./proto-json.ts";

/** Every field of a request by its path, lists and their elements as one. */
function fieldsOf(type: ProtoMessage, path = ""): readonly (readonly [path: string, type: ProtoType])[] {
  return Object.entries(type.fields).flatMap(([name, field]) => {
    const at = path === "" ? name : `${path}.${name}`;
    return field.kind === "message" ? [[at, field] as const, ...fieldsOf(field, at)] : [[at, field] as const];
  });
}

const camel = (path: string): string => path.replace(/_([a-z0-9])/g, (_all, letter: string) => letter.toUpperCase());
const nested = (path: string, value: unknown): unknown =>
  path.split(".").reduceRight((inner, name) => ({ [name]: inner }), value);
const at = (path: string, value: unknown): unknown =>
  path.split(".").reduce<unknown>((inner, name) => (inner as Record<string, unknown> | undefined)?.[name], value);

/** Per type: what is read, as what, and what is refused. */
const RULES: Readonly<
  Record<ProtoType["kind"], { read: readonly (readonly [unknown, unknown])[]; refused: readonly unknown[] }>
> = {
  string: {
    read: [
      ["a", "a"],
      ["", ""],
    ],
    refused: [1, true, {}, []],
  },
  bool: {
    read: [
      [true, true],
      [false, false],
      ["true", true],
      ["false", false],
    ],
    refused: ["yes", "", 1, {}],
  },
  int32: {
    read: [
      [3, 3],
      ["3", 3],
      [0, 0],
      [-2147483648, -2147483648],
      ["2147483647", 2147483647],
      [1.0, 1],
      ["1e2", 100],
      ["2.0", 2],
    ],
    refused: [2147483648, "2147483648", -2147483649, 1.5, "1.5", "", "x", " 3", "0x10", true, [3], {}],
  },
  float: {
    read: [
      [0.5, 0.5],
      ["0.5", 0.5],
      [1, 1],
      ["NaN", Number.NaN],
    ],
    refused: ["", "half", true, {}],
  },
  duration: {
    read: [
      ["3s", "3s"],
      ["3.5s", "3.5s"],
      ["0s", "0s"],
      ["-1s", "-1s"],
      ["1.123456789s", "1.123456789s"],
    ],
    refused: ["3", "3.s", "1.1234567890s", "s", "3 s", "3S", 3, "999999999999s", {}],
  },
  timestamp: {
    read: ["2026-11-27T17:00:00Z", "2026-11-27T17:00:00.123456789Z", "2024-02-29T00:00:00+02:00"].map(
      (t) => [t, t] as const,
    ),
    refused: [
      "tomorrow",
      "2026-02-29T00:00:00Z",
      "2026-13-01T00:00:00Z",
      "2026-11-27",
      "2026-11-27T24:00:00Z",
      "2026-11-27T17:00:00",
      1764262800,
      "",
    ],
  },
  struct: { read: [[{ a: [1, null, { b: true }] }, { a: [1, null, { b: true }] }]], refused: ["x", 1, []] },
  map: {
    read: [
      [{ a: "1" }, { a: "1" }],
      [{}, {}],
    ],
    refused: [{ a: 1 }, { a: null }, { a: {} }, "x", []],
  },
  list: { read: [[[], []]], refused: ["x", {}, 3, [null]] },
  enum: { read: [], refused: ["URGENT", "", -1, 99, "99", true, 0.5] },
  message: { read: [], refused: ["x", 1, true, []] },
};

describe.each(fieldsOf(SEND_REQUEST))("the field %s", (path, type) => {
  const spellings = [path, camel(path)];

  it("is read from both spellings, as its type asks", () => {
    const values =
      type.kind === "enum"
        ? type.values.flatMap((name, number) =>
            [name, name.toLowerCase(), number, String(number)].map((value) => [value, name] as const),
          )
        : RULES[type.kind].read;
    for (const spelling of spellings) {
      for (const [value, expected] of values) {
        const { value: read, violations } = readProto(SEND_REQUEST, nested(spelling, value));
        expect(violations, `${spelling} ${JSON.stringify(value)}`).toEqual([]);
        expect(at(path, read)).toEqual(expected);
      }
    }
  });

  it("is unset by null", () => {
    for (const spelling of spellings) {
      const { value, violations } = readProto(SEND_REQUEST, nested(spelling, null));
      expect(violations).toEqual([]);
      expect(at(path, value)).toBeUndefined();
    }
  });

  it("is refused by its name when its value is of another type", () => {
    for (const value of RULES[type.kind].refused) {
      const { violations } = readProto(SEND_REQUEST, nested(path, value));
      expect(violations, JSON.stringify(value)).not.toEqual([]);
      expect(violations[0]?.field.startsWith(path), violations[0]?.field).toBe(true);
      expect(violations[0]?.description).toContain(`Invalid value at '${path}`);
    }
  });
});

it("says what was wrong in the front end's words", () => {
  const said = (message: unknown): readonly string[] =>
    readProto(SEND_REQUEST, { message }).violations.map(({ field, description }) => `${field} | ${description}`);
  expect(said({ data: { a: "1", n: 12 } })).toEqual([
    "message.data[1].value | Invalid value at 'message.data[1].value' (TYPE_STRING), 12",
  ]);
  expect(said({ android: { notification: { event_time: "tomorrow" } } })).toEqual([
    "message.android.notification.event_time | Invalid value at 'message.android.notification.event_time' (type.googleapis.com/google.protobuf.Timestamp), \"tomorrow\"",
  ]);
  expect(said({ android: { notification: { notificationCount: 2147483648 } } })).toEqual([
    "message.android.notification.notification_count | Invalid value at 'message.android.notification.notification_count' (TYPE_INT32), 2147483648",
  ]);
  expect(said({ android: { priority: "URGENT" } })).toEqual([
    "message.android.priority | Invalid value at 'message.android.priority' (type.googleapis.com/google.firebase.fcm.v1.AndroidConfig.AndroidMessagePriority), \"URGENT\"",
  ]);
  expect(said({ to: "x" })).toEqual([
    "message | Invalid JSON payload received. Unknown name \"to\" at 'message': Cannot find field.",
  ]);
  expect(said({ Token: "x", __proto_: 1 })).toHaveLength(2);
  expect(readProto(SEND_REQUEST, { mesage: {} }).violations[0]?.description).toBe(
    'Invalid JSON payload received. Unknown name "mesage": Cannot find field.',
  );
});

it.each([[[]], [null], [1], ["x"], [true]])("refuses %j in the place of the whole request", (json) => {
  const description = 'Invalid JSON payload received. Unknown name "": Root element must be a message.';
  expect(readProto(SEND_REQUEST, json)).toEqual({ value: {}, violations: [{ field: "", description }] });
});

describe("a oneof", () => {
  it.each([
    [{ token: "a", topic: "b" }, "Cannot set 'topic'"],
    [{ topic: "b", token: "a" }, "Cannot set 'token'"],
    [{ token: "a", condition: "" }, "Cannot set 'condition'"],
    [{ token: "", fid: "" }, "Cannot set 'fid'"],
    [{ android_v2: { remote_notification: {}, background_sync: {} } }, "Cannot set 'background_sync'"],
  ])("is refused when it is set twice, by empty texts too: %j", (message, words) => {
    const { violations } = readProto(SEND_REQUEST, { message });
    expect(violations).toHaveLength(1);
    expect(violations[0]?.description).toMatch(/^Invalid value at 'message(\.android_v2)?' \(oneof\), oneof field/);
    expect(violations[0]?.description).toContain(words);
  });

  it("may have null beside the field that is set", () => {
    expect(readProto(SEND_REQUEST, { message: { token: "a", topic: null } }).violations).toEqual([]);
  });
});

it("keeps data under any key, and refuses more faults than anybody reads in one answer", () => {
  const json = JSON.parse('{"message":{"data":{"__proto__":"a","constructor":"b"}}}') as unknown;
  const { value } = readProto(SEND_REQUEST, json);
  expect(JSON.stringify(value)).toBe('{"message":{"data":{"__proto__":"a","constructor":"b"}}}');
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_none, n) => [`k${n}`, n]));
  expect(readProto(SEND_REQUEST, { message: { data: many } }).violations).toHaveLength(100);
});

it("knows every field that the SDK's own schema of the request has, and no others", () => {
  const named = (schema: unknown, path: string): string[] => {
    const { def } = schema as z.ZodType & {
      def: { type: string; innerType?: unknown; shape?: Record<string, unknown> };
    };
    if (def.innerType !== undefined) return named(def.innerType, path);
    if (def.shape === undefined) return [path];
    return Object.entries(def.shape).flatMap(([name, field]) => {
      const inner = path === "" ? name : `${path}.${name}`;
      return [inner, ...named(field, inner).filter((deeper) => deeper !== inner)];
    });
  };
  const known = fieldsOf(SEND_REQUEST).map(([path]) => path);
  expect([...new Set(known)].sort()).toEqual([...new Set(named(FcmV1SendRequestSchema, ""))].sort());
});
