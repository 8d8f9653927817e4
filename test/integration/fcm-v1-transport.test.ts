import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import { constants } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { inspect } from "node:util";
import {
  type CloudMessagingEvents,
  createManualClock,
  createMemoryRegistrationStore,
  InvalidOptionsError,
  type ManualClock,
  type RecipientOutcome,
  type RegistrationChange,
  subscribe,
} from "@cloud-messaging/core";
import { parseDownstreamMessage, plusMs } from "@cloud-messaging/core/transport";
import {
  createFcmSender,
  createFcmV1Transport,
  type FcmNotice,
  type FcmSenderOptions,
  type FcmV1TransportOptions,
} from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { acceptV1, byToken, startV1Server, type V1Server, type V1Step, v1Error } from "../support/fcm-v1-server.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const aToken = async (): Promise<string> => "ya29.t";
const FID = "cTEST0123456789abcdefg";
const toOne = parseDownstreamMessage({ target: { token: "tok-a" }, data: { n: "1" } });
const tokens = (count: number): string[] => Array.from({ length: count }, (_, i) => `tok-${i}`);
const toMany = (count: number) => parseDownstreamMessage({ target: { tokens: tokens(count) }, data: { n: "1" } });

async function aServer(): Promise<V1Server> {
  const server = await startV1Server();
  cleanups.push(() => server.close());
  return server;
}

/** Numbered access tokens, and how many were fetched. */
function aCredential() {
  const credential = async (): Promise<string> => `ya29.${++fetched.count}`;
  const fetched = { count: 0 };
  return { credential, fetched };
}

function optionsFor(server: V1Server, httpVersion: "1.1" | "2", clock: ManualClock): FcmV1TransportOptions {
  return { endpoint: server.origin, tls: { ca: server.ca }, projectId: "demo", httpVersion, clock, quota: false };
}

function aTransport(server: V1Server, httpVersion: "1.1" | "2", more: Partial<FcmV1TransportOptions> = {}) {
  const clock = createManualClock();
  const { credential, fetched } = aCredential();
  const transport = createFcmV1Transport({ ...optionsFor(server, httpVersion, clock), credential, ...more });
  cleanups.push(() => closeWith(transport, clock));
  return { transport, clock, fetched };
}

function aSender(server: V1Server, httpVersion: "1.1" | "2", more: Partial<FcmSenderOptions> = {}) {
  const clock = createManualClock();
  const { credential, fetched } = aCredential();
  const registrations = createMemoryRegistrationStore({ clock });
  const changes: RegistrationChange[] = [];
  registrations.onChange((change) => changes.push(change));
  const sender = createFcmSender({
    ...optionsFor(server, httpVersion, clock),
    clock,
    credential,
    registrations,
    random: () => 0,
    ...more,
  });
  cleanups.push(() => closeWith(sender, clock));
  return { sender, clock, fetched, registrations, changes };
}

/** Closes at once: time is not what these tests wait for. */
async function closeWith(closable: { close(): Promise<void> }, clock: ManualClock): Promise<void> {
  const closed = closable.close();
  for (let i = 0; i < 4; i++) await clock.advance(60_000);
  await closed;
}

const kinds = (outcomes: readonly RecipientOutcome[]): string[] =>
  outcomes.map((outcome) => ("code" in outcome ? `${outcome.kind} ${outcome.code}` : outcome.kind));

describe.each(["2", "1.1"] as const)("FCM v1 over HTTP/%s", (httpVersion) => {
  it("sends one request per recipient, and reports by position", async () => {
    const server = await aServer();
    server.otherwise = byToken({ "tok-1": v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" }) });
    const { transport } = aTransport(server, httpVersion);
    const { outcomes } = await transport.send(toMany(3));
    expect(kinds(outcomes)).toEqual(["accepted", "unregistered not-registered", "accepted"]);
    expect(outcomes.map(({ recipient }) => recipient)).toEqual(["tok-0", "tok-1", "tok-2"]);
    expect(outcomes[0]).toMatchObject({ messageId: "projects/demo/messages/0:tok-0", attempts: 1 });
    expect(server.requests.map((request) => request.httpVersion)).toEqual(
      Array(3).fill(`${Number(httpVersion).toFixed(1)}`),
    );
    expect(server.requests[0]).toMatchObject({
      path: "/v1/projects/demo/messages:send",
      authorization: "Bearer ya29.1",
    });
  });

  it("carries thousands over few connections", async () => {
    const server = await aServer();
    const { transport } = aTransport(server, httpVersion, { maxRequests: 100, maxConnections: 4 });
    const { outcomes } = await transport.send(toMany(2_000));
    expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(new Set(server.requests.map(({ body }) => body)).size).toBe(2_000);
    expect(server.connections).toBeLessThanOrEqual(4);
  });

  it("streams any number of tokens with no more requests under way than it may have", async () => {
    const server = await aServer();
    let underWay = 0;
    let most = 0;
    server.otherwise = (exchange) => {
      underWay++;
      most = Math.max(most, underWay);
      setImmediate(() => {
        underWay--;
        acceptV1(exchange);
      });
    };
    const { sender } = aSender(server, httpVersion, { maxRequests: 25 });
    function* tokens(): Generator<string> {
      for (let i = 0; i < 3_000; i++) yield `tok-${i}`;
    }
    const positions = new Set<number>();
    for await (const outcome of sender.sendAll({ data: { n: "1" } }, tokens())) {
      expect(outcome.kind).toBe("accepted");
      positions.add(outcome.position);
    }
    expect(positions.size).toBe(3_000);
    expect(most).toBeLessThanOrEqual(25);
    expect(most).toBeGreaterThan(5);
  });

  it("streams on past those that wait for a second attempt", async () => {
    const server = await aServer();
    const failed = new Set<string>();
    server.otherwise = (exchange) => {
      const { body } = exchange.request;
      if (!/"tok-\d*00"/.test(body) || failed.has(body)) return acceptV1(exchange);
      failed.add(body);
      v1Error(500, "INTERNAL", { errorCode: "INTERNAL" })(exchange);
    };
    // 52 batches of ten may be under way, and 20 of them wait: the default's 256 TLS handshakes at once take longer than a connection may
    const { sender, clock } = aSender(server, httpVersion, { maxRequests: 32 });
    const tokens = Array.from({ length: 2_000 }, (_, i) => `tok-${i + 1}`);
    let settled = 0;
    let over = false;
    const reading = (async () => {
      for await (const { kind } of sender.sendAll({ data: { n: "1" } }, tokens)) if (kind === "accepted") settled++;
      over = true;
    })();
    // the clock stands still: nobody has been sent to twice, and everybody once
    await server.arrived(2_000);
    while (!over) await clock.advance(1_000);
    await reading;
    expect(settled).toBe(2_000);
    expect(server.requests).toHaveLength(2_020);
  });

  it("sends to topics, conditions, groups and installation IDs", async () => {
    const server = await aServer();
    const { sender } = aSender(server, httpVersion);
    const targets = [
      { topic: "/topics/news" },
      { condition: "'a' in topics" },
      { notificationKey: "APA91-key" },
      { fid: FID },
    ];
    for (const target of targets) {
      const { outcomes } = await sender.send({ target });
      expect(kinds(outcomes)).toEqual(["accepted"]);
    }
    const sent = server.requests.map(({ body }) => (JSON.parse(body) as { message: object }).message);
    expect(sent).toMatchObject([
      { topic: "news" },
      { condition: "'a' in topics" },
      { token: "APA91-key" },
      { fid: FID },
    ]);
  });

  describe("the access token", () => {
    it("that expires in mid-batch is replaced once, and every message arrives", async () => {
      const server = await aServer();
      let accepted = 0;
      server.otherwise = (exchange) => {
        if (exchange.request.authorization === "Bearer ya29.1" && ++accepted > 20) {
          v1Error(401, "UNAUTHENTICATED")(exchange);
        } else acceptV1(exchange);
      };
      const { transport, fetched } = aTransport(server, httpVersion, { maxRequests: 10 });
      const { outcomes } = await transport.send(toMany(100));
      expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
      expect(fetched.count).toBe(2);
    });

    it("that is refused, and its replacement too, ends as rejected, and nothing is removed", async () => {
      const server = await aServer();
      server.otherwise = v1Error(401, "UNAUTHENTICATED");
      const { sender, changes, fetched, clock } = aSender(server, httpVersion);
      const { outcomes } = await sender.send({ target: { token: "tok-a" } });
      expect(kinds(outcomes)).toEqual(["rejected authentication-failed"]);
      expect(server.requests).toHaveLength(2);
      // while a new one would be no better, nobody waits for one
      expect(kinds((await sender.send({ target: { token: "tok-a" } })).outcomes)).toEqual([
        "rejected authentication-failed",
      ]);
      expect([server.requests.length, fetched.count]).toEqual([3, 2]);
      await clock.advance(10_000);
      expect(kinds((await sender.send({ target: { token: "tok-a" } })).outcomes)).toEqual([
        "rejected authentication-failed",
      ]);
      expect([server.requests.length, fetched.count]).toEqual([5, 3]);
      expect(changes).toEqual([]);
    });

    it("that is refused for good ends the whole of a big send as rejected, in one pass", async () => {
      const server = await aServer();
      server.otherwise = v1Error(401, "UNAUTHENTICATED");
      const { sender, fetched, clock } = aSender(server, httpVersion, { maxRequests: 32 });
      const tokens = Array.from({ length: 1_000 }, (_, i) => `tok-${i}`);
      const startedAt = clock.now();
      const { outcomes } = await sender.send({ target: { tokens } });
      expect(new Set(kinds(outcomes))).toEqual(new Set(["rejected authentication-failed"]));
      expect(fetched.count).toBe(2);
      expect(clock.now()).toBe(startedAt);
    });

    it("that expires twice within seconds costs no message: it is sent again once there may be a new token", async () => {
      const server = await aServer();
      const good = new Set(["Bearer ya29.1"]);
      server.otherwise = (exchange) =>
        (good.has(exchange.request.authorization) ? acceptV1 : v1Error(401, "UNAUTHENTICATED"))(exchange);
      const { transport, clock } = aTransport(server, httpVersion);
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
      for (const now of ["Bearer ya29.2", "Bearer ya29.3"]) {
        good.clear();
        good.add(now);
        const { outcomes } = await transport.send(toOne);
        if (now.endsWith("2")) expect(kinds(outcomes)).toEqual(["accepted"]);
        else expect(outcomes).toMatchObject([{ kind: "retryable", code: "unavailable", retryAfterMs: 10_000 }]);
      }
      await clock.advance(10_000);
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    });

    it("is not what is replaced when APNs credentials are bad", async () => {
      const server = await aServer();
      server.otherwise = v1Error(401, "UNAUTHENTICATED", { errorCode: "THIRD_PARTY_AUTH_ERROR" });
      const { transport, fetched } = aTransport(server, httpVersion);
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["rejected invalid-apns-credential"]);
      expect(server.requests).toHaveLength(1);
      expect(fetched.count).toBe(1);
    });

    it("appears in no outcome, event or inspection, and nor does a key", async () => {
      const server = await aServer();
      const seen: unknown[] = [];
      const stops = (["cloud-messaging:http-request", "cloud-messaging:notice", "cloud-messaging:send"] as const).map(
        (name) => subscribe(name, (event) => seen.push(event)),
      );
      // a proxy's error page that repeats the request, and an answer that does
      server.script(({ answer, request }) => answer(502, `<html>${request.authorization}</html>`));
      server.script((exchange) =>
        v1Error(401, "UNAUTHENTICATED", { message: exchange.request.authorization })(exchange),
      );
      server.otherwise = (exchange) =>
        v1Error(403, exchange.request.authorization, { message: exchange.request.authorization })(exchange);
      const { sender } = aSender(server, httpVersion, { retry: false });
      for (let i = 0; i < 3; i++) seen.push(await sender.send({ target: { token: "tok-a" } }));
      seen.push(sender);
      for (const stop of stops) stop();
      expect(seen.length).toBeGreaterThan(6);
      expect(inspect(seen, { depth: 20, showHidden: true })).not.toContain("ya29");
    });
  });

  describe("a fault", () => {
    it.each<[string, V1Step, string]>([
      ["reset before the answer", ({ reset }) => reset(), "ambiguous connection-lost"],
      ["connection cut before the answer", ({ cut }) => cut(), "ambiguous connection-lost"],
      ["a 200 that is cut off", ({ truncate }) => truncate(200, '{"name":'), "ambiguous connection-lost"],
      ["a 200 that is a page", ({ answer }) => answer(200, "<html>"), "ambiguous invalid-response"],
      ["an empty 200", ({ answer }) => answer(200, ""), "ambiguous invalid-response"],
      ["a 200 that is too long", ({ answer }) => answer(200, " ".repeat(70_000)), "ambiguous invalid-response"],
      ["a 503 that is cut off", ({ truncate }) => truncate(503, "{"), "retryable unavailable"],
      [
        "a redirect",
        ({ answer }) => answer(302, "", { location: "https://example.com/" }),
        "rejected unexpected-status",
      ],
      ["502 of a proxy", ({ answer }) => answer(502, "<html>Bad Gateway</html>"), "retryable unavailable"],
      ["413", ({ answer }) => answer(413, "<html>"), "rejected request-too-big"],
      ["a bare 404", ({ answer }) => answer(404, "<html>"), "rejected endpoint-gone"],
    ])("%s: the message is written once, and settles as what is known", async (_name, step, expected) => {
      const server = await aServer();
      server.otherwise = step;
      const { transport } = aTransport(server, httpVersion);
      const { outcomes } = await transport.send(toOne);
      expect(kinds(outcomes)).toEqual([expected]);
      expect(server.requests).toHaveLength(1);
    });

    it("no answer: ambiguous when the attempt's time is up, or the caller gives up", async () => {
      const server = await aServer();
      server.otherwise = byToken({ "tok-a": () => {} });
      const { transport, clock } = aTransport(server, httpVersion);
      const late = transport.send(toOne);
      await server.arrived(1);
      for (let i = 0; i < 2; i++) {
        await clock.advance(5_000);
        // the answer to a ping comes before the answer to this: the connection is alive, only this message is not answered
        await transport.send(toMany(1));
      }
      await clock.advance(5_000);
      expect(kinds((await late).outcomes)).toEqual(["ambiguous timeout"]);
      const abort = new AbortController();
      const aborted = transport.send(toOne, { signal: abort.signal });
      await server.arrived(4);
      abort.abort();
      expect(kinds((await aborted).outcomes)).toEqual(["ambiguous aborted"]);
      expect(kinds((await transport.send(toOne, { signal: abort.signal })).outcomes)).toEqual(["retryable aborted"]);
      expect(server.requests).toHaveLength(4);
    });

    it("nobody listens: retryable; a certificate that nobody vouches for: rejected", async () => {
      const server = await aServer();
      const { transport: distrustful } = aTransport(server, httpVersion, { tls: {} });
      const { outcomes } = await distrustful.send(toOne);
      expect(kinds(outcomes)).toEqual(["rejected untrusted-certificate"]);
      expect(JSON.stringify(outcomes)).toContain("certificate");
      await server.close();
      const { transport } = aTransport(server, httpVersion);
      expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["retryable connection-failed"]);
    });
  });

  it("adds one listener to a signal, however many messages it is for", async () => {
    const server = await aServer();
    server.otherwise = () => {};
    const { transport } = aTransport(server, httpVersion, { maxRequests: 20, quota: { perMinute: 1_200 } });
    const abort = new AbortController();
    const report = transport.send(toMany(40), { signal: abort.signal });
    await server.arrived(10);
    expect(getEventListeners(abort.signal, "abort")).toHaveLength(1);
    abort.abort();
    expect(new Set(kinds((await report).outcomes))).toEqual(new Set(["ambiguous aborted", "retryable aborted"]));
  });

  describe("with retries", () => {
    it.each([
      [
        "429 without Retry-After: a minute at least",
        v1Error(429, "RESOURCE_EXHAUSTED", { errorCode: "QUOTA_EXCEEDED" }),
        60_000,
      ],
      ["429 with Retry-After: that", v1Error(429, "RESOURCE_EXHAUSTED", { headers: { "retry-after": "17" } }), 17_000],
      ["503: ten seconds at least", v1Error(503, "UNAVAILABLE", { errorCode: "UNAVAILABLE" }), 10_000],
      ["503 with Retry-After: that", v1Error(503, "UNAVAILABLE", { headers: { "retry-after": "31" } }), 31_000],
      ["500: ten seconds at least", v1Error(500, "INTERNAL", { errorCode: "INTERNAL" }), 10_000],
    ])("%s", async (_name, step, delayMs) => {
      const server = await aServer();
      const delays: number[] = [];
      const stop = subscribe("cloud-messaging:retry", (event) => delays.push(event.delayMs));
      server.script(step);
      const { sender, clock } = aSender(server, httpVersion);
      const report = sender.send({ target: { token: "tok-a" } });
      while (delays.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(delayMs - 1);
      expect(server.requests).toHaveLength(1);
      await clock.advance(1);
      expect((await report).outcomes).toMatchObject([{ kind: "accepted", attempts: 2 }]);
      stop();
      expect(delays).toEqual([delayMs]);
    });

    it("sends again to those who want it, and to nobody else", async () => {
      const server = await aServer();
      const retries: CloudMessagingEvents["cloud-messaging:retry"][] = [];
      const stop = subscribe("cloud-messaging:retry", (event) => retries.push(event));
      const once = new Set<string>();
      server.otherwise = byToken({
        "tok-1": (exchange) => {
          if (once.has("tok-1")) return acceptV1(exchange);
          once.add("tok-1");
          v1Error(503, "UNAVAILABLE")(exchange);
        },
        "tok-2": v1Error(400, "INVALID_ARGUMENT", { message: "Invalid value at 'message.data'" }),
        "tok-3": v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" }),
      });
      const { sender, clock } = aSender(server, httpVersion);
      const report = sender.send({ target: { tokens: tokens(4) } });
      while (retries.length === 0) await new Promise((resolve) => setImmediate(resolve));
      await clock.advance(10_000);
      expect(kinds((await report).outcomes)).toEqual([
        "accepted",
        "accepted",
        "rejected invalid-argument",
        "unregistered not-registered",
      ]);
      stop();
      expect(server.requests).toHaveLength(5);
      expect(retries).toMatchObject([{ recipients: 1, attempt: 2 }]);
    });
  });

  it("removes a registration on proof only", async () => {
    const server = await aServer();
    const bad = "The registration token is not a valid FCM registration token";
    const apns410 = {
      "@type": "type.googleapis.com/google.firebase.fcm.v1.ApnsError",
      statusCode: 410,
      reason: "Unregistered",
    };
    server.otherwise = byToken({
      gone: v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" }),
      "bad-token": v1Error(400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT", message: bad }),
      "apns-gone": v1Error(400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT", details: [apns410] }),
      "bare-404": ({ answer }) => answer(404, ""),
      "bad-field": v1Error(400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT" }),
      "other-sender": v1Error(403, "PERMISSION_DENIED", { errorCode: "SENDER_ID_MISMATCH" }),
    });
    const { sender, registrations, changes } = aSender(server, httpVersion);
    for (const token of ["gone", "bad-token", "apns-gone", "bare-404", "bad-field", "other-sender", "fine"]) {
      registrations.register("ann", token);
    }
    await sender.sendToUser("ann", { data: { n: "1" } });
    expect(registrations.registrationsOf("ann").map(({ token }) => token)).toEqual([
      "bare-404",
      "bad-field",
      "other-sender",
      "fine",
    ]);
    const seen = changes.map((change) => [change.type, change.token]);
    expect(seen).toEqual([
      ["removed", "gone"],
      ["removed", "bad-token"],
      ["removed", "apns-gone"],
      ["suspect", "other-sender"],
    ]);
  });

  it("uses the installation ID, once the app has reported it, in the place of its token", async () => {
    const server = await aServer();
    const { sender, registrations } = aSender(server, httpVersion);
    const token = `${FID}:APA91bOld`;
    registrations.register("ann", token);
    await sender.sendToUser("ann", {});
    registrations.register("ann", FID);
    await sender.sendToUser("ann", {});
    const { outcomes } = await sender.send({ target: { token } });
    expect(outcomes).toMatchObject([{ kind: "accepted", recipient: token, sentTo: FID, canonicalRegistrationId: FID }]);
    const sent = server.requests.map(
      ({ body }) => (JSON.parse(body) as { message: { token?: string; fid?: string } }).message,
    );
    expect(sent.map(({ token, fid }) => ({ token, fid }))).toEqual([
      { token, fid: undefined },
      { token: undefined, fid: FID },
      { token: undefined, fid: FID },
    ]);
  });

  it("closes: lets what is under way settle, ends it when its time is up, refuses the rest", async () => {
    const server = await aServer();
    server.otherwise = byToken({ stuck: () => {} });
    const { transport, clock } = aTransport(server, httpVersion, { closeTimeoutMs: 3_000 });
    const message = parseDownstreamMessage({ target: { tokens: ["quick", "stuck"] } });
    const report = transport.send(message);
    await server.arrived(2);
    const closing = transport.close();
    expect(transport.close()).toBe(closing);
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["retryable closed"]);
    for (let i = 0; i < 3; i++) await clock.advance(1_500);
    expect(kinds((await report).outcomes)).toEqual(["accepted", "ambiguous closed"]);
    await closing;
    expect(clock.scheduled).toBe(0);
  });
});

describe("FCM v1 over HTTP/2: what the server provably has not processed goes elsewhere at once", () => {
  it("after GOAWAY with streams in flight, and nothing arrives twice that was taken", async () => {
    const server = await aServer();
    const held: Parameters<V1Step>[0][] = [];
    server.otherwise = (exchange) => {
      held.push(exchange);
      if (held.length !== 20) return;
      server.otherwise = acceptV1;
      const last = held[9]?.streamId ?? 0;
      exchange.goaway(last);
      for (const each of held) if ((each.streamId ?? 0) <= last) acceptV1(each);
    };
    const { transport } = aTransport(server, "2");
    const { outcomes } = await transport.send(toMany(20));
    expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(server.requests).toHaveLength(30);
    const bodies = server.requests.map(({ body }) => body);
    const ignored = bodies.slice(10, 20);
    expect(bodies.slice(20).sort()).toEqual(ignored.sort());
  });

  it("when streams are refused", async () => {
    const server = await aServer();
    server.script(...Array(5).fill(({ reset }: Parameters<V1Step>[0]) => reset(constants.NGHTTP2_REFUSED_STREAM)));
    const { transport } = aTransport(server, "2");
    const { outcomes } = await transport.send(toMany(10));
    expect(outcomes.every(({ kind, attempts }) => kind === "accepted" && attempts === 1)).toBe(true);
    expect(server.requests).toHaveLength(15);
  });
});

describe("FCM v1: options and notices", () => {
  it.each([
    [{ credential: 7 }, "credential"],
    [{ credential: { client_email: "a@b" } }, "credential.private_key"],
    [{ credential: { client_email: "a@b", private_key: "no key" } }, "credential.private_key"],
    [{ credential: aToken }, "projectId"],
    [{ credential: aToken, projectId: "a/b" }, "projectId"],
    [{ credential: aToken, projectId: "demo", endpoint: "http://example.com" }, "endpoint"],
    [{ credential: aToken, projectId: "demo", httpVersion: "3" }, "httpVersion"],
    [{ credential: aToken, projectId: "demo", quota: { perMinute: 0 } }, "quota.perMinute"],
    [{ credential: aToken, projectId: "demo", requestTimeoutMs: "1" }, "requestTimeoutMs"],
    [{ credential: aToken, projectId: "demo", apiKey: "AIza" }, "apiKey"],
  ])("%o is refused, and %s named", (options, path) => {
    let problems: readonly { path: string }[] = [];
    try {
      createFcmV1Transport(options as FcmV1TransportOptions);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidOptionsError);
      problems = (error as InvalidOptionsError).problems;
    }
    expect(problems.map((problem) => problem.path)).toEqual([path]);
  });

  it("tells once of each field that v1 has no word for, and sends the message", async () => {
    const server = await aServer();
    const notices: FcmNotice[] = [];
    const published: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ detail }) => published.push(detail));
    const { sender } = aSender(server, "2", { onNotice: (notice) => notices.push(notice) });
    const message = {
      target: { token: "tok-a" },
      delayWhileIdle: true,
      deliveryReceiptRequested: true,
      messageId: "m",
    };
    for (let i = 0; i < 3; i++) expect(kinds((await sender.send(message)).outcomes)).toEqual(["accepted"]);
    stop();
    expect(notices.map(({ field }) => field)).toEqual(["delayWhileIdle", "deliveryReceiptRequested", "messageId"]);
    expect(published).toHaveLength(3);
  });

  it("sends the message whatever the listener throws, and tells of that", async () => {
    const server = await aServer();
    const published: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => published.push(`${notice}: ${detail}`));
    const { transport } = aTransport(server, "1.1", {
      onNotice: () => {
        throw new RangeError("SECRET");
      },
    });
    const message = parseDownstreamMessage({ target: { token: "tok-a" }, delayWhileIdle: true });
    expect(kinds((await transport.send(message)).outcomes)).toEqual(["accepted"]);
    stop();
    expect(published).toContain("notice-listener-failed: RangeError");
    expect(published.join()).not.toContain("SECRET");
  });

  it("ends what waits for quota when it closes, as not sent", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server, "1.1", { quota: { perMinute: 60 } });
    const report = transport.send(toMany(5));
    await server.arrived(1);
    await transport.close();
    expect(kinds((await report).outcomes)).toEqual(["accepted", ...Array(4).fill("retryable closed")]);
    expect(server.requests).toHaveLength(1);
    expect(clock.scheduled).toBe(0);
  });

  it("speaks HTTP/1.1 where it is told nothing, and HTTP/2 where it is told to", async () => {
    const server = await aServer();
    for (const httpVersion of [undefined, "2"] as const) {
      await using transport = createFcmV1Transport({
        endpoint: server.origin,
        tls: { ca: server.ca },
        projectId: "demo",
        credential: aToken,
        ...(httpVersion === undefined ? {} : { httpVersion }),
      });
      await transport.send(toOne);
    }
    expect(server.requests.map(({ httpVersion }) => httpVersion)).toEqual(["1.1", "2.0"]);
  });

  it("keeps an unused connection no longer than it is told to, whatever longer time the server names", async () => {
    const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
      request.resume().on("end", () => response.end('{"name":"projects/demo/messages/1"}'));
    });
    const gone = new Promise((resolve) => server.on("connection", (socket) => socket.on("close", resolve)));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    await using transport = createFcmV1Transport({
      endpoint: `http://127.0.0.1:${port}`,
      projectId: "demo",
      credential: aToken,
      idleTimeoutMs: 10,
    });
    expect(kinds((await transport.send(toOne)).outcomes)).toEqual(["accepted"]);
    await gone;
  });

  it("warns on process where nobody listens to notices", async () => {
    const server = await aServer();
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    const { sender } = aSender(server, "2");
    await sender.send({ target: { token: "tok-a" }, delayWhileIdle: true });
    expect(await warned).toMatchObject({ name: "CloudMessagingWarning", code: "CLOUD_MESSAGING_NO_V1_EQUIVALENT" });
  });

  it("lets a message live as long as it may from when it is sent, and not from when it began to wait for quota", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server, "2", { quota: { perMinute: 60 } });
    const startedAt = clock.now() / 1000;
    const report = transport.send({ ...toMany(60), timeToLiveSec: 30 });
    // the first is written when its connection is open
    await server.arrived(1);
    while (server.requests.length < 60) await clock.advance(1_000);
    expect((await report).outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    const expirations = server.requests.map(({ body }) => {
      const { message } = JSON.parse(body) as { message: { apns: { headers: Record<string, string> } } };
      return Number(message.apns.headers["apns-expiration"]) - startedAt;
    });
    expect(expirations[0]).toBe(30);
    expect(expirations.at(-1)).toBeGreaterThan(85);
  });

  it("keeps to the quota, and says what waited too long as not sent", async () => {
    const server = await aServer();
    const { transport, clock } = aTransport(server, "2", { quota: { perMinute: 60 } });
    const report = transport.send(toMany(4), { deadline: plusMs(clock.monotonic(), 2_500) });
    await server.arrived(1);
    await clock.advance(1_100);
    await server.arrived(2);
    await clock.advance(1_100);
    await server.arrived(3);
    await clock.advance(1_100);
    const { outcomes } = await report;
    expect(kinds(outcomes)).toEqual(["accepted", "accepted", "accepted", "retryable timeout"]);
    expect(server.requests).toHaveLength(3);
  });
});

describe("FCM v1 over HTTP/2, to a server that does not speak it", () => {
  it.each([
    ["says so", { ALPNProtocols: ["http/1.1"] }],
    ["ignores what it is offered", {}],
  ])("and %s: nothing was sent, and it is told what to change", async (_name, protocols) => {
    const { ca, server: pair } = await createTestCertificates();
    const server = createTlsServer({ ...pair, ...protocols }, (socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    server.on("tlsClientError", () => {});
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    await using transport = createFcmV1Transport({
      endpoint: `https://127.0.0.1:${port}`,
      tls: { ca },
      projectId: "demo",
      credential: aToken,
      httpVersion: "2",
    });
    const { outcomes } = await transport.send(toOne);
    expect(kinds(outcomes)).toEqual(["rejected wrong-protocol"]);
    expect(outcomes[0]).toMatchObject({
      detail: expect.stringContaining('127.0.0.1 does not speak HTTP/2: set httpVersion: "1.1"'),
    });
  });
});
