import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseExactJson, stringifyExactJson } from "./exact-json.ts";

describe("64-bit IDs in JSON", () => {
  it("come out to the last digit, negative ones too", () => {
    expect(parseExactJson('{"multicast_id":6782339717028231855,"results":[]}')).toEqual({
      multicast_id: "6782339717028231855",
      results: [],
    });
    expect(parseExactJson('{ "message_id" : -7304287641109853071 }')).toEqual({ message_id: "-7304287641109853071" });
  });

  it("leaves other numbers, strings and fractions alone", () => {
    expect(parseExactJson('{"success":3,"message_id":"0:1%2","time":1.5,"multicast_id":1.5e3}')).toEqual({
      success: 3,
      message_id: "0:1%2",
      time: 1.5,
      multicast_id: 1500,
    });
  });

  it("is not fooled by text that looks like a key", () => {
    const value = { error: 'see "message_id":12 and \\"multicast_id\\": 13', note: '"message_id":9' };
    expect(parseExactJson(JSON.stringify(value))).toEqual(value);
  });

  it("agrees with JSON.parse on everything that holds no wide ID", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseExactJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it("refuses what is no JSON number", () => {
    expect(() => parseExactJson('{"multicast_id":00012}')).toThrow(SyntaxError);
  });

  it("are written before fields of every other kind, and without those that are undefined", () => {
    const value = { 'a"': "7n", b: 7n, c: undefined, d: [1, { e: null }], f: -1n };
    expect(stringifyExactJson(value)).toBe('{"b":7,"f":-1,"a\\"":"7n","d":[1,{"e":null}]}');
    expect(stringifyExactJson({ b: 7n })).toBe('{"b":7}');
    expect(stringifyExactJson({})).toBe("{}");
  });

  it("are refused further inside, as by JSON.stringify", () => {
    expect(() => stringifyExactJson({ a: { b: 7n } })).toThrow(TypeError);
  });

  it("are written as numbers and read back the same", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (id) => {
        const text = stringifyExactJson({ multicast_id: id, results: [{ message_id: "0:1" }] });
        expect(text).toBe(`{"multicast_id":${id},"results":[{"message_id":"0:1"}]}`);
        expect((parseExactJson(text) as { multicast_id: string }).multicast_id).toBe(String(id));
      }),
    );
  });
});
