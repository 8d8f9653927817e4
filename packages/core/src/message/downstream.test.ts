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
