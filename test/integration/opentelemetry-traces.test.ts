import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryOutboxEngine, createOutbox } from "@cloud-messaging/core/transport";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createGateway, hashKey } from "@cloud-messaging/gateway";
import { createFcmSender, createFcmV1Transport, createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { setUpOpenTelemetry, type TestSpan } from "../support/opentelemetry.ts";

let telemetry: Awaited<ReturnType<typeof setUpOpenTelemetry>>;
let emulator: Emulator;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  telemetry = await setUpOpenTelemetry();
});
beforeEach(async () => {
  emulator = await startEmulator();
  cleanups.push(() => emulator.close());
  telemetry.reset();
});
/** Kinds of all spans of this file's tests by their names. */
const emitted = new Map<string, string>();
afterEach(async () => {
  for (const { name, kind } of telemetry.spans()) emitted.set(name, telemetry.sdk.SpanKind[kind]?.toLowerCase() ?? "");
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => telemetry.close());

/** Options of a sender whose first wait is short. */
const QUICK = { initialMs: 20, minMs: 20 };

function fcmSender(options = {}) {
  const sender = createFcmSender({ ...emulator.fcmOptions(), retry: QUICK, ...options });
  cleanups.push(() => sender.close());
  return sender;
}

const parentOf = (span: TestSpan): string | undefined => span.parentSpanContext?.spanId;
const named = (name: string): TestSpan[] => telemetry.spans().filter((span) => span.name === name);
const only = (name: string): TestSpan => {
  const found = named(name);
  expect(found, `spans ${name}`).toHaveLength(1);
  return found[0] as TestSpan;
};

describe("spans", () => {
  it("of a send with a retry are one trace: the send, its attempts, the wait between them", async () => {
    const phone = emulator.createDevice();
    emulator.faults.next({ token: phone.token, error: "unavailable" });
    const { outcome } = await fcmSender().send({ target: { token: phone.token }, data: { n: "1" } });
    expect(outcome.kind).toBe("accepted");
    const send = only("send fcm-v1");
    const attempts = named("attempt fcm-v1");
    expect(attempts.map(parentOf)).toEqual([send, send].map((span) => span.spanContext().spanId));
    expect(parentOf(only("wait retry"))).toBe(send.spanContext().spanId);
    expect(new Set(telemetry.spans().map((span) => span.spanContext().traceId)).size).toBe(1);
    expect(send.attributes).toMatchObject({
      "messaging.system": "fcm-v1",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "cloud_messaging.target": "token",
      "cloud_messaging.attempts": 2,
      "cloud_messaging.outcome.accepted": 1,
    });
    expect(attempts.map(({ attributes, status }) => [attributes["error.type"], status.code])).toEqual([
      ["unavailable", 2],
      [undefined, 0],
    ]);
    expect(attempts[0]?.attributes["http.response.status_code"]).toBe(503);
  });

  it("of undici nest under the attempt over HTTP/1.1", async () => {
    const phone = emulator.createDevice();
    await fcmSender({ httpVersion: "1.1" }).send({ target: { token: phone.token }, data: { n: "1" } });
    const requests = telemetry.spans().filter(({ attributes }) => /messages:send/.test(String(attributes["url.path"])));
    expect(requests.map(parentOf)).toEqual([only("attempt fcm-v1").spanContext().spanId]);
  });

  it("of an outbox are one trace from the enqueue to the outcome, and the claim links to the enqueue", async () => {
    const phone = emulator.createDevice();
    const transport = createFcmV1Transport(emulator.fcmOptions());
    const outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
    cleanups.push(() => outbox.close());
    await outbox.enqueue({ target: { token: phone.token }, data: { n: "1" } });
    await outbox.work({ untilIdle: true });
    const enqueue = only("enqueue outbox").spanContext();
    const claim = only("process outbox");
    expect(parentOf(claim)).toBe(enqueue.spanId);
    expect(claim.links.map(({ context }) => context.spanId)).toEqual([enqueue.spanId]);
    expect(parentOf(only("attempt fcm-v1"))).toBe(claim.spanContext().spanId);
    expect(claim.attributes["cloud_messaging.outcome.accepted"]).toBe(1);
    const own = telemetry.spans().filter(({ name }) => /outbox|attempt/.test(name));
    expect(new Set(own.map((span) => span.spanContext().traceId)).size).toBe(1);
  });

  it("of a campaign are a trace for each chunk, linked to the enqueue", async () => {
    const tokens = Array.from({ length: 1001 }, (_, index) => `token-${index}`);
    const transport = createGcmHttpTransport(emulator.httpOptions());
    const outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
    cleanups.push(() => outbox.close());
    await outbox.enqueueAll({ data: { n: "1" } }, tokens);
    await outbox.work({ untilIdle: true });
    const enqueue = only("enqueue outbox").spanContext();
    const claims = named("process outbox");
    expect(claims.length).toBeGreaterThan(1);
    for (const claim of claims) {
      expect(parentOf(claim)).toBeUndefined();
      expect(claim.links.map(({ context }) => context.spanId)).toEqual([enqueue.spanId]);
    }
  });

  it("of an upstream message link its handling to its arrival, and what the handler sends nests under it", async () => {
    const phone = emulator.createDevice();
    const client = createCcsClient({
      ...emulator.ccsOptions(),
      async onUpstream({ from }) {
        await client.send({ target: { token: from }, data: { answer: "1" } });
      },
    });
    cleanups.push(() => client.close());
    await client.ready();
    await phone.sendUpstream({ order: "coffee" }).acked;
    await client.idle();
    const received = only("receive ccs").spanContext();
    const handled = only("process ccs");
    expect(handled.links.map(({ context }) => context.spanId)).toEqual([received.spanId]);
    expect(parentOf(only("send ccs"))).toBe(handled.spanContext().spanId);
  });

  it("of a gateway request hold the send behind it", async () => {
    const phone = emulator.createDevice();
    const key = "AIzaSyGateway000000000000000000000000aa";
    const gateway = await createGateway({
      projects: { shop: emulator.fcmOptions() },
      clients: [{ name: "web-shop", keys: [hashKey(key)], project: "shop" }],
      http: { port: 0 },
    });
    cleanups.push(() => gateway.close());
    const answer = await fetch(`http://127.0.0.1:${gateway.httpPort}/fcm/send`, {
      method: "POST",
      headers: { authorization: `key=${key}`, "content-type": "application/json" },
      body: JSON.stringify({ to: phone.token, data: { n: "1" } }),
    });
    expect(answer.status).toBe(200);
    const request = only("request gateway");
    expect(request.attributes).toMatchObject({
      "cloud_messaging.gateway.client": "web-shop",
      "cloud_messaging.gateway.result": "accepted",
    });
    expect(parentOf(only("send fcm-v1"))).toBe(request.spanContext().spanId);
  });

  it("hold neither a whole token nor a key, whatever fails", async () => {
    const phone = emulator.createDevice();
    const canary = "ya29.CANARY-access-token";
    emulator.faults.next({ token: phone.token, error: "unavailable", times: 9 });
    const sender = fcmSender({ retry: { ...QUICK, maxAttempts: 3 } });
    await sender.send({ target: { tokens: [phone.token, "unknown-token-that-is-long"] }, data: { canary } });
    await fcmSender({ credential: { getAccessToken: async () => ({ access_token: canary, expires_in: 3600 }) } }).send({
      target: { token: phone.token },
    });
    const text = JSON.stringify(
      telemetry.spans().map(({ name, attributes, status, events, links }) => [name, attributes, status, events, links]),
    );
    for (const secret of [phone.token, "unknown-token-that-is-long", canary]) expect(text).not.toContain(secret);
    const points = JSON.stringify(await telemetry.points());
    for (const secret of [phone.token, phone.token.slice(0, 6), canary]) expect(points).not.toContain(secret);
  });

  it("of waits for quota nest under the attempt that waits", async () => {
    const sender = fcmSender({ projectId: "paced", quota: { perMinute: 1_200 } });
    const tokens = Array.from({ length: 30 }, () => emulator.createDevice().token);
    await sender.send({ target: { tokens }, data: { n: "1" } });
    const attempts = named("attempt fcm-v1").map((span) => span.spanContext().spanId);
    expect(named("wait quota").length).toBeGreaterThan(0);
    for (const wait of named("wait quota")) expect(attempts).toContain(parentOf(wait));
  });
});

describe("the documented table of spans", () => {
  it("has every span of these tests with its kind, and no other", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/observability.md"), "utf8");
    const [, section = ""] = /^## Spans\n([\s\S]*?)^## /m.exec(page) ?? [];
    const rows = new Map([...section.matchAll(/^\| `([^`]+)` \| (\w+) \|/gm)].map(([, name, kind]) => [name, kind]));
    const own = [...emitted].map(([name, kind]) => [name.replace(/^(send|attempt) .*/, "$1 {system}"), kind] as const);
    const known = own.filter(([name]) => /^(send|attempt|wait|enqueue|process|receive|request) /.test(name));
    expect(new Map(known.sort())).toEqual(new Map([...rows].sort()));
  });
});
