import { describe, expect, it } from "vitest";
import { instanceIdStatus, readDeviceGroupRequest, readTopicBatch } from "./management-requests.ts";

describe("a change of a device group", () => {
  it.each([
    ["[", "the body is not JSON"],
    ["[]", "the body is no object"],
    ["null", "the body is no object"],
    ["{}", "operation is missing or of the wrong type"],
    ['{"operation":"create","registration_ids":["a",1]}', "registration_ids.1 is missing or of the wrong type"],
  ])("%s is not read: %s", (body, error) => {
    expect(readDeviceGroupRequest(body)).toEqual({ error });
  });
});

describe("a batch of tokens for a topic", () => {
  const read = (fields: object) => readTopicBatch(JSON.stringify(fields));
  const tokens = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`);

  it("has 1 to 1000 tokens", () => {
    expect(read({ to: "/topics/news", registration_tokens: [] })).toEqual({ error: "MissingIIdToken" });
    expect(read({ to: "/topics/news", registration_tokens: tokens(1000) })).toEqual({
      topic: "news",
      tokens: tokens(1000),
    });
    expect(read({ to: "/topics/news", registration_tokens: tokens(1001) })).toEqual({ error: "INVALID_ARGUMENT" });
  });

  it("names a topic by its whole path", () => {
    expect(read({ to: "news", registration_tokens: ["a"] })).toEqual({ error: "Topic name format is invalid" });
  });
});

it.each([
  ["NOT_FOUND", 404],
  ["InvalidToken", 400],
  ["constructor", 400],
  ["__proto__", 400],
])("the error %s of Instance ID has the status %i", (error, status) => {
  expect(instanceIdStatus(error)).toBe(status);
});
