import { inspect } from "node:util";
import { createManualClock, createMemoryRegistrationStore, type RegistrationToken } from "@cloud-messaging/core";
import { applyReport } from "@cloud-messaging/core/transport";
import { createDeviceGroups, createTopics } from "@cloud-messaging/http-sender";
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
/** Outcome of one attempt. Second attempts: http-management-retries.test.ts. */
const ONCE = { retry: false } as const;
const bodyOf = (server: FaultServer, index = 0): unknown => JSON.parse(server.requests[index]?.body ?? "null");

describe("device groups", () => {
  const groupsOf = (server: FaultServer, options: object = { apiKey: API_KEY }) =>
    createDeviceGroups({ senderId: "1234567890", endpoint: `${server.origin}/fcm/notification`, ...ONCE, ...options });

  it("are created, changed and looked up with the legacy key, and the newest key is the one used", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(
      json({ notification_key: "key-1" }),
      json({ notification_key: "key-2" }),
      json({ notification_key: "key-3" }),
      json({ notification_key: "key-4" }),
    );
    expect(await groups.create("user-7", ["tok-a", "tok-b"])).toEqual({ kind: "ok", notificationKey: "key-1" });
    expect(await groups.add("user-7", ["tok-c"])).toEqual({ kind: "ok", notificationKey: "key-2" });
    expect(await groups.remove("user-7", ["tok-a"])).toEqual({ kind: "ok", notificationKey: "key-3" });
    expect(await groups.find("user-7")).toEqual({ kind: "ok", notificationKey: "key-4" });
    expect(server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "POST /fcm/notification",
      "POST /fcm/notification",
      "POST /fcm/notification",
      "GET /fcm/notification?notification_key_name=user-7",
    ]);
    expect([0, 1, 2].map((index) => bodyOf(server, index))).toEqual([
      { operation: "create", notification_key_name: "user-7", registration_ids: ["tok-a", "tok-b"] },
      { operation: "add", notification_key_name: "user-7", notification_key: "key-1", registration_ids: ["tok-c"] },
      { operation: "remove", notification_key_name: "user-7", notification_key: "key-2", registration_ids: ["tok-a"] },
    ]);
    for (const { headers } of server.requests) {
      expect(headers).toMatchObject({
        authorization: `key=${API_KEY}`,
        project_id: "1234567890",
        "content-type": "application/json",
      });
      expect(headers).not.toHaveProperty("access_token_auth");
    }
  });

  it("take OAuth2 as well, and a new access token where the old one is refused", async () => {
    await using server = await startFaultServer();
    let issued = 0;
    await using groups = groupsOf(server, { credential: async () => `ya29.token-${++issued}` });
    server.script(answer(401, ""), json({ notification_key: "key-1" }));
    expect(await groups.create("user-7", ["tok-a"])).toEqual({ kind: "ok", notificationKey: "key-1" });
    expect(server.requests.map(({ headers }) => headers["authorization"])).toEqual([
      "Bearer ya29.token-1",
      "Bearer ya29.token-2",
    ]);
    expect(server.requests[0]?.headers["access_token_auth"]).toBe("true");
  });

  it("look the key up first where it is not known, and use the one the caller gives", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(
      json({ notification_key: "key-1" }),
      json({ notification_key: "key-2" }),
      json({ notification_key: "key-3" }),
    );
    await groups.add("user 7/ü", ["tok-c"]);
    expect(server.requests[0]?.path).toBe("/fcm/notification?notification_key_name=user%207%2F%C3%BC");
    expect(bodyOf(server, 1)).toMatchObject({
      operation: "add",
      notification_key: "key-1",
      notification_key_name: "user 7/ü",
    });
    await groups.remove("user 7/ü", ["tok-c"], { notificationKey: "key-own" });
    expect(bodyOf(server, 2)).toMatchObject({ operation: "remove", notification_key: "key-own" });
  });

  it.each<[string, Step, object]>([
    [
      "a name that is taken",
      answer(400, '{"error":"notification_key already exists"}'),
      { kind: "rejected", code: "group-exists" },
    ],
    [
      "an unknown name",
      answer(400, '{"error":"notification_key not found"}'),
      { kind: "rejected", code: "group-not-found" },
    ],
    [
      "no live token",
      answer(400, '{"error":"no valid registration ids"}'),
      { kind: "rejected", code: "no-valid-members" },
    ],
    [
      "a key of another group",
      answer(400, `{"error":"notification_key_name doesn't match the group name of the notification_key"}`),
      { kind: "rejected", code: "group-name-mismatch" },
    ],
    [
      "something undocumented",
      answer(400, '{"error":"no such thing"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    ["a bad key", answer(401, "<html>"), { kind: "rejected", code: "authentication-failed" }],
    ["a service that is switched off", answer(403, ""), { kind: "rejected", code: "permission-denied" }],
    ["a wrong address", answer(404, ""), { kind: "rejected", code: "endpoint-gone" }],
    [
      "an overloaded service",
      answer(503, "", { "retry-after": "5" }),
      { kind: "retryable", code: "unavailable", retryAfterMs: 5_000 },
    ],
    ["a lost connection", rawThenReset(""), { kind: "ambiguous", code: "connection-lost" }],
    ["a 200 without a key", json({}), { kind: "ambiguous", code: "invalid-response" }],
    ["a 200 that is not JSON", answer(200, "<html>"), { kind: "ambiguous", code: "invalid-response" }],
  ])("tell apart %s", async (_, step, expected) => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(step);
    const result = await groups.create("user-7", ["tok-a"]);
    expect(result).toMatchObject({ recipient: "user-7", ...expected });
    expect(server.requests).toHaveLength(1);
  });

  const NOT_FOUND = answer(400, '{"error":"notification_key not found"}');
  const MISMATCH = answer(
    400,
    `{"error":"notification_key_name doesn't match the group name of the notification_key"}`,
  );

  it.each<[string, Step]>([
    ["is not known any more", NOT_FOUND],
    ["belongs to another name", MISMATCH],
  ])("look a remembered key up again that %s, once", async (_, refusal) => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(
      json({ notification_key: "key-old" }),
      refusal,
      json({ notification_key: "key-new" }),
      json({ notification_key: "key-newest" }),
      json({ notification_key: "key-newest" }),
    );
    await groups.create("user-7", ["tok-a"]);
    expect(await groups.add("user-7", ["tok-b"])).toEqual({ kind: "ok", notificationKey: "key-newest" });
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "POST", "GET", "POST"]);
    expect(bodyOf(server, 3)).toMatchObject({ operation: "add", notification_key: "key-new" });
    await groups.remove("user-7", ["tok-b"]);
    expect(bodyOf(server, 4)).toMatchObject({ operation: "remove", notification_key: "key-newest" });
  });

  it("forget a key with its group, and try no key again that the caller gave or that was looked up", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(json({ notification_key: "key-1" }));
    server.otherwise = NOT_FOUND;
    await groups.create("user-7", ["tok-a"]);
    expect(await groups.find("user-7")).toMatchObject({ kind: "rejected", code: "group-not-found" });
    // forgotten: it begins with a look-up
    expect(await groups.add("user-7", ["tok-b"])).toMatchObject({ kind: "rejected", code: "group-not-found" });
    expect(server.requests.map(({ method }) => method)).toEqual(["POST", "GET", "GET"]);
    const own = await groups.add("user-7", ["tok-b"], { notificationKey: "key-own" });
    expect(own).toMatchObject({ kind: "rejected", code: "group-not-found" });
    expect(server.requests).toHaveLength(4);
    server.script(json({ notification_key: "key-2" }));
    expect(await groups.add("user-7", ["tok-b"])).toMatchObject({ kind: "rejected", code: "group-not-found" });
    expect(server.requests).toHaveLength(6);
  });

  it("take for the newest key what the latest call brought, whichever answer came last", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.script(
      json({ notification_key: "key-1" }),
      async (request, socket) => {
        await held;
        return json({ notification_key: "key-2" })(request, socket);
      },
      json({ notification_key: "key-3" }),
      json({ notification_key: "key-4" }),
    );
    await groups.create("user-7", ["tok-a"]);
    const slow = groups.add("user-7", ["tok-b"]);
    await server.arrived(2);
    await groups.add("user-7", ["tok-c"]);
    release();
    expect(await slow).toEqual({ kind: "ok", notificationKey: "key-2" });
    await groups.add("user-7", ["tok-d"]);
    expect(bodyOf(server, 3)).toMatchObject({ notification_key: "key-3" });
  });

  it("do not change anything when the look-up before it fails", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    server.script(rawThenReset(""));
    expect(await groups.add("user-7", ["tok-a"])).toMatchObject({ kind: "retryable", code: "connection-lost" });
    expect(server.requests).toHaveLength(1);
  });

  it("refuse what could not work, before anything is sent", async () => {
    await using server = await startFaultServer();
    await using groups = groupsOf(server);
    await expect(groups.create("", ["tok-a"])).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
    await expect(groups.create("a\r\nX-Injected: 1", ["tok-a"])).rejects.toThrow(/name/);
    await expect(groups.create("half \ud83d", ["tok-a"])).rejects.toThrow(/half a surrogate pair/);
    await expect(groups.find("\udd14")).rejects.toThrow(/half a surrogate pair/);
    await expect(groups.create("user-7", [])).rejects.toThrow(/at least one/);
    await expect(groups.create("user-7", new Array(21).fill("tok"))).rejects.toThrow(/at most 20/);
    await expect(groups.add("user-7", ["tok a"])).rejects.toThrow(/tokens\.0/);
    await expect(groups.add("user-7", ["tok-a"], { notificationKey: "k\n" })).rejects.toThrow(/notificationKey/);
    expect(server.requests).toHaveLength(0);
    const wrong = (options: object) => () => createDeviceGroups({ senderId: "1", ...options } as never);
    expect(wrong({})).toThrow(/either credential .* or apiKey/);
    expect(wrong({ apiKey: "a", credential: async () => "b" })).toThrow(/not both/);
    expect(wrong({ apiKey: "a", senderId: "1\r\nx: y" })).toThrow(/senderId/);
    expect(inspect(groups, { depth: 9, showHidden: true })).not.toContain("AIza");
  });
});

describe("topics over Instance ID", () => {
  const topicsOf = (server: FaultServer, options: object = {}) =>
    createTopics({ backend: "instance-id", apiKey: API_KEY, endpoint: server.origin, ...ONCE, ...options });

  it("subscribe and unsubscribe in batches of 1000, merged by position, each token with its own outcome", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.otherwise = (request, socket) => {
      const { registration_tokens } = JSON.parse(request.body) as { registration_tokens: string[] };
      const errors: Record<string, string> = {
        "tok-7": "NOT_FOUND",
        "tok-1008": "TOO_MANY_TOPICS",
        "tok-1009": "RESOURCE_EXHAUSTED",
      };
      return json({ results: registration_tokens.map((token) => (errors[token] ? { error: errors[token] } : {})) })(
        request,
        socket,
      );
    };
    const tokens = Array.from({ length: 1_500 }, (_, n) => `tok-${n}`);
    const { outcomes } = await topics.subscribe("/topics/news", tokens);
    expect(outcomes.map(({ recipient }) => recipient)).toEqual(tokens);
    expect(outcomes[6]).toMatchObject({ kind: "accepted" });
    expect(outcomes[7]).toMatchObject({
      kind: "unregistered",
      code: "not-registered",
      service: { error: "NOT_FOUND" },
    });
    expect(outcomes[1008]).toMatchObject({ kind: "rejected", code: "too-many-topics" });
    expect(outcomes[1009]).toMatchObject({ kind: "retryable", code: "quota-exceeded" });
    await topics.unsubscribe("news", ["tok-1"]);
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/iid/v1:batchAdd",
      "/iid/v1:batchAdd",
      "/iid/v1:batchRemove",
    ]);
    expect(bodyOf(server, 2)).toEqual({ to: "/topics/news", registration_tokens: ["tok-1"] });
    expect(server.requests[0]?.headers["authorization"]).toBe(`key=${API_KEY}`);
  });

  it("give a report that a registration store understands", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    const store = createMemoryRegistrationStore({ clock: createManualClock(0) });
    store.register("user-1", "tok-a");
    store.register("user-1", "tok-b");
    server.script(json({ results: [{ error: "NOT_FOUND" }, {}] }));
    const resolution = store.resolve(["tok-a", "tok-b"] as RegistrationToken[]);
    await applyReport(await topics.subscribe("news", resolution.tokens), store, resolution);
    expect((await store.registrationsOf("user-1")).map(({ token }) => token)).toEqual(["tok-b"]);
  });

  it.each<[string, Step, object]>([
    [
      "INVALID_ARGUMENT for the whole batch",
      answer(400, '{"error":"INVALID_ARGUMENT"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    ["a missing token", answer(400, '{"error":"MissingIIdToken"}'), { kind: "rejected", code: "missing-registration" }],
    [
      "a bad topic name",
      answer(400, '{"error":"Topic name format is invalid"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    [
      "a dead token, but not which",
      answer(400, '{"error":"InvalidToken"}'),
      { kind: "rejected", code: "invalid-argument" },
    ],
    ["too few results", json({ results: [{}] }), { kind: "ambiguous", code: "invalid-response" }],
    ["no results", json({}), { kind: "ambiguous", code: "invalid-response" }],
    ["results that are null", json({ results: [null, null] }), { kind: "ambiguous", code: "invalid-response" }],
    [
      "429",
      answer(429, "", { "retry-after": "60" }),
      { kind: "retryable", code: "quota-exceeded", retryAfterMs: 60_000 },
    ],
  ])("tell apart %s", async (_, step, expected) => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(step);
    const { outcomes } = await topics.subscribe("news", ["tok-a", "tok-b"]);
    expect(outcomes).toMatchObject([
      { recipient: "tok-a", ...expected },
      { recipient: "tok-b", ...expected },
    ]);
  });

  it("look an app instance up", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(
      json({
        application: "com.example.app",
        applicationVersion: "36",
        authorizedEntity: "1234567890",
        platform: "ANDROID",
        rel: { topics: { news: { addDate: "2016-07-30" }, sports: {} } },
      }),
      answer(404, '{"error":"No information found about this instance id."}'),
      answer(400, '{"error":"InvalidToken"}'),
      answer(404, ""),
    );
    expect(await topics.info("tok:a/../b?c")).toEqual({
      kind: "ok",
      info: {
        application: "com.example.app",
        applicationVersion: "36",
        authorizedEntity: "1234567890",
        platform: "ANDROID",
        topics: [{ topic: "news", addedAt: "2016-07-30" }, { topic: "sports" }],
      },
    });
    expect(server.requests[0]?.path).toBe("/iid/info/tok%3Aa%2F..%2Fb%3Fc?details=true");
    expect(await topics.info("tok-b")).toMatchObject({ kind: "unregistered", code: "not-registered" });
    expect(await topics.info("tok-c")).toMatchObject({ kind: "unregistered", code: "invalid-registration" });
    expect(await topics.info("tok-d")).toMatchObject({ kind: "rejected", code: "endpoint-gone" });
  });

  it("get registration tokens for APNs tokens, 100 at a time", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.otherwise = (request, socket) => {
      const { apns_tokens } = JSON.parse(request.body) as { apns_tokens: string[] };
      return json({
        results: apns_tokens.map((token) =>
          token === "apns-120"
            ? { apns_token: token, status: "Internal Server Error" }
            : { apns_token: token, status: "OK", registration_token: `reg-of-${token}` },
        ),
      })(request, socket);
    };
    const apnsTokens = Array.from({ length: 150 }, (_, n) => `apns-${n}`);
    const outcomes = await topics.importApns({ application: "com.example.App", sandbox: false, apnsTokens });
    expect(outcomes[149]).toEqual({ kind: "ok", recipient: "apns-149", registrationToken: "reg-of-apns-149" });
    expect(outcomes[120]).toMatchObject({ kind: "retryable", recipient: "apns-120", code: "internal-error" });
    expect(server.requests.map(({ body }) => JSON.parse(body).apns_tokens.length)).toEqual([100, 50]);
    expect(bodyOf(server)).toMatchObject({ application: "com.example.App", sandbox: false });
  });

  it.each([
    ["an API key", { apiKey: API_KEY }],
    ["an access token", { apiKey: undefined, credential: async () => "ya29.EXAMPLE-secret" }],
  ])("do not repeat %s that an answer repeats", async (_, credentials) => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server, credentials);
    const echo: Step = (request, socket) => {
      const said = `bad header ${request.headers["authorization"]}`;
      const bodies = [
        answer(400, said),
        answer(403, JSON.stringify({ error: said })),
        answer(200, said),
        json({ results: [{ error: said }] }),
        json({ results: [{ error: said + "x".repeat(100_000) }] }),
      ];
      return bodies[(server.requests.length - 1) % bodies.length]?.(request, socket);
    };
    server.otherwise = echo;
    for (let n = 0; n < 5; n++) {
      const shown = JSON.stringify(await topics.subscribe("news", ["tok-a"]));
      expect(shown).toContain("bad header");
      expect(shown).not.toContain("secret");
      expect(shown.length).toBeLessThan(1_500);
    }
  });

  it("do not repeat an access token that an answer about topic subscriptions repeats", async () => {
    await using server = await startFaultServer();
    await using topics = createTopics({
      backend: "topic-subscriptions",
      projectId: "demo",
      endpoint: server.origin,
      credential: async () => "ya29.EXAMPLE-secret",
      ...ONCE,
    });
    server.otherwise = answer(502, "<p>Authorization: Bearer ya29.EXAMPLE-secret</p>");
    const results = [
      await topics.subscribe("news", ["tok-a"]),
      await topics.unsubscribe("news", ["tok-a"]),
      await topics.info("tok-a"),
    ];
    expect(JSON.stringify(results)).toContain("Authorization: Bearer …");
    expect(inspect(results, { depth: 20 })).not.toContain("secret");
  });

  it("leave in doubt what an answer says nothing about", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(json({ results: [{ error: "" }] }), answer(202, ""), json({ results: [{}] }));
    const unclear = await topics.subscribe("news", ["tok-a"]);
    expect(unclear.outcomes).toMatchObject([{ kind: "ambiguous", code: "invalid-response" }]);
    const other = await topics.subscribe("news", ["tok-a"]);
    expect(other.outcomes).toMatchObject([{ kind: "ambiguous", code: "unexpected-status", service: { status: 202 } }]);
    const apns = await topics.importApns({ application: "com.example.App", sandbox: false, apnsTokens: ["a1"] });
    expect(apns).toMatchObject([{ kind: "ambiguous", code: "invalid-response" }]);
  });

  it("look-ups that were not answered are retryable: they change nothing", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(rawThenReset(""));
    expect(await topics.info("tok-a")).toMatchObject({ kind: "retryable", code: "connection-lost" });
  });

  it.each([[{ signal: {} }], [{ signal: null }], [{ signal: "x" }], [{ timeoutMs: "5" }], [null]])(
    "refuse %j as the options of a call",
    async (options) => {
      await using server = await startFaultServer();
      await using topics = topicsOf(server);
      await using groups = createDeviceGroups({ senderId: "1", apiKey: API_KEY, endpoint: server.origin });
      const refused = { code: "ERR_INVALID_OPTIONS", message: expect.stringMatching(/AbortSignal|an object|a number/) };
      const wrong = options as never;
      await expect(topics.subscribe("news", ["tok-a"], wrong)).rejects.toMatchObject(refused);
      await expect(topics.info("tok-a", wrong)).rejects.toMatchObject(refused);
      const apns = { application: "com.example.App", sandbox: false, apnsTokens: ["a1"] };
      await expect(topics.importApns(apns, wrong)).rejects.toMatchObject(refused);
      await expect(groups.create("user-7", ["tok-a"], wrong)).rejects.toMatchObject(refused);
      await expect(groups.add("user-7", ["tok-a"], wrong)).rejects.toMatchObject(refused);
      await expect(groups.find("user-7", wrong)).rejects.toMatchObject(refused);
      expect(server.connections).toBe(0);
    },
  );

  it.each([["."], [".."]])("refuse %j as a token: in an address it would be a way", async (token) => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    await expect(topics.info(token)).rejects.toThrow(/token: must not be \. or \.\./);
    expect(server.requests).toHaveLength(0);
  });

  it("end with the signal and the time limit", async () => {
    await using server = await startFaultServer();
    const clock = createManualClock();
    await using topics = topicsOf(server, { clock });
    server.otherwise = hang();
    const abort = new AbortController();
    const aborted = topics.subscribe("news", ["tok-a"], { signal: abort.signal });
    await server.arrived(1);
    abort.abort();
    expect((await aborted).outcomes).toMatchObject([{ kind: "ambiguous", code: "aborted" }]);
    const late = topics.subscribe("news", ["tok-a"], { timeoutMs: 100 });
    await server.arrived(2);
    await clock.advance(100);
    expect((await late).outcomes).toMatchObject([{ kind: "ambiguous", code: "timeout" }]);
  });
});

describe.each(["instance-id", "topic-subscriptions"] as const)("a list of tokens, over %s", (backend) => {
  const topicsOf = ({ origin: endpoint }: FaultServer) =>
    createTopics({
      backend,
      ...(backend === "instance-id" ? {} : { projectId: "p" }),
      credential: async () => "ya29.token",
      endpoint,
      ...ONCE,
    } as never);

  it("has an outcome for a malformed token at its position, and the others are subscribed", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    const ok = json({ results: [{}, {}] });
    server.script(ok, ok, ok, ok);
    const tokens = ["tok-a", undefined, "", "tok-b", "tok\n"] as string[];
    for (const { outcomes } of [await topics.subscribe("news", tokens), await topics.unsubscribe("news", tokens)]) {
      expect(outcomes).toMatchObject([
        { kind: "accepted", recipient: "tok-a" },
        { kind: "rejected", recipient: "undefined", code: "invalid-argument", attempts: 0 },
        { kind: "rejected", recipient: "" },
        { kind: "accepted", recipient: "tok-b" },
        { kind: "rejected", recipient: "tok\n" },
      ]);
    }
  });

  it("that is empty, or has no well-formed token, makes no request; what is no list is refused", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    expect(await topics.subscribe("news", [])).toEqual({ outcomes: [] });
    expect((await topics.unsubscribe("news", [""])).outcomes).toMatchObject([{ kind: "rejected" }]);
    await expect(topics.subscribe("no topic", [])).rejects.toThrow(/topic: must have/);
    await expect(topics.subscribe("news", "tok-a" as never)).rejects.toThrow(/tokens: must be an array/);
    expect(server.requests).toHaveLength(0);
  });
});

describe("topics over the topic-subscription service", () => {
  const topicsOf = (server: FaultServer, options: object = {}) =>
    createTopics({
      backend: "topic-subscriptions",
      projectId: "my-project",
      credential: async () => "ya29.token",
      endpoint: server.origin,
      maxConnections: 20,
      ...ONCE,
      ...options,
    });

  it("subscribe and unsubscribe one by one, behind the same interface", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    const gone = JSON.stringify({
      error: {
        code: 404,
        message: "Requested entity was not found.",
        status: "NOT_FOUND",
        details: [{ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode: "UNREGISTERED" }],
      },
    });
    const exists = JSON.stringify({ error: { code: 409, message: "exists", status: "ALREADY_EXISTS" } });
    server.otherwise = (request, socket) => {
      const token = decodeURIComponent(request.path.split("/")[5] ?? "");
      const step = {
        "tok-gone": answer(404, gone),
        "tok-again": answer(409, exists),
        "tok-busy": answer(429, "", { "retry-after": "9" }),
      }[token];
      return (step ?? json({ name: "…", topic_name: "news" }))(request, socket);
    };
    const { outcomes } = await topics.subscribe("news", ["tok/a?b", "tok-gone", "tok-again", "tok-busy"]);
    expect(outcomes).toMatchObject([
      { kind: "accepted", recipient: "tok/a?b" },
      { kind: "unregistered", recipient: "tok-gone", code: "not-registered" },
      { kind: "accepted", recipient: "tok-again" },
      { kind: "retryable", recipient: "tok-busy", code: "quota-exceeded", retryAfterMs: 9_000 },
    ]);
    const paths = server.requests.map(({ method, path }) => `${method} ${path}`);
    expect(paths).toContain(
      "POST /v1/projects/my-project/registrations/tok%2Fa%3Fb/topicSubscriptions?topic_name=news",
    );
    expect(server.requests[0]?.headers["authorization"]).toBe("Bearer ya29.token");
    await topics.unsubscribe("/topics/ne%ws", ["tok-a"]);
    expect(server.requests.at(-1)).toMatchObject({
      method: "DELETE",
      path: "/v1/projects/my-project/registrations/tok-a/topicSubscriptions/ne%25ws?allow_missing=true",
    });
  });

  it("leave a 200 that is not JSON in doubt, and a conflict of an unsubscription unsuccessful", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(answer(200, "<html>a proxy's page</html>"), answer(200, ""), answer(409, ""));
    const page = await topics.subscribe("news", ["tok-a"]);
    expect(page.outcomes).toMatchObject([{ kind: "ambiguous", code: "invalid-response", service: { status: 200 } }]);
    const empty = await topics.unsubscribe("news", ["tok-a"]);
    expect(empty.outcomes).toMatchObject([{ kind: "ambiguous", code: "invalid-response" }]);
    const conflict = await topics.unsubscribe("news", ["tok-a"]);
    expect(conflict.outcomes[0]?.kind).not.toBe("accepted");
  });

  it.each([["."], [".."]])("refuse %j in an address: it would be a way", async (dots) => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    for (const { outcomes } of [await topics.subscribe("news", [dots]), await topics.unsubscribe("news", [dots])]) {
      expect(outcomes).toMatchObject([{ kind: "rejected", detail: expect.stringContaining("must not be . or ..") }]);
    }
    await expect(topics.info(dots)).rejects.toThrow(/token: must not be/);
    await expect(topics.subscribe(dots, ["tok-a"])).rejects.toThrow(/topic: must not be/);
    await expect(topics.unsubscribe(`/topics/${dots}`, ["tok-a"])).rejects.toThrow(/topic: must not be/);
    expect(server.requests).toHaveLength(0);
  });

  /** Holds every answer until it is told otherwise. */
  function hold(server: FaultServer): () => void {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    server.otherwise = async (request, socket) => {
      await held;
      return json({})(request, socket);
    };
    return release;
  }
  const tokensOf = (count: number) => Array.from({ length: count }, (_, n) => `tok-${n}`);

  it("leave connections to other calls", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server, { maxConnections: 2 });
    const release = hold(server);
    const many = topics.subscribe("news", tokensOf(20));
    await server.arrived(2);
    const one = topics.subscribe("news", ["tok-other"]);
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await Promise.all([many, one]);
    const position = server.requests.findIndex(({ path }) => path.includes("tok-other"));
    expect(position).toBeLessThanOrEqual(4);
  });

  it("have a hundred calls under way, and no more, however many sockets there may be", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server, { maxConnections: 500 });
    const release = hold(server);
    const many = topics.subscribe("news", tokensOf(130));
    await server.arrived(100);
    // another one has its round trip: what else had left would have arrived before it
    const one = topics.subscribe("news", ["tok-other"]);
    await server.arrived(101);
    expect(server.requests.at(-1)?.path).toContain("tok-other");
    release();
    await Promise.all([many, one]);
    expect(server.requests).toHaveLength(131);
  });

  it("a bare 404 removes no token", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(answer(404, ""));
    expect((await topics.subscribe("news", ["tok-a"])).outcomes).toMatchObject([
      { kind: "rejected", code: "endpoint-gone" },
    ]);
  });

  it("list an app instance's topics, page by page", async () => {
    await using server = await startFaultServer();
    await using topics = topicsOf(server);
    server.script(
      json({ topicSubscriptions: [{ topic_name: "news", create_time: "2026-01-02T03:04:05Z" }], nextPageToken: "p 2" }),
      json({ topicSubscriptions: [{ topic_name: "sports" }] }),
    );
    expect(await topics.info("tok-a")).toEqual({
      kind: "ok",
      info: { topics: [{ topic: "news", addedAt: "2026-01-02T03:04:05Z" }, { topic: "sports" }] },
    });
    expect(server.requests[1]?.path).toContain("?page_token=p%202");
  });

  it("needs a project", () => {
    expect(() => createTopics({ backend: "topic-subscriptions", credential: async () => "t" })).toThrow(/projectId/);
    expect(() => createTopics({ backend: "other" } as never)).toThrow(/backend/);
  });
});
