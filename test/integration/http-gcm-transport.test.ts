import { createManualClock, type DownstreamMessage, type DownstreamMessageInput } from "@cloud-messaging/core";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { createGcmHttpTransport, type GcmHttpTransportOptions } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { acceptAll, answer, eachToken, type FaultServer, json, startFaultServer } from "../support/fault-server.ts";

const API_KEY = "AIza-EXAMPLE-secret";
const SENT_AT = Date.UTC(2026, 0, 1);

function transportTo(server: FaultServer, options: Partial<GcmHttpTransportOptions> = {}) {
  return createGcmHttpTransport({
    apiKey: API_KEY,
    endpoint: `${server.origin}/gcm/send`,
    clock: createManualClock(SENT_AT),
    ...options,
  });
}
const message = (input: DownstreamMessageInput) => parseDownstreamMessage(input);

describe("the GCM HTTP transport", () => {
  it("writes a JSON request with every option, and the key in its header", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    await transport.send(
      message({
        target: { tokens: ["tok-a", "tok-b"] },
        data: { n: "3", né: "✓" },
        collapseKey: "inbox",
        timeToLiveSec: 0,
        delayWhileIdle: true,
        priority: "high",
        contentAvailable: true,
        mutableContent: true,
        restrictedPackageName: "com.example.app",
        dryRun: true,
        analyticsLabel: "spring",
        notification: { title: "Hi", badge: 3, bodyLocArgs: ["a", "b"] },
      }),
    );
    const [request] = server.requests;
    expect(request?.method).toBe("POST");
    expect(request?.path).toBe("/gcm/send");
    expect(request?.headers).toMatchObject({ authorization: `key=${API_KEY}`, "content-type": "application/json" });
    expect(JSON.parse(request?.body ?? "")).toEqual({
      registration_ids: ["tok-a", "tok-b"],
      data: { n: "3", né: "✓" },
      collapse_key: "inbox",
      time_to_live: 0,
      delay_while_idle: true,
      priority: "high",
      content_available: true,
      mutable_content: true,
      restricted_package_name: "com.example.app",
      dry_run: true,
      fcm_options: { analytics_label: "spring" },
      notification: { title: "Hi", badge: "3", body_loc_args: '["a","b"]' },
    });
  });

  it.each([
    ["a topic", { topic: "/topics/news" }, { to: "/topics/news" }],
    ["a condition", { condition: "'a' in topics && 'b' in topics" }, { condition: "'a' in topics && 'b' in topics" }],
    [
      "a device group",
      { notificationKey: "APA91-key", notificationKeyName: "user-7" },
      { to: "APA91-key", notification_key_name: "user-7" },
    ],
    ["a single token", { token: "tok-a" }, { registration_ids: ["tok-a"] }],
  ] as const)("addresses %s", async (_, target, body) => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    await transport.send(message({ target }));
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual(body);
  });

  it("rejects a message that nobody checked and JSON cannot hold, and gives its connection to the next", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server, { maxConnections: 1 });
    const target = { token: "tok-a" } as DownstreamMessage["target"];
    const unreadable = { target, data: { n: 1n } } as unknown as DownstreamMessage;
    const [first, second] = await Promise.all([transport.send(unreadable), transport.send(message({ target }))]);
    expect(first.outcomes).toMatchObject([
      {
        kind: "rejected",
        code: "invalid-argument",
        detail: expect.stringMatching(/^the message cannot be encoded: .*BigInt/),
      },
    ]);
    expect(first.outcomes[0]?.sentAt).toBeUndefined();
    expect(second.outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  it("gives one outcome per position: accepted, superseded, dead, retryable, suspect, and every digit of the multicast ID", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.script(
      answer(
        200,
        `{"multicast_id":6782339717028231855,"success":2,"failure":3,"canonical_ids":1,"results":[
          {"message_id":"0:1"},{"message_id":"0:2","registration_id":"tok-b2"},{"error":"NotRegistered"},
          {"error":"Unavailable"},{"error":"MismatchSenderId"}]}`,
        { "retry-after": "7" },
      ),
    );
    const tokens = ["tok-a", "tok-b", "tok-c", "tok-d", "tok-e"];
    const { outcomes } = await transport.send(message({ target: { tokens } }));
    const base = { attempts: 1, sentAt: SENT_AT };
    const service = { status: 200, multicastId: "6782339717028231855" };
    expect(outcomes).toMatchObject([
      { ...base, kind: "accepted", recipient: "tok-a", messageId: "0:1", service },
      { ...base, kind: "accepted", recipient: "tok-b", messageId: "0:2", canonicalRegistrationId: "tok-b2", service },
      {
        ...base,
        kind: "unregistered",
        recipient: "tok-c",
        code: "not-registered",
        service: { ...service, error: "NotRegistered" },
      },
      { ...base, kind: "retryable", recipient: "tok-d", code: "unavailable", retryAfterMs: 7_000 },
      { ...base, kind: "rejected", recipient: "tok-e", code: "mismatch-sender-id" },
    ]);
  });

  it("splits more than 1000 tokens over requests of at most 1000, duplicates included, and reports by position", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.otherwise = eachToken((token) => ({ message_id: `id-of-${token}` }));
    const tokens = Array.from({ length: 2_500 }, (_, n) => `tok-${n % 700}`);
    const { outcomes } = await transport.send(message({ target: { tokens } }));
    expect(outcomes.map((outcome) => [outcome.recipient, "messageId" in outcome && outcome.messageId])).toEqual(
      tokens.map((token) => [token, `id-of-${token}`]),
    );
    const sizes = server.requests.map(({ body }) => JSON.parse(body).registration_ids.length).sort((a, b) => a - b);
    expect(sizes).toEqual([500, 1000, 1000]);
  });

  it("splits further where a body would be longer than the front end takes", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server, { maxRequestBytes: 10_000 });
    const tokens = Array.from({ length: 900 }, (_, n) => `${n}`.padStart(40, "x"));
    const { outcomes } = await transport.send(message({ target: { tokens } }));
    expect(outcomes.map(({ recipient }) => recipient)).toEqual(tokens);
    expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(Math.max(...server.requests.map(({ body }) => body.length))).toBeLessThanOrEqual(10_000);
  });

  it.each<[string, Partial<GcmHttpTransportOptions>]>([
    ["cut by the number of tokens", { maxTokensPerRequest: 1 }],
    ["cut by the length of the body", { maxTokensPerRequest: 20, maxRequestBytes: 60 }],
  ])("has as many requests of one send under way as it may, and no more: %s", async (_, options) => {
    await using server = await startFaultServer();
    await using transport = transportTo(server, { maxRequestsPerSend: 3, ...options });
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.otherwise = async (request, socket) => {
      if (!request.body.includes("probe")) await held;
      await acceptAll()(request, socket);
    };
    const sending = transport.send(message({ target: { tokens: Array.from({ length: 40 }, (_, n) => `tok-${n}`) } }));
    await server.arrived(3);
    // whole round trips of others: what else had left would have arrived before them
    for (let n = 0; n < 3; n++) {
      await using other = transportTo(server);
      await other.send(message({ target: { token: "probe" } }));
    }
    expect(server.requests.filter(({ body }) => !body.includes("probe"))).toHaveLength(3);
    release();
    const { outcomes } = await sending;
    expect(outcomes.map(({ kind }) => kind)).toEqual(new Array(40).fill("accepted"));
  });

  it("keeps every digit of a topic's message ID", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.script(answer(200, '{"message_id":-7304287641109853071}'));
    const { outcomes } = await transport.send(message({ target: { topic: "news" } }));
    expect(outcomes).toMatchObject([{ kind: "accepted", recipient: "news", messageId: "-7304287641109853071" }]);
  });

  it("takes an error at status 200 for a topic as what it is", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.script(json({ error: "TopicsMessageRateExceeded" }));
    const { outcomes } = await transport.send(message({ target: { topic: "news" } }));
    expect(outcomes).toMatchObject([{ kind: "retryable", code: "topics-message-rate-exceeded" }]);
  });

  it.each([
    [
      "all of a group",
      { success: 3, failure: 0 },
      { kind: "accepted", group: { success: 3, failure: 0, failedRegistrationIds: [] } },
    ],
    [
      "some of a group",
      { success: 1, failure: 2, failed_registration_ids: ["tok-b", "tok-c"] },
      { kind: "accepted", group: { success: 1, failure: 2, failedRegistrationIds: ["tok-b", "tok-c"] } },
    ],
    [
      "none of a group",
      { success: 0, failure: 2, failed_registration_ids: ["tok-b", "tok-c"] },
      {
        kind: "rejected",
        code: "group-failed",
        group: { success: 0, failure: 2, failedRegistrationIds: ["tok-b", "tok-c"] },
      },
    ],
  ])("reports %s with counts and failed members", async (_, body, outcome) => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.script(json(body));
    const { outcomes } = await transport.send(message({ target: { notificationKey: "APA91-key" } }));
    expect(outcomes).toMatchObject([{ recipient: "APA91-key", ...outcome }]);
  });

  it("sends plain text to one token per request, and reads id=, registration_id= and Error=", async () => {
    await using server = await startFaultServer();
    await using transport = transportTo(server, { format: "plain-text" });
    server.otherwise = (request, socket) => {
      const to = new URLSearchParams(request.body).get("registration_id") ?? "";
      const body =
        { "tok=a": "id=0:1%c0=ffee", "tok-b": "id=0:2\nregistration_id=tok=b2\n", "tok-c": "Error=NotRegistered" }[
          to
        ] ?? "";
      return answer(200, body, { "content-type": "text/plain; charset=UTF-8" })(request, socket);
    };
    const { outcomes } = await transport.send(
      message({
        target: { tokens: ["tok=a", "tok-b", "tok-c"] },
        data: { n: "a b&c" },
        collapseKey: "inbox",
        timeToLiveSec: 108,
        delayWhileIdle: true,
        dryRun: true,
      }),
    );
    expect(outcomes).toMatchObject([
      { kind: "accepted", messageId: "0:1%c0=ffee" },
      { kind: "accepted", messageId: "0:2", canonicalRegistrationId: "tok=b2" },
      { kind: "unregistered", code: "not-registered" },
    ]);
    const [request] = server.requests.filter(({ body }) => body.includes("tok%3Da"));
    expect(request?.headers["content-type"]).toBe("application/x-www-form-urlencoded;charset=UTF-8");
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      registration_id: "tok=a",
      collapse_key: "inbox",
      delay_while_idle: "1",
      time_to_live: "108",
      dry_run: "1",
      "data.n": "a b&c",
    });
  });

  it("has room for other sends as soon as the first has ended, and refuses none while it is closing", async () => {
    await using server = await startFaultServer();
    const transport = transportTo(server, { maxConnections: 2 });
    const sends = Array.from({ length: 10 }, (_, n) => transport.send(message({ target: { token: `tok-${n}` } })));
    const closed = transport.close();
    expect(transport.close()).toBe(closed);
    const reports = await Promise.all(sends);
    expect(reports.flatMap(({ outcomes }) => outcomes.map(({ kind }) => kind))).toEqual(new Array(10).fill("accepted"));
    expect(server.connections).toBeLessThanOrEqual(2);
    await closed;
    await server.quiet();
    const late = await transport.send(message({ target: { token: "tok-late" } }));
    expect(late.outcomes).toMatchObject([{ kind: "retryable", code: "closed" }]);
    expect(server.requests).toHaveLength(10);
  });
});

describe("verifyCredentials", () => {
  it.each([
    [
      json({ multicast_id: 1, success: 0, failure: 1, canonical_ids: 0, results: [{ error: "InvalidRegistration" }] }),
      { kind: "valid" },
    ],
    [answer(401, "<html><title>Unauthorized</title></html>"), { kind: "invalid", code: "authentication-failed" }],
    [answer(403, ""), { kind: "invalid", code: "permission-denied" }],
    [answer(500, ""), { kind: "unknown", code: "internal-error" }],
    [answer(200, "<html>hotel network</html>"), { kind: "unknown", code: "invalid-response" }],
    [json({ success: 1, failure: 0 }), { kind: "unknown", code: "invalid-response" }],
    [json({ success: 0, failure: 1 }), { kind: "unknown", code: "invalid-response" }],
    [json({ error: "log in first" }), { kind: "unknown", code: "invalid-response" }],
  ])("%# finds out by the documented check", async (step, expected) => {
    await using server = await startFaultServer();
    await using transport = transportTo(server);
    server.script(step);
    expect(await transport.verifyCredentials()).toMatchObject(expected);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({ registration_ids: ["ABC"], dry_run: true });
  });
});
