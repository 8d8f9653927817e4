import { describe, expect, it } from "vitest";
import { z } from "zod";
import { InvalidOptionsError } from "./errors.ts";
import { AbortSignalSchema, readInput, readOptions } from "./problems.ts";

const bucket = z.strictObject({ capacity: z.int().min(1), refillEveryMs: z.number().positive() });
const schema = z.strictObject({
  maxSockets: z.int().min(1).default(64),
  throttling: z.strictObject({ collapsible: z.union([bucket, z.literal(false)]).optional() }).prefault({}),
  ports: z.array(z.strictObject({ httpPort: z.int() })).optional(),
  names: z.record(z.string(), z.strictObject({ displayName: z.string() })).optional(),
  format: z.enum(["json", "text"]).optional(),
  fault: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("next"), retryAfter: z.string() }),
      z.strictObject({ kind: z.literal("random"), rate: z.number() }),
    ])
    .optional(),
});

function problemsOf(input: unknown, known?: readonly string[]): Record<string, string> {
  const reading = readInput(schema, input, { name: "an option of the test", ...(known ? { known } : {}) });
  if ("value" in reading) return {};
  return Object.fromEntries(reading.problems.map(({ path, problem }) => [path, problem]));
}

describe("problems of input that its schema refuses", () => {
  it.each([
    [{ maxSocket: 1 }, "maxSocket", "is not an option of the test: did you mean maxSockets?"],
    [{ max_sockets: 1 }, "max_sockets", "is not an option of the test: did you mean maxSockets?"],
    [{ throtling: {} }, "throtling", "is not an option of the test: did you mean throttling?"],
    [{ throttling: { colapsible: false } }, "throttling.colapsible", "did you mean collapsible?"],
    [{ throttling: { collapsible: { capcity: 1, refillEveryMs: 1 } } }, "throttling.collapsible.capcity", "capacity?"],
    [{ ports: [{ htpPort: 1, httpPort: 1 }] }, "ports.0.htpPort", "did you mean httpPort?"],
    [{ names: { a: { displayname: "x", displayName: "x" } } }, "names.a.displayname", "did you mean displayName?"],
    [{ fault: { kind: "next", retry_after: "2", retryAfter: "2" } }, "fault.retry_after", "did you mean retryAfter?"],
    [{ zzz: 1 }, "zzz", "is not an option of the test; use maxSockets, throttling, ports, names, format, fault"],
    [{ registration: 1 }, "registration", "did you mean registrations?"],
  ])("name the option that a misspelt one is most like: %o", (input, path, problem) => {
    expect(
      problemsOf(input, input !== null && "registration" in input ? ["registrations"] : undefined)[path],
    ).toContain(problem);
  });

  it.each([
    [{ maxSockets: "5" }, "maxSockets", "must be a number, not a string"],
    [{ maxSockets: 0 }, "maxSockets", "must be at least 1"],
    [{ format: "xml" }, "format", 'must be "json" or "text"'],
    [{ throttling: { collapsible: true } }, "throttling.collapsible", "must be an object or false, not a boolean"],
    [
      { throttling: { collapsible: { capacity: 0, refillEveryMs: 1 } } },
      "throttling.collapsible.capacity",
      "at least 1",
    ],
    [{ fault: { kind: "netx" } }, "fault.kind", 'must be "next" or "random"'],
    [{ fault: { kind: "random" } }, "fault.rate", "is missing: must be a number"],
  ])("say what it has to be and what it is: %o", (input, path, problem) => {
    expect(problemsOf(input)[path]).toContain(problem);
  });

  it("never repeat a text that was given, and cut a name that may be a token", () => {
    const secret = "AIza-secret-secret-secret";
    expect(JSON.stringify(problemsOf({ maxSockets: secret, format: secret, throttling: secret }))).not.toContain(
      "AIza",
    );
    const [path] = Object.keys(problemsOf({ ["x".repeat(300)]: 1 }));
    expect(path).toBe("xxxxxxxxxxxx… (300 characters)");
  });

  it.each(["constructor", "__proto__", "toString"])("name a key called %s", (key) => {
    const input = JSON.parse(`{"${key}":1}`) as object;
    expect(problemsOf(input)[key]).toMatch(/^is not an option of the test/);
  });
});

describe("reading options", () => {
  it("gives defaults, and passes over an unknown name without a value", () => {
    expect(readOptions(schema, { zzz: undefined }, "an option")).toEqual({ maxSockets: 64, throttling: {} });
  });

  it("throws one error with every problem", () => {
    expect(() => readOptions(schema, { maxSockets: 0, zzz: 1 }, "an option")).toThrow(InvalidOptionsError);
    expect(() => readOptions(schema, null, "an option")).toThrow(/must be an object, not null/);
  });

  it("takes an AbortSignal of another realm by what it can do, and nothing else for one", () => {
    const foreign = { aborted: false, reason: undefined, addEventListener() {}, removeEventListener() {} };
    const read = (signal: unknown) => readOptions(z.object({ signal: AbortSignalSchema }), { signal }, "an option");
    expect(read(foreign).signal).toBe(foreign);
    expect(read(new AbortController().signal).signal.aborted).toBe(false);
    for (const bad of [{}, null, "signal", { aborted: false }, new EventTarget()]) {
      expect(() => read(bad)).toThrow(/signal: must be an AbortSignal/);
    }
  });
});
