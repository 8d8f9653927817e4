import { inspect } from "node:util";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { createGcmHttpTransport } from "./gcm/transport.ts";
import { createHttpSender } from "./http-sender.ts";

const apiKey = "AIza-EXAMPLE-secret";
const problemsOf = (options: object): unknown => {
  try {
    createGcmHttpTransport(options as never);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
  return [];
};

describe("the options of the GCM HTTP transport", () => {
  it.each([
    [{}, "apiKey", /missing/],
    [{ apiKey, timeoutMs: 0 }, "timeoutMs", /above 0/],
    [{ apiKey, timeoutMs: "1s" }, "timeoutMs", /milliseconds/],
    [{ apiKey, maxSockets: 0 }, "maxSockets", /1 or more/],
    [{ apiKey, maxTokensPerRequest: 1001 }, "maxTokensPerRequest", /1000 or less/],
    [{ apiKey, format: "xml" }, "format", /"json" or "plain-text"/],
    [{ apiKey, endpoint: "http://example.com/" }, "endpoint", /plain http/],
    [{ apiKey, proxy: "proxy:8080" }, "proxy", /URL of a proxy/],
    [{ apiKey, proxy: true }, "proxy", /URL of a proxy|Invalid input/],
    [{ apiKey, connect: { rejectUnauthorized: false } }, "connect.rejectUnauthorized", /is not an option/],
    [{ apiKey, connect: { ca: 3 } }, "connect.ca", /PEM/],
    [{ apiKey, timeoutMillis: 5 }, "timeoutMillis", /is not an option/],
    [{ apiKey, clock: {} }, "clock", /now\(\) and schedule\(\)/],
  ])("%o is refused at %s", (options, path, problem) => {
    expect(problemsOf(options)).toEqual([{ path, problem: expect.stringMatching(problem) }]);
  });

  it.each([["AIza\r\nX-Injected: 1"], ["AIza EXAMPLE"], ["AIza\u0000"], ["ключ"], [""]])(
    "a key that could not stand in a header is refused and not repeated: %j",
    (bad) => {
      expect(problemsOf({ apiKey: bad })).toMatchObject([{ path: "apiKey" }]);
      if (bad !== "") expect(JSON.stringify(problemsOf({ apiKey: bad }))).not.toContain(bad.slice(0, 4));
    },
  );

  it("are asked for where there are none", () => {
    for (const none of [undefined, null]) {
      expect(() => createHttpSender(none as never)).toThrow(/apiKey: is missing/);
      expect(() => createGcmHttpTransport(none as never)).toThrow(/apiKey: is missing/);
    }
    expect(() => createHttpSender({ apiKey, retries: 3 } as never)).toThrow(/retries: is not an option/);
  });

  it("hide the key from whoever looks at the transport or the sender", async () => {
    await using transport = createGcmHttpTransport({ apiKey });
    await using sender = createHttpSender({ apiKey });
    const shown = inspect([transport, sender], { depth: 20, showHidden: true }) + JSON.stringify([transport, sender]);
    expect(shown).not.toContain("AIza");
  });
});
