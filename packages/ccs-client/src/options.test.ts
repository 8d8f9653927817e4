import { rootCertificates } from "node:tls";
import { InvalidOptionsError } from "@cloud-messaging/core";
import { describe, expect, it } from "vitest";
import { type CcsTransportOptions, resolveCcsOptions } from "./options.ts";

/** A certificate that Node carries. */
const PEM = rootCertificates[0] as string;
const good: CcsTransportOptions = { senderId: "1234567890", apiKey: "AIza-EXAMPLE" };
const problems = (options: unknown): unknown => {
  try {
    resolveCcsOptions(options as CcsTransportOptions);
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
  return undefined;
};

describe("the options of the CCS client", () => {
  it("require senderId and apiKey, and have a default for everything else", () => {
    expect(resolveCcsOptions(good)).toMatchObject({
      host: "gcm.googleapis.com",
      port: 5235,
      maxPendingMessages: 100,
      connections: 1,
      reconnect: { initialMs: 1_000, maxMs: 60_000 },
    });
  });

  it("derive the login name from the sender ID, never from the host", () => {
    expect(resolveCcsOptions({ ...good, host: "fcm-xmpp.googleapis.com" }).login).toBe("1234567890@gcm.googleapis.com");
    expect(resolveCcsOptions({ ...good, login: "1234567890" }).login).toBe("1234567890");
  });

  it("take names and addresses as the host, and any number of certificates as the CA", () => {
    for (const host of ["localhost", "::1", "10.0.0.1", "ccs_1.internal-net"]) {
      expect(problems({ ...good, host })).toBeUndefined();
    }
    for (const ca of [PEM, Buffer.from(PEM), `# ours\n${PEM}\n${PEM}`, [PEM, Buffer.from(PEM)]]) {
      expect(problems({ ...good, tls: { ca } })).toBeUndefined();
    }
  });

  it.each<[string, object, string, RegExp]>([
    ["a missing sender ID", { apiKey: "k" }, "senderId", /missing/],
    ["a sender ID that is a number", { ...good, senderId: 123 }, "senderId", /string of digits/],
    ["a sender ID that is a name", { ...good, senderId: "my-project" }, "senderId", /digits/],
    ["a missing key", { senderId: "1" }, "apiKey", /missing/],
    ["a login name that ends where another begins", { ...good, login: "a\0b" }, "login", /printable ASCII/],
    ["a login name in another script", { ...good, login: "端末" }, "login", /printable ASCII/],
    ["a host with a scheme", { ...good, host: "xmpps://gcm.googleapis.com" }, "host", /no scheme/],
    ["a host with a port", { ...good, host: "127.0.0.1:5235" }, "host", /no port/],
    ["an address in brackets", { ...good, host: "[::1]" }, "host", /alone/],
    ["a host with a query", { ...good, host: "a?b" }, "host", /alone/],
    ["a CA that is none", { ...good, tls: { ca: "garbage" } }, "tls.ca", /certificates in PEM.*can be read/],
    ["an empty CA", { ...good, tls: { ca: "" } }, "tls.ca", /certificates in PEM.*can be read/],
    ["no CA at all", { ...good, tls: { ca: [] } }, "tls.ca", /certificates in PEM.*can be read/],
    ["a CA file cut short", { ...good, tls: { ca: PEM.slice(0, 200) } }, "tls.ca", /certificates in PEM.*can be read/],
    [
      "a broken CA behind a good one",
      { ...good, tls: { ca: `${PEM}${PEM.replace("MII", "AAA")}` } },
      "tls.ca",
      /certificates in PEM.*can be read/,
    ],
    ["a window that is too wide", { ...good, maxPendingMessages: 101 }, "maxPendingMessages", /at most 100/],
    ["no window at all", { ...good, maxPendingMessages: 0 }, "maxPendingMessages", /at least 1/],
    ["too many connections", { ...good, connections: 1_001 }, "connections", /at most 1000/],
    ["a time limit that is none", { ...good, ackTimeoutMs: 0 }, "ackTimeoutMs", /above 0/],
    ["a handler that is none", { ...good, onUpstream: true }, "onUpstream", /function/],
    ["a store that is none", { ...good, handledMessages: {} }, "handledMessages", /has and add/],
    ["a misspelt option", { ...good, pingTimeout: 5 }, "pingTimeout", /not an option/],
    [
      "a back-off that shrinks",
      { ...good, reconnect: { initialMs: 5, maxMs: 1 } },
      "reconnect.maxMs",
      /initialMs or more/,
    ],
  ])("refuse %s", (_, options, path, problem) => {
    expect(problems(options)).toEqual([{ path, problem: expect.stringMatching(problem) }]);
  });

  it("never contain the API key in an error", () => {
    expect(JSON.stringify(problems({ senderId: "x", apiKey: "secret key" }))).not.toContain("secret");
  });
});
