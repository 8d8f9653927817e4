import { type CloudMessagingEvents, createManualClock, type ManualClock, subscribe } from "@cloud-messaging/core";
import { createDeviceGroups, createTopics, type DeviceGroupsOptions } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import {
  answer,
  type FaultServer,
  hang,
  json,
  rawThenReset,
  type Step,
  startFaultServer,
} from "../support/fault-server.ts";

const API_KEY = "AIza-EXAMPLE-secret";
/** No jitter: every wait is its floor. */
const retry = { initialMs: 0, maxMs: 0 };

function setup(server: FaultServer, options: Partial<DeviceGroupsOptions> = {}) {
  const clock = createManualClock();
  const common = { clock, retry, ...options };
  const topics = createTopics({ backend: "instance-id", apiKey: API_KEY, endpoint: server.origin, ...common });
  const subscriptions = createTopics({
    backend: "topic-subscriptions",
    projectId: "my-project",
    credential: async () => "ya29.token",
    endpoint: server.origin,
    ...common,
  });
  const groups = createDeviceGroups({
    senderId: "1",
    apiKey: API_KEY,
    endpoint: `${server.origin}/fcm/notification`,
    ...common,
  });
  const close = () => Promise.all([topics.close(), subscriptions.close(), groups.close()]);
  return { clock, topics, subscriptions, groups, close, [Symbol.asyncDispose]: async () => void (await close()) };
}

/** Resolves with the next wait between attempts, when it begins. */
function nextWait(): Promise<CloudMessagingEvents["cloud-messaging:retry"]> {
  return new Promise((resolve) => {
    const stop = subscribe("cloud-messaging:retry", (event) => {
      stop();
      resolve(event);
    });
  });
}

/** Lets the next wait pass, and says what it was. */
async function passNextWait(clock: ManualClock, server: FaultServer): Promise<object> {
  const { transport, recipients, attempt, delayMs } = await nextWait();
  const before = server.requests.length;
  await clock.advance(delayMs - 1);
  expect(server.requests).toHaveLength(before);
  await clock.advance(1);
  return { transport, recipients, attempt, delayMs };
}

describe("management calls that a passing trouble stops are made again", () => {
  it("a batch as a whole after a 503, as long after as the service asks", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(answer(503, "", { "retry-after": "7" }), json({ results: [{}, {}] }));
    const report = all.topics.subscribe("news", ["tok-a", "tok-b"]);
    expect(await passNextWait(all.clock, server)).toEqual({
      transport: "instance-id",
      recipients: 2,
      attempt: 2,
      delayMs: 7_000,
    });
    expect((await report).outcomes).toMatchObject([
      { kind: "accepted", recipient: "tok-a", attempts: 2 },
      { kind: "accepted", recipient: "tok-b", attempts: 2 },
    ]);
  });

  it("for those tokens of a batch that need it, duplicates by position, those over their rate later", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(
      json({ results: [{}, { error: "RESOURCE_EXHAUSTED" }, { error: "NOT_FOUND" }, { error: "RESOURCE_EXHAUSTED" }] }),
      json({ results: [{}, { error: "TOO_MANY_TOPICS" }] }),
    );
    const report = all.topics.unsubscribe("news", ["tok-a", "tok-b", "tok-c", "tok-b"]);
    expect(await passNextWait(all.clock, server)).toMatchObject({ recipients: 2, delayMs: 10_000 });
    expect((await report).outcomes).toMatchObject([
      { kind: "accepted", attempts: 1 },
      { kind: "accepted", attempts: 2 },
      { kind: "unregistered", attempts: 1 },
      { kind: "rejected", code: "too-many-topics", attempts: 2 },
    ]);
    expect(server.requests.map(({ body }) => JSON.parse(body).registration_tokens)).toEqual([
      ["tok-a", "tok-b", "tok-c", "tok-b"],
      ["tok-b", "tok-b"],
    ]);
  });

  it("with the Retry-After that stands beside the results", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(
      json({ results: [{ apns_token: "a1", status: "RESOURCE_EXHAUSTED" }] }, { "retry-after": "30" }),
      json({ results: [{ apns_token: "a1", status: "OK", registration_token: "tok-1" }] }),
    );
    const imported = all.topics.importApns({ application: "com.example.App", sandbox: true, apnsTokens: ["a1"] });
    expect(await passNextWait(all.clock, server)).toMatchObject({ delayMs: 30_000 });
    expect(await imported).toEqual([{ kind: "ok", recipient: "a1", registrationToken: "tok-1" }]);
  });

  it("one by one where the service takes one token per call", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    const failures = new Map([["tok-b", 1]]);
    server.otherwise = (request, socket) => {
      const token = /registrations\/([^/]+)/.exec(request.path)?.[1] ?? "";
      const left = failures.get(token) ?? 0;
      failures.set(token, left - 1);
      return (left > 0 ? answer(429, "", { "retry-after": "3" }) : json({}))(request, socket);
    };
    const report = all.subscriptions.subscribe("news", ["tok-a", "tok-b", "tok-c"]);
    const { recipients, delayMs } = await nextWait();
    expect({ recipients, delayMs }).toEqual({ recipients: 1, delayMs: 3_000 });
    await server.arrived(3);
    await all.clock.advance(delayMs);
    expect((await report).outcomes.map(({ kind, attempts }) => [kind, attempts])).toEqual([
      ["accepted", 1],
      ["accepted", 2],
      ["accepted", 1],
    ]);
  });

  it.each([
    ["reset", rawThenReset("")],
    ["unintelligible", json({ results: [] })],
  ])("where the answer was %s, since subscribing again does no harm", async (_, fault: Step) => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(fault, json({ results: [{}] }));
    const report = all.topics.subscribe("news", ["tok-a"]);
    await passNextWait(all.clock, server);
    expect((await report).outcomes).toMatchObject([{ kind: "accepted", attempts: 2 }]);
  });

  it("of a device group: look-ups and changes of members in any case, a create only where it was refused", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(answer(503, ""), json({ notification_key: "key-1" }));
    const created = all.groups.create("user-7", ["tok-a"]);
    expect(await passNextWait(all.clock, server)).toMatchObject({ transport: "device-groups", delayMs: 1_000 });
    expect(await created).toEqual({ kind: "ok", notificationKey: "key-1" });

    server.script(rawThenReset(""), json({ notification_key: "key-2" }));
    const added = all.groups.add("user-7", ["tok-b"]);
    await passNextWait(all.clock, server);
    expect(await added).toEqual({ kind: "ok", notificationKey: "key-2" });

    server.script(rawThenReset(""), json({ notification_key: "key-3" }));
    const found = all.groups.find("user-7");
    await passNextWait(all.clock, server);
    expect(await found).toEqual({ kind: "ok", notificationKey: "key-3" });

    server.script(rawThenReset(""));
    expect(await all.groups.create("user-8", ["tok-a"])).toMatchObject({ kind: "ambiguous", attempts: 1 });
    expect(server.requests).toHaveLength(7);
  });

  it("of an app instance", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(answer(500, ""), json({ application: "com.example.app" }));
    const info = all.topics.info("tok-a");
    await passNextWait(all.clock, server);
    expect(await info).toEqual({ kind: "ok", info: { topics: [], application: "com.example.app" } });
  });
});

describe("second attempts of management calls end", () => {
  it("after six, with what the last one said and when to try again", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.otherwise = answer(503, "");
    const report = all.topics.subscribe("news", ["tok-a"]);
    for (let attempt = 2; attempt <= 6; attempt++)
      expect(await passNextWait(all.clock, server)).toMatchObject({ attempt });
    expect((await report).outcomes).toMatchObject([
      { kind: "retryable", code: "unavailable", attempts: 6, retryAt: all.clock.now() + 1_000 },
    ]);
    expect(server.requests).toHaveLength(6);
  });

  it("before a Retry-After that would pass the time the caller gives", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(answer(503, "", { "retry-after": "60" }));
    const { outcomes } = await all.topics.subscribe("news", ["tok-a"], { timeoutMs: 10_000 });
    expect(outcomes).toMatchObject([{ kind: "retryable", attempts: 1, retryAfterMs: 60_000 }]);
  });

  it("with the signal", async () => {
    await using server = await startFaultServer();
    await using all = setup(server);
    server.script(answer(503, ""));
    const abort = new AbortController();
    const report = all.topics.subscribe("news", ["tok-a"], { signal: abort.signal });
    await nextWait();
    abort.abort();
    expect((await report).outcomes).toMatchObject([{ kind: "retryable", code: "unavailable", attempts: 1 }]);
    expect(all.clock.scheduled).toBe(0);
  });

  it("with close(), which waits for no wait", async () => {
    await using server = await startFaultServer();
    const all = setup(server);
    server.script(answer(503, ""), hang());
    const found = all.groups.find("user-7");
    await nextWait();
    await all.close();
    expect(await found).toMatchObject({ kind: "retryable", code: "unavailable", attempts: 1 });
    expect(await all.groups.find("user-7")).toMatchObject({ kind: "retryable", code: "closed" });
    expect(all.clock.scheduled).toBe(0);
    expect(server.requests).toHaveLength(1);
  });

  it("with the first where retry is false", async () => {
    await using server = await startFaultServer();
    await using all = setup(server, { retry: false });
    server.script(answer(503, ""));
    expect((await all.topics.subscribe("news", ["tok-a"])).outcomes).toMatchObject([
      { kind: "retryable", attempts: 1 },
    ]);
  });

  it("and a policy that cannot be kept is refused when the client is made", async () => {
    await using server = await startFaultServer();
    for (const [wrong, path] of [
      [{ maxAttempts: 0 }, "retry.maxAttempts"],
      [{ often: true }, "retry.often"],
      ["yes", "retry"],
    ] as const) {
      expect(() => setup(server, { retry: wrong as never })).toThrow(path);
    }
  });
});
