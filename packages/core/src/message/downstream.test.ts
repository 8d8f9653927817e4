import { describe, expect, it } from "vitest";
import { InvalidMessageError } from "../errors.ts";
import { parseDownstreamMessage, parseMessageContent } from "./downstream.ts";

function problemsOf(input: unknown): Record<string, string> {
  try {
    parseDownstreamMessage(input);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidMessageError);
    return Object.fromEntries((error as InvalidMessageError).problems.map(({ path, problem }) => [path, problem]));
  }
  throw new Error("the message was taken as valid");
}

describe("a downstream message", () => {
  it("keeps what is unset unset, priority above all", () => {
    expect(parseDownstreamMessage({ target: { token: "tok-a" }, data: { n: "3" } })).toEqual({
      target: { token: "tok-a" },
      data: { n: "3" },
    });
  });

  it.each([
    [{ token: "tok-a" }, { token: "tok-a" }],
    [{ tokens: ["tok-a", "tok-b", "tok-a"] }, { tokens: ["tok-a", "tok-b", "tok-a"] }],
    [{ topic: "news" }, { topic: "news" }],
    [{ topic: "/topics/news" }, { topic: "news" }],
    [{ condition: "'a' in topics || 'b' in topics" }, { condition: "'a' in topics || 'b' in topics" }],
    [
      { notificationKey: "APA91-key", notificationKeyName: "user-7" },
      { notificationKey: "APA91-key", notificationKeyName: "user-7" },
    ],
  ])("takes the target %j", (target, expected) => {
    expect(parseDownstreamMessage({ target }).target).toEqual(expected);
  });

  it("lists every bad field by its path, with what was wrong and the limit", () => {
    const problems = problemsOf({
      target: { tokens: ["tok-a", "with space", "", 7] },
      timeToLiveSec: 2_419_201,
      priority: "urgent",
      data: { from: "x", "google.y": "x", gcmz: "x", message_type: "x" },
      notification: { color: "red", titel: "x" },
      colapseKey: "typo",
    });
    expect(Object.keys(problems).sort()).toEqual([
      "colapseKey",
      "data.from",
      "data.gcmz",
      "data.google.y",
      "data.message_type",
      "notification.color",
      "notification.titel",
      "priority",
      "target.tokens.1",
      "target.tokens.2",
      "target.tokens.3",
      "timeToLiveSec",
    ]);
    expect(problems["timeToLiveSec"]).toContain("2419200");
    expect(problems["notification.color"]).toContain("#rrggbb");
    expect(problems["target.tokens.1"]).not.toContain("with space");
  });

  it.each([
    [3, 'write "3"'],
    [true, 'write "true"'],
    [{ a: 1 }, "JSON.stringify"],
    [[1], "JSON.stringify"],
    [null, "leave the key out"],
  ])("refuses the data value %j, names the key and says what to write instead", (value, advice) => {
    expect(problemsOf({ target: { token: "tok-a" }, data: { score: value } })["data.score"]).toContain(advice);
  });

  it.each([
    [{}, /exactly one of/],
    [{ token: "a", topic: "b" }, /token and topic/],
    [{ registrationIds: ["a"] }, /exactly one of/],
    [undefined, /must be an object/],
    ["tok-a", /must be an object/],
  ])("refuses the target %j", (target, problem) => {
    expect(problemsOf({ target })["target"]).toMatch(problem);
  });

  it.each([
    [{ tokens: [] }, "target.tokens", /at least one/],
    [{ topic: "no spaces" }, "target.topic", /1 to 900/],
    [{ topic: `${"x".repeat(901)}` }, "target.topic", /1 to 900/],
    [{ condition: "'a' on topics" }, "target.condition", /in topics/],
    [{ token: "a\r\nAuthorization: x" }, "target.token", /white space/],
    [{ token: "x".repeat(4097) }, "target.token", /4096/],
    [{ topic: "news", notificationKeyName: "x" }, "target.notificationKeyName", /notificationKey only/],
  ])("refuses %j at %s", (target, path, problem) => {
    expect(problemsOf({ target })[path]).toMatch(problem);
  });

  it.each([0, 1, 2_419_200])("takes a time to live of %i seconds", (timeToLiveSec) => {
    expect(parseDownstreamMessage({ target: { token: "tok-a" }, timeToLiveSec }).timeToLiveSec).toBe(timeToLiveSec);
  });

  it.each([-1, 1.5, "60", Number.NaN])("refuses a time to live of %s", (timeToLiveSec) => {
    expect(problemsOf({ target: { token: "tok-a" }, timeToLiveSec })["timeToLiveSec"]).toBeDefined();
  });

  it("counts the payload as UTF-8 bytes of keys and values", () => {
    const target = { token: "tok-a" };
    expect(() => parseDownstreamMessage({ target, data: { k: "x".repeat(4_095) } })).not.toThrow();
    expect(problemsOf({ target, data: { k: "x".repeat(4_096) } })["data"]).toMatch(/4097 bytes.*4096/);
    expect(problemsOf({ target, data: { k: "😀".repeat(1_024) } })["data"]).toMatch(/4097 bytes/);
    expect(problemsOf({ target: { topic: "news" }, data: { k: "x".repeat(2_048) } })["data"]).toMatch(
      /2049 bytes.*2048/,
    );
  });

  it.each([
    [new Map([["a", "1"]]), /plain object of strings, not a Map/],
    [new Date(), /not a Date/],
    [["a"], /not an array/],
    ["a", /not a string/],
  ])("refuses the data %j, which is no plain object", (data, problem) => {
    expect(problemsOf({ target: { token: "tok-a" }, data })["data"]).toMatch(problem);
  });

  it("keeps the data key __proto__, and refuses half a character", () => {
    const data = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
    expect(JSON.stringify(parseDownstreamMessage({ target: { token: "tok-a" }, data }).data)).toBe(
      JSON.stringify(data),
    );
    expect(problemsOf({ target: { token: "tok-a" }, data: { a: "x\ud800" } })["data.a"]).toMatch(/surrogate/);
  });

  it("refuses holes in a list of tokens", () => {
    expect(Object.keys(problemsOf({ target: { tokens: new Array(2) } }))).toEqual([
      "target.tokens.0",
      "target.tokens.1",
    ]);
  });

  it("tells what is wrong between fields together with what is wrong in them", () => {
    const problems = problemsOf({
      target: { tokens: ["tok-a", "tok-b"] },
      messageId: "m-1",
      priority: "urgent",
      data: { k: "x".repeat(5_000) },
    });
    expect(Object.keys(problems).sort()).toEqual(["data", "messageId", "priority"]);
  });

  it.each([
    ["time_to_live", "timeToLiveSec"],
    ["collapse_key", "collapseKey"],
    ["registration_ids", "target.tokens"],
    ["to", "target"],
    ["timeToLive", "timeToLiveSec"],
    ["registrationTokens", "target.tokens"],
    ["fid", "target.fid"],
    ["title", "notification.title"],
    ["body", "notification.body"],
    ["registrationToken", "target.token"],
  ])("says of %s, a name of the wire's or another library's, that it is called %s here", (wire, ours) => {
    expect(problemsOf({ target: { token: "tok-a" }, [wire]: "x" })[wire]).toContain(ours);
  });

  it("keeps its words short and to itself whatever it is given", () => {
    const secret = "AIza-SECRET".repeat(20);
    for (const input of [
      { target: { tokens: Array(10_000).fill("b b") } },
      { target: { token: "tok-a" }, data: { cb: () => secret } },
      { target: { [secret]: 1 } },
      { target: { token: "tok-a" }, data: { [secret]: 1 } },
    ]) {
      try {
        parseDownstreamMessage(input);
        throw new Error("taken as valid");
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidMessageError);
        expect((error as Error).message.length).toBeLessThan(3_000);
        expect((error as Error).message).not.toContain(secret);
      }
    }
  });

  it("refuses an APNs payload that is too deep or contains itself", () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    let deep: Record<string, unknown> = {};
    for (let level = 0; level < 20_000; level++) deep = { deep };
    for (const payload of [circular, deep]) {
      const problems = problemsOf({ target: { token: "tok-a" }, apns: { payload } });
      expect(Object.values(problems).join()).toMatch(/deep|contains itself/);
    }
  });

  it("takes a message ID of the caller's for one recipient and refuses it for two", () => {
    expect(parseDownstreamMessage({ target: { tokens: ["tok-a"] }, messageId: "m-1" }).messageId).toBe("m-1");
    expect(problemsOf({ target: { tokens: ["tok-a", "tok-b"] }, messageId: "m-1" })["messageId"]).toMatch(
      /2 recipients/,
    );
  });

  it("without a target refuses one", () => {
    expect(() => parseMessageContent({ target: { token: "tok-a" } })).toThrow(InvalidMessageError);
    expect(parseMessageContent({ data: { a: "b" } })).toEqual({ data: { a: "b" } });
  });
});
