import { getEventListeners } from "node:events";
import type { Socket } from "node:net";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import {
  createManualClock,
  type DownstreamMessageInput,
  type ManualClock,
  type RecipientOutcome,
} from "@cloud-messaging/core";
import { parseDownstreamMessage, plusMs } from "@cloud-messaging/core/transport";
import {
  createGcmHttpTransport,
  type GcmHttpTransport,
  type GcmHttpTransportOptions,
} from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import {
  acceptAll,
  answer,
  hang,
  head,
  json,
  raw,
  rawThenEnd,
  rawThenReset,
  type Step,
  startFaultServer,
} from "../support/fault-server.ts";
import { createTestCertificates } from "../support/fault-server-certificates.ts";

const TIMEOUT_MS = 5_000;
const toTwo = parseDownstreamMessage({ target: { tokens: ["tok-a", "tok-b"] }, data: { n: "1" } });
const ACCEPTED_TWO =
  '{"multicast_id":1,"success":2,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"},{"message_id":"0:2"}]}';
const OK_HEAD = head(200, { "content-type": "application/json", "content-length": String(ACCEPTED_TWO.length) });

interface Setup {
  readonly clock: ManualClock;
  readonly transport: GcmHttpTransport;
}
function setup(origin: string, options: Partial<GcmHttpTransportOptions> = {}): Setup {
  const clock = createManualClock();
  const transport = createGcmHttpTransport({
    apiKey: "AIza-EXAMPLE-secret",
    endpoint: `${origin}/fcm/send`,
    clock,
    requestTimeoutMs: TIMEOUT_MS,
    ...options,
  });
  return { clock, transport };
}

/** Fields that all outcomes have in common; fails when they differ. */
function common(outcomes: readonly RecipientOutcome[]): unknown {
  const [first, ...others] = outcomes.map(({ recipient: _, ...rest }) => rest);
  for (const other of others) expect(other).toEqual(first);
  return first;
}

/** Sends to two tokens against one step, lets the time run out where the step does not answer, and closes everything. */
async function against(step: Step, options: { readonly timesOut?: boolean } & Partial<GcmHttpTransportOptions> = {}) {
  const { timesOut, ...rest } = options;
  await using server = await startFaultServer();
  const { clock, transport } = setup(server.origin, rest);
  server.script(step);
  const sending = transport.send(toTwo);
  if (timesOut) {
    await server.arrived(1);
    await clock.advance(TIMEOUT_MS);
  }
  const { outcomes } = await sending;
  await transport.close();
  await server.quiet();
  expect(clock.scheduled).toBe(0);
  return {
    outcomes,
    get outcome() {
      return common(outcomes);
    },
    requests: server.requests.length,
  };
}

describe("a request that was written and not answered is ambiguous, and is sent once", () => {
  it.each<[string, Step, string]>([
    ["the connection is reset before the headers", rawThenReset(""), "connection-lost"],
    ["the connection is reset within the headers", rawThenReset("HTTP/1.1 200 OK\r\nContent-"), "connection-lost"],
    ["the far end half-closes without a word", rawThenEnd(""), "connection-lost"],
    ["the far end half-closes within the headers", rawThenEnd("HTTP/1.1 200 OK\r\nContent-Le"), "connection-lost"],
    ["the headers are endless", raw(`HTTP/1.1 200 OK\r\nx: ${"x".repeat(70_000)}\r\n`), "invalid-response"],
  ])("%s", async (_, step, code) => {
    const { outcome, requests } = await against(step);
    expect(outcome).toMatchObject({ kind: "ambiguous", code, attempts: 1 });
    expect(requests).toBe(1);
  });

  it.each<[string, Step]>([
    ["it never answers", hang()],
    ["its headers come slowly", raw("HTTP/1.1 200 OK\r\nContent-Type: appl")],
    ["its body comes slowly", raw(OK_HEAD + ACCEPTED_TWO.slice(0, 20))],
  ])("%s", async (_, step) => {
    const { outcome, requests } = await against(step, { timesOut: true });
    expect(outcome).toMatchObject({ kind: "ambiguous", code: "timeout", attempts: 1 });
    expect(requests).toBe(1);
  });
});

describe("a 200 that cannot be understood is ambiguous: it may have been accepted", () => {
  it.each<[string, Step, string, RegExp]>([
    ["reset within the body", rawThenReset(OK_HEAD + ACCEPTED_TWO.slice(0, 30)), "connection-lost", /./],
    ["half-closed within the body", rawThenEnd(OK_HEAD + ACCEPTED_TWO.slice(0, 30)), "connection-lost", /./],
    [
      "cut off at the end of the connection",
      rawThenEnd(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${ACCEPTED_TWO.slice(0, 30)}`),
      "invalid-response",
      /not JSON/,
    ],
    ["empty", answer(200, ""), "invalid-response", /empty/],
    [
      "HTML",
      answer(200, "<html><title>Log in</title></html>", { "content-type": "text/html" }),
      "invalid-response",
      /not JSON/,
    ],
    ["a JSON array", answer(200, "[]"), "invalid-response", /not an answer/],
    ["JSON of somebody else", json({ ok: true }), "invalid-response", /not an answer/],
    [
      "results for one recipient too few",
      json({ results: [{ message_id: "0:1" }] }),
      "invalid-response",
      /1 results for 2/,
    ],
    ["results that say nothing", json({ results: [{}, {}] }), "invalid-response", /neither/],
    ["results that are null", json({ results: [null, null] }), "invalid-response", /neither/],
    ["errors without a word", json({ results: [{ error: "" }, { error: " " }] }), "invalid-response", /neither/],
    ["counts, for tokens", json({ success: 2, failure: 0 }), "invalid-response", /not an answer/],
    ["201", answer(201, ACCEPTED_TWO), "unexpected-status", /201/],
    ["202", answer(202, ""), "unexpected-status", /202/],
    ["204", raw("HTTP/1.1 204 No Content\r\n\r\n"), "unexpected-status", /204/],
  ])("%s", async (_, step, code, detail) => {
    const { outcome, requests } = await against(step);
    expect(outcome).toMatchObject({ kind: "ambiguous", code, detail: expect.stringMatching(detail), attempts: 1 });
    expect(requests).toBe(1);
  });

  it("longer than the bound: it is cut off, and the connection with it", async () => {
    const { outcome } = await against(answer(200, `{"results":"${"x".repeat(5_000)}"}`), { maxResponseBytes: 1_000 });
    expect(outcome).toMatchObject({
      kind: "ambiguous",
      code: "invalid-response",
      detail: expect.stringMatching(/1000 bytes/),
    });
  });

  it("a good answer of the wrong content type counts all the same", async () => {
    const { outcomes } = await against(answer(200, ACCEPTED_TWO, { "content-type": "text/html" }));
    expect(outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
  });

  it("a good answer with a byte order mark before it counts all the same", async () => {
    const { outcomes } = await against(answer(200, `\ufeff${ACCEPTED_TWO}`));
    expect(outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
  });

  it("a good answer in chunks of one byte, multi-byte text cut apart, is read whole", async () => {
    const body = JSON.stringify({ results: [{ message_id: "0:✓" }, { error: "Ünknown😀" }] });
    const bytes = [...Buffer.from(body)].map((byte) => Buffer.from([byte]));
    const { outcomes } = await against(async (_, socket) => {
      socket.setNoDelay(true);
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      for (const byte of bytes) {
        socket.write("1\r\n");
        socket.write(byte);
        await new Promise<void>((resolve) => socket.write("\r\n", () => resolve()));
      }
      socket.write("0\r\n\r\n");
    });
    expect(outcomes).toMatchObject([{ messageId: "0:✓" }, { kind: "retryable", service: { error: "Ünknown😀" } }]);
  });
});

describe("a status other than 200 counts even where its body does not come whole", () => {
  it.each<[string, Step, object]>([
    [
      "400 in plain text",
      answer(400, 'Missing "registration_ids" field\n'),
      {
        kind: "rejected",
        code: "missing-registration",
        service: { status: 400, description: 'Missing "registration_ids" field' },
      },
    ],
    [
      "400 with an error word",
      answer(400, '{"error":"InvalidParameters"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    [
      "400 that names a dead token, but not which",
      answer(400, '{"error":"NotRegistered"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    [
      "401 in HTML",
      answer(401, "<HTML><HEAD><TITLE>Unauthorized</TITLE></HEAD><BODY>…</BODY></HTML>"),
      { kind: "rejected", code: "authentication-failed", service: { description: "Unauthorized" } },
    ],
    [
      "401 reset within its body",
      rawThenReset(`${head(401, { "content-length": "500" })}<html>`),
      { kind: "rejected", code: "authentication-failed" },
    ],
    ["403", answer(403, ""), { kind: "rejected", code: "permission-denied" }],
    [
      "404",
      answer(404, "nothing here"),
      { kind: "rejected", code: "endpoint-gone", detail: expect.stringMatching(/127\.0\.0\.1: check the endpoint/) },
    ],
    ["413", answer(413, ""), { kind: "rejected", code: "request-too-big" }],
    [
      "429",
      answer(429, "", { "retry-after": "30" }),
      { kind: "retryable", code: "quota-exceeded", retryAfterMs: 30_000 },
    ],
    ["500", answer(500, ""), { kind: "retryable", code: "internal-error" }],
    ["501", answer(501, ""), { kind: "retryable", code: "unavailable" }],
    [
      "503 with Retry-After in seconds",
      answer(503, "", { "retry-after": "120" }),
      { kind: "retryable", code: "unavailable", retryAfterMs: 120_000 },
    ],
    [
      "503 with Retry-After as a date",
      answer(503, "", { "retry-after": "Thu, 01 Jan 2026 00:00:10 GMT" }),
      { kind: "retryable", code: "unavailable", retryAfterMs: 10_000 },
    ],
    [
      "503 reset within its body",
      rawThenReset(`${head(503, { "content-length": "500", "retry-after": "3" })}so`),
      { kind: "retryable", code: "unavailable", retryAfterMs: 3_000 },
    ],
    ["599", answer(599, ""), { kind: "retryable", code: "unavailable" }],
    ["408, a request that did not come whole", answer(408, ""), { kind: "retryable", code: "timeout" }],
    [
      "a redirect, which is not followed",
      answer(302, "", { location: "http://127.0.0.1:1/" }),
      { kind: "rejected", code: "unexpected-status" },
    ],
  ])("%s", async (_, step, expected) => {
    const { outcome, requests } = await against(step);
    expect(outcome).toMatchObject({ ...expected, attempts: 1 });
    expect(requests).toBe(1);
  });

  it("an early hint before the answer is passed over", async () => {
    const { outcomes } = await against(raw(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${OK_HEAD}${ACCEPTED_TWO}`));
    expect(outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
  });

  const ECHO = "bad header Authorization: key=AIza-EXAMPLE-secret";
  it.each<[string, Step]>([
    ["an error page", answer(400, ECHO)],
    ["an error word of a 400", answer(400, JSON.stringify({ error: ECHO }))],
    ["a 200 that is not JSON", answer(200, ECHO)],
    ["the error of a whole 200", json({ error: ECHO })],
    ["the errors of results", json({ results: [{ error: ECHO }, { error: `${ECHO}${"x".repeat(100_000)}` }] })],
  ])("does not repeat the key that %s repeats, nor a long text", async (_, step) => {
    const { outcomes } = await against(step);
    expect(outcomes).toHaveLength(2);
    expect(JSON.stringify(outcomes)).not.toContain("secret");
    expect(JSON.stringify(outcomes)).toContain("bad header");
    expect(JSON.stringify(outcomes).length).toBeLessThan(3_000);
  });

  it("does not repeat the key that a plain-text error repeats", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { format: "plain-text" });
    server.script(answer(200, `Error=${ECHO}`));
    const { outcomes } = await transport.send(parseDownstreamMessage({ target: { token: "tok-a" } }));
    expect(outcomes).toMatchObject([{ kind: "retryable", service: { error: expect.stringContaining("bad header") } }]);
    expect(JSON.stringify(outcomes)).not.toContain("secret");
    await transport.close();
  });
});

describe("a request that never left is retryable, and that is a proof", () => {
  const expectNeverLeft = (outcomes: readonly RecipientOutcome[], code: string): void => {
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ kind: "retryable", code, attempts: 1 });
      expect(outcome).not.toHaveProperty("sentAt");
    }
  };

  it("the connection is refused", async () => {
    const server = await startFaultServer();
    await server.close();
    const { transport } = setup(server.origin);
    const { outcomes } = await transport.send(toTwo);
    expectNeverLeft(outcomes, "connection-failed");
    expect(outcomes[0]).toMatchObject({ detail: expect.stringMatching(/ECONNREFUSED/) });
    await transport.close();
  });

  it("the host has no address", async () => {
    const { transport } = setup("http://no-such-host.localhost.invalid", { allowInsecure: true, proxy: false });
    const { outcomes } = await transport.send(toTwo);
    expectNeverLeft(outcomes, "connection-failed");
    await transport.close();
  });

  it("time runs out while it waits for a connection", async () => {
    await using server = await startFaultServer();
    const { clock, transport } = setup(server.origin, { maxConnections: 1 });
    server.script(hang());
    const first = transport.send(toTwo);
    const second = transport.send(toTwo, { deadline: plusMs(clock.monotonic(), 100) });
    await server.arrived(1);
    await clock.advance(100);
    expectNeverLeft((await second).outcomes, "timeout");
    await clock.advance(TIMEOUT_MS);
    expect(common((await first).outcomes)).toMatchObject({ kind: "ambiguous", code: "timeout" });
    expect(server.requests).toHaveLength(1);
    await transport.close();
  });

  it("waiting for a connection does not count against the attempt", async () => {
    await using server = await startFaultServer();
    const { clock, transport } = setup(server.origin, { maxConnections: 1 });
    server.script(hang());
    const first = transport.send(toTwo);
    const second = transport.send(toTwo);
    await server.arrived(1);
    await clock.advance(TIMEOUT_MS);
    expect((await first).outcomes[0]).toMatchObject({ kind: "ambiguous", code: "timeout" });
    expect((await second).outcomes[0]).toMatchObject({ kind: "accepted" });
    await transport.close();
    expect(clock.scheduled).toBe(0);
  });

  it("the signal aborts while it waits; what is under way becomes ambiguous", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 1 });
    server.script(hang());
    const abort = new AbortController();
    const first = transport.send(toTwo, { signal: abort.signal });
    const second = transport.send(toTwo, { signal: abort.signal });
    await server.arrived(1);
    abort.abort();
    expect(common((await first).outcomes)).toMatchObject({ kind: "ambiguous", code: "aborted" });
    expectNeverLeft((await second).outcomes, "aborted");
    expectNeverLeft((await transport.send(toTwo, { signal: abort.signal })).outcomes, "aborted");
    // the connection that was given up is not used again
    expect((await transport.send(toTwo)).outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(server.requests).toHaveLength(2);
    await transport.close();
  });

  it.each([[{ signal: {} }], [{ signal: null }], [{ signal: "x" }], [null]])(
    "%j is refused as the options of a call, and leaves nothing behind",
    async (options) => {
      await using server = await startFaultServer();
      const { transport } = setup(server.origin);
      const refused = { code: "ERR_INVALID_OPTIONS", message: expect.stringMatching(/AbortSignal|an object/) };
      await expect(transport.send(toTwo, options as never)).rejects.toMatchObject(refused);
      await expect(transport.verifyCredentials(options as never)).rejects.toMatchObject(refused);
      await transport.close();
      expect(server.connections).toBe(0);
    },
  );

  it("one signal for a hundred sends carries one listener, and Node has nothing to warn of", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 10 });
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    server.otherwise = hang();
    const abort = new AbortController();
    const sends = Array.from({ length: 100 }, () => transport.send(toTwo, { signal: abort.signal }));
    await server.arrived(10);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    abort.abort();
    const reports = await Promise.all(sends);
    expect(reports.map(({ outcomes }) => outcomes[0]?.kind).sort()).toEqual([
      ...new Array(10).fill("ambiguous"),
      ...new Array(90).fill("retryable"),
    ]);
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
    await transport.close();
  });

  it.each([
    ["back", -7_200_000],
    ["forward", 7_200_000],
  ])("a clock that is set %s by hours moves no time limit", async (_, byMs) => {
    await using server = await startFaultServer();
    const clock = createManualClock();
    const { transport } = setup(server.origin, { clock, maxConnections: 1 });
    server.script(hang());
    let settled = 0;
    const count = () => settled++;
    const first = transport.send(toTwo);
    const second = transport.send(toTwo, { deadline: plusMs(clock.monotonic(), 100) });
    void first.then(count);
    void second.then(count);
    await server.arrived(1);
    clock.setWallClock(clock.now() + byMs);
    await clock.advance(99);
    expect(settled).toBe(0);
    await clock.advance(1);
    expectNeverLeft((await second).outcomes, "timeout");
    await clock.advance(TIMEOUT_MS - 101);
    expect(settled).toBe(1);
    await clock.advance(1);
    expect(common((await first).outcomes)).toMatchObject({ kind: "ambiguous", code: "timeout" });
    await transport.close();
  });

  it("a deadline that has passed already", async () => {
    await using server = await startFaultServer();
    const { clock, transport } = setup(server.origin);
    expectNeverLeft((await transport.send(toTwo, { deadline: clock.monotonic() })).outcomes, "timeout");
    await transport.close();
    expect(server.connections).toBe(0);
  });

  it("close() gives up what its time limit does not allow for", async () => {
    await using server = await startFaultServer();
    const { clock, transport } = setup(server.origin, { maxConnections: 1, closeTimeoutMs: 1_000 });
    server.otherwise = hang();
    const sends = [transport.send(toTwo), transport.send(toTwo)];
    await server.arrived(1);
    const closed = transport.close();
    await clock.advance(1_000);
    const [first, second] = await Promise.all(sends);
    expect(common(first?.outcomes ?? [])).toMatchObject({ kind: "ambiguous", code: "closed" });
    expectNeverLeft(second?.outcomes ?? [], "closed");
    await closed;
    await server.quiet();
    expect(server.requests).toHaveLength(1);
    expect(clock.scheduled).toBe(0);
  });

  it("close() hands none that waits to a connection that is free", async () => {
    await using server = await startFaultServer();
    const { clock, transport } = setup(server.origin, { maxConnections: 2, closeTimeoutMs: 1_000 });
    // two connections, and by what the service says only one request at a time from now on
    server.script(answer(503, ""), answer(503, ""));
    await Promise.all([transport.send(toTwo), transport.send(toTwo)]);
    server.otherwise = hang();
    const sends = Array.from({ length: 5 }, () => transport.send(toTwo));
    await server.arrived(3);
    expect(server.connections).toBe(2);
    const closed = transport.close();
    await clock.advance(1_000);
    const [first, ...others] = await Promise.all(sends);
    await closed;
    await server.quiet();
    expect(common(first?.outcomes ?? [])).toMatchObject({ kind: "ambiguous", code: "closed" });
    for (const { outcomes } of others) expectNeverLeft(outcomes, "closed");
    expect(server.requests).toHaveLength(3);
  });
});

describe("a far end that takes connections and drops them at once", () => {
  it.each<[string, (socket: Socket) => void]>([
    ["by a reset", (socket) => ("encrypted" in socket ? socket.destroy() : socket.resetAndDestroy())],
    ["in good order", (socket) => socket.end()],
  ])("%s gets the request at most once, and few connections", async (_, onConnection) => {
    const { ca, server: certificate } = await createTestCertificates();
    for (const tls of [undefined, certificate]) {
      await using server = await startFaultServer({ onConnection, ...(tls === undefined ? {} : { tls }) });
      const { transport } = setup(server.origin, { tls: { ca } });
      const { outcomes } = await transport.send(toTwo);
      expect(["retryable", "ambiguous"]).toContain(outcomes[0]?.kind);
      expect(server.connections).toBeLessThanOrEqual(2);
      await transport.close();
    }
  });
});

describe("kept connections", () => {
  it("are used again", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 1 });
    for (let n = 0; n < 5; n++) await transport.send(toTwo);
    expect(server.requests).toHaveLength(5);
    expect(server.connections).toBe(1);
    await transport.close();
  });

  it("that were closed between requests are replaced without a word", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 1 });
    for (let n = 1; n <= 3; n++) {
      server.script(rawThenEnd(OK_HEAD + ACCEPTED_TWO));
      expect((await transport.send(toTwo)).outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
      await server.quiet();
      expect(server.requests).toHaveLength(n);
    }
    expect(server.connections).toBe(3);
    await transport.close();
  });

  it("that break while requests wait fail only the one that was written", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 1 });
    server.script(acceptAll(), rawThenReset(""));
    const reports = await Promise.all(Array.from({ length: 20 }, () => transport.send(toTwo)));
    expect(reports.map(({ outcomes }) => outcomes[0]?.kind)).toEqual([
      "accepted",
      "ambiguous",
      ...new Array(18).fill("accepted"),
    ]);
    expect(server.requests).toHaveLength(20);
    await transport.close();
  });

  it("are fewer while the service says it is overloaded", async () => {
    await using server = await startFaultServer();
    const { transport } = setup(server.origin, { maxConnections: 8 });
    let underWay = 0;
    const most: number[] = [];
    const overloaded: Step = async (request, socket) => {
      most.push(++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      await answer(503, "")(request, socket);
    };
    server.otherwise = overloaded;
    await Promise.all(Array.from({ length: 8 }, () => transport.send(toTwo)));
    most.length = 0;
    await Promise.all(Array.from({ length: 8 }, () => transport.send(toTwo)));
    expect(Math.max(...most)).toBeLessThanOrEqual(4);
    await transport.close();
  });
});

describe("TLS", () => {
  it("with a private CA works once the CA is named, and is rejected at once otherwise, unwritten", async () => {
    const { ca, server: certificate } = await createTestCertificates();
    await using server = await startFaultServer({ tls: certificate });
    const trusting = setup(server.origin, { tls: { ca } });
    expect((await trusting.transport.send(toTwo)).outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
    await trusting.transport.close();
    const wary = setup(server.origin);
    const { outcomes } = await wary.transport.send(toTwo);
    expect(outcomes[0]).toMatchObject({
      kind: "rejected",
      code: "untrusted-certificate",
      detail: expect.stringMatching(/DEPTH_ZERO|SELF_SIGNED|UNABLE_TO.* tls\.ca/),
    });
    await wary.transport.close();
    expect(server.requests).toHaveLength(1);
  });

  it("of another host is refused", async () => {
    const { ca, server: certificate } = await createTestCertificates(["other.example"]);
    await using server = await startFaultServer({ tls: certificate });
    const { transport } = setup(server.origin, { tls: { ca } });
    const { outcomes } = await transport.send(toTwo);
    expect(outcomes[0]).toMatchObject({
      kind: "rejected",
      code: "untrusted-certificate",
      detail: expect.stringMatching(/ALTNAME/),
    });
    await transport.close();
    expect(server.requests).toHaveLength(0);
  });

  it("of another host is taken where the caller names that host", async () => {
    const { ca, server: certificate } = await createTestCertificates(["other.example"]);
    await using server = await startFaultServer({ tls: certificate });
    const { transport } = setup(server.origin, { tls: { ca, servername: "other.example" } });
    expect((await transport.send(toTwo)).outcomes[0]).toMatchObject({ kind: "accepted" });
    await transport.close();
  });

  it("shows a client certificate where it is asked for one", async () => {
    const { ca, server: certificate, client } = await createTestCertificates();
    await using server = await startFaultServer({ tls: { ...certificate, ca, requestCert: true } });
    const { transport } = setup(server.origin, { tls: { ca, ...client } });
    expect((await transport.send(toTwo)).outcomes[0]).toMatchObject({ kind: "accepted" });
    await transport.close();
    const without = setup(server.origin, { tls: { ca } });
    const { outcomes } = await without.transport.send(toTwo);
    expect(outcomes[0]?.kind).not.toBe("accepted");
    await without.transport.close();
    expect(server.requests).toHaveLength(1);
  });

  it("whose handshake never ends is given up in time, and its connection is gone after close()", async () => {
    await using server = await startFaultServer();
    // longer than undici itself waits for a connection
    const timeoutMs = 60_000;
    const { clock, transport } = setup(server.origin.replace("http:", "https:"), { requestTimeoutMs: timeoutMs });
    const sending = transport.send(toTwo);
    await server.connected(1);
    await clock.advance(timeoutMs);
    expect(common((await sending).outcomes)).toMatchObject({ kind: "retryable", code: "timeout" });
    await transport.close();
    // round trips of another: the end of that connection would have come before they were over
    const other = setup(server.origin, { maxConnections: 1 });
    for (let n = 0; n < 3; n++) await other.transport.send(toTwo);
    expect(server.open).toBe(1);
    await other.transport.close();
  });

  it("that is no TLS at all is rejected at once", async () => {
    await using server = await startFaultServer({
      onConnection: (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"),
    });
    const { transport } = setup(server.origin.replace("http:", "https:"));
    const { outcomes } = await transport.send(toTwo);
    expect(outcomes[0]).toMatchObject({ kind: "rejected", code: "wrong-protocol" });
    await transport.close();
  });
});

describe("a proxy", () => {
  /** Takes CONNECT and does with it what `onConnect` says. */
  async function startProxy(
    onConnect: (target: string, socket: Socket) => void,
    tls?: { readonly cert: string; readonly key: string },
  ) {
    const targets: string[] = [];
    const sockets = new Set<Socket>();
    const accept = (socket: Socket): void => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
      socket.once("data", (chunk) => {
        const target = /^CONNECT (\S+)/.exec(chunk.toString())?.[1] ?? "";
        targets.push(target);
        onConnect(target, socket);
      });
    };
    const server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    return {
      url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
      targets,
      [Symbol.asyncDispose]: () =>
        new Promise<void>((resolve) => {
          for (const socket of sockets) socket.destroy();
          server.close(() => resolve());
        }),
    };
  }
  const tunnel = (port: number) => async (_: string, socket: Socket) => {
    const { connect } = await import("node:net");
    const far = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(far).pipe(socket);
    });
    far.on("error", () => socket.destroy());
    socket.on("close", () => far.destroy());
  };

  it("carries requests when it is named, TLS verified end to end", async () => {
    const { ca, server: certificate } = await createTestCertificates();
    await using server = await startFaultServer({ tls: certificate });
    await using proxy = await startProxy(tunnel(server.port));
    const { transport } = setup(server.origin, { tls: { ca }, proxy: proxy.url });
    expect((await transport.send(toTwo)).outcomes).toMatchObject([{ kind: "accepted" }, { kind: "accepted" }]);
    expect(proxy.targets).toEqual([`127.0.0.1:${server.port}`]);
    await transport.close();
  });

  it.each([
    ["its own host", ["127.0.0.1"], "accepted"],
    ["the host of the service only", ["localhost", "client.example"], "rejected"],
  ])("reached over TLS is verified by its own host name: with a certificate for %s", async (_, names, kind) => {
    const { ca, server: ofProxy, client: ofService } = await createTestCertificates(names);
    await using server = await startFaultServer({ tls: ofService });
    await using proxy = await startProxy(tunnel(server.port), ofProxy);
    const tls = { ca, servername: "client.example" };
    const { transport } = setup(`https://localhost:${server.port}`, { tls, proxy: proxy.url });
    expect((await transport.send(toTwo)).outcomes).toMatchObject([{ kind }, { kind }]);
    await transport.close();
  });

  it.each<[string, (target: string, socket: Socket) => void]>([
    ["refuses", (_, socket) => socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")],
    [
      "wants a password",
      (_, socket) => socket.end("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n"),
    ],
    ["hangs up", (_, socket) => socket.end()],
    ["resets", (_, socket) => socket.resetAndDestroy()],
  ])("that %s fails the connection, and is not asked over and over", async (_, onConnect) => {
    await using server = await startFaultServer();
    await using proxy = await startProxy(onConnect);
    const { transport } = setup(server.origin, { proxy: proxy.url });
    const { outcomes } = await transport.send(toTwo);
    expect(common(outcomes)).toMatchObject({ kind: "retryable", code: "connection-failed" });
    expect(proxy.targets).toHaveLength(1);
    expect(server.requests).toHaveLength(0);
    await transport.close();
  });
});

describe("what a caller could smuggle in", () => {
  it.each<[string, DownstreamMessageInput]>([
    ["a token", { target: { token: "tok\r\nX-Injected: 1" } }],
    ["a topic", { target: { topic: "news\r\nX-Injected: 1" } }],
    ["a topic with a path in it", { target: { topic: "../../v1" } }],
    ["a notification key", { target: { notificationKey: "key\n" } }],
  ])("%s is refused before anything is sent", (_, input) => {
    expect(() => parseDownstreamMessage(input)).toThrow(/not valid/);
  });
});
