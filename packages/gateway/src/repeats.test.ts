import { describe, expect, it } from "vitest";
import { repeatHash } from "./repeats.ts";

const hashOf = (json: string): string =>
  repeatHash("shop", "m-1", { to: "t", fields: JSON.parse(json) as Record<string, unknown> });

describe("the hash by which a repeated CCS message is known", () => {
  const message = hashOf(
    '{"to":"t","time_to_live":60,"notification":{"title":"a","body":"b"},"data":{"k":"1","o":{"x":[1,2],"y":null}}}',
  );

  it.each([
    [
      "another order of its fields",
      '{"notification":{"body":"b","title":"a"},"data":{"o":{"y":null,"x":[1,2]},"k":"1"},"to":"t"}',
    ],
    [
      "a shorter time to live",
      '{"to":"t","time_to_live":5,"notification":{"title":"a","body":"b"},"data":{"k":"1","o":{"x":[1,2],"y":null}}}',
    ],
  ])("is the same with %s", (_, json) => expect(hashOf(json)).toBe(message));

  it.each([
    ["another value", '{"to":"t","notification":{"title":"a","body":"c"},"data":{"k":"1","o":{"x":[1,2],"y":null}}}'],
    [
      "another order in an array",
      '{"to":"t","notification":{"title":"a","body":"b"},"data":{"k":"1","o":{"x":[2,1],"y":null}}}',
    ],
    [
      "a list for an object",
      '{"to":"t","notification":{"title":"a","body":"b"},"data":{"k":"1","o":["x",[1,2],"y",null]}}',
    ],
    [
      "a number for its digits",
      '{"to":"t","notification":{"title":"a","body":"b"},"data":{"k":1,"o":{"x":[1,2],"y":null}}}',
    ],
    [
      "a field more",
      '{"to":"t","notification":{"title":"a","body":"b"},"data":{"__proto__":"x","k":"1","o":{"x":[1,2],"y":null}}}',
    ],
  ])("is another with %s", (_, json) => expect(hashOf(json)).not.toBe(message));
});
