import { inspect } from "node:util";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { createGcmSender } from "../gcm-sender.ts";
import { createGcmHttpTransport } from "./transport.ts";

const apiKey = "AIza-EXAMPLE-secret";
const PEM_HEAD = "-----BEGIN CERTIFICATE-----";
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
    [{ apiKey: 3 }, "apiKey", /must be a string/],
    [{ apiKey, requestTimeoutMs: 0 }, "requestTimeoutMs", /above 0/],
    [{ apiKey, requestTimeoutMs: "1s" }, "requestTimeoutMs", /milliseconds/],
    [{ apiKey, maxConnections: 0 }, "maxConnections", /1 or more/],
    [{ apiKey, maxTokensPerRequest: 1001 }, "maxTokensPerRequest", /1000 or less/],
    [{ apiKey, format: "xml" }, "format", /"json" or "plain-text"/],
    [{ apiKey, endpoint: "http://example.com/" }, "endpoint", /plain http/],
    [{ apiKey, proxy: "proxy:8080" }, "proxy", /URL of a proxy/],
    [{ apiKey, proxy: true }, "proxy", /URL of a proxy|Invalid input/],
    [{ apiKey, tls: { rejectUnauthorized: false } }, "tls.rejectUnauthorized", /is not an option/],
    [{ apiKey, proxy: "http://proxy example:8080" }, "proxy", /URL of a proxy/],
    [{ apiKey, proxy: "socks5://proxy.example" }, "proxy", /URL of a proxy/],
    [{ apiKey, proxy: "http://user:50%25-%zz-secret@proxy.example" }, "proxy", /%25/],
    [{ apiKey, tls: { ca: 3 } }, "tls.ca", /PEM/],
    [{ apiKey, tls: { ca: "ca.pem" } }, "tls.ca", /certificates in PEM/],
    [{ apiKey, tls: { ca: [Buffer.from("ca.pem")] } }, "tls.ca", /certificates in PEM/],
    [{ apiKey, tls: { ca: `${PEM_HEAD}\nxx` } }, "tls.ca", /certificates in PEM/],
    [{ apiKey, tls: { cert: PEM_HEAD } }, "tls.key", /is missing/],
    [{ apiKey, tls: { key: PEM_HEAD } }, "tls.cert", /is missing/],
    [{ apiKey, tls: { cert: PEM_HEAD, key: PEM_HEAD } }, "tls", /cannot be used/],
    [{ apiKey, timeoutMillis: 5 }, "timeoutMillis", /is not an option/],
    [{ apiKey, clock: {} }, "clock", /lacks now\(\), monotonic\(\), schedule\(\)/],
    [{ apiKey, clock: { now: Date.now, schedule: setTimeout } }, "clock", /lacks monotonic\(\)/],
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

  it.each([
    ["HTTPS_PROXY", "proxy.example:8080"],
    ["https_proxy", "socks5://user:secret@proxy.example"],
    ["HTTP_PROXY", "http://user:%zz-secret@proxy.example"],
    ["http_proxy", "http://[secret"],
  ])("a bad %s is named with the variable it comes from, and not repeated: %s", (name, value) => {
    const before = { ...process.env };
    for (const each of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"]) delete process.env[each];
    process.env[name] = value;
    try {
      const problems = problemsOf({ apiKey, endpoint: "gcm" });
      expect(problems).toEqual([{ path: "proxy", problem: expect.stringMatching(new RegExp(`from ${name}`)) }]);
      expect(JSON.stringify(problems)).not.toMatch(/secret|example/);
      // not looked at where none is wanted
      expect(problemsOf({ apiKey, endpoint: "gcm", proxy: false })).toEqual([]);
    } finally {
      process.env = before;
    }
  });

  it("are asked for where there are none", () => {
    expect(() => createGcmSender(undefined as never)).toThrow(/apiKey: is missing/);
    expect(() => createGcmHttpTransport(undefined as never)).toThrow(/apiKey: is missing/);
    expect(() => createGcmSender({ apiKey, retries: 3 } as never)).toThrow(/retries: is not an option/);
  });

  it("hide the key from whoever looks at the transport or the sender", async () => {
    await using transport = createGcmHttpTransport({ apiKey });
    await using sender = createGcmSender({ apiKey });
    const shown = inspect([transport, sender], { depth: 20, showHidden: true }) + JSON.stringify([transport, sender]);
    expect(shown).not.toContain("AIza");
  });
});
