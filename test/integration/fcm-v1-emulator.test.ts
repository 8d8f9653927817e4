import { sign } from "node:crypto";
import { createManualClock, createMemoryRegistrationStore } from "@cloud-messaging/core";
import { type Emulator, type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { createFcmSender, type FcmSenderOptions } from "@cloud-messaging/http-sender";
import { afterEach, describe, expect, it } from "vitest";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const FID = "cTEST0123456789abcdefg";

async function anEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const emulator = await startEmulator({ ccsPort: false, ...options });
  cleanups.push(() => emulator.close());
  return emulator;
}

function aSender(emulator: Emulator, options: Partial<FcmSenderOptions> = {}) {
  const registrations = createMemoryRegistrationStore();
  const sender = createFcmSender({ ...emulator.fcmOptions(), registrations, retry: false, ...options });
  cleanups.push(() => sender.close());
  return { sender, registrations };
}

interface V1Answer {
  readonly headers: Headers;
  readonly status: number;
  readonly body: {
    readonly name?: string;
    readonly error?: { code: number; message: string; status: string; details?: Record<string, unknown>[] };
  };
}

/** A request as some other client would make it. */
async function send(emulator: Emulator, body: unknown, project = "demo", token = "ya29.any"): Promise<V1Answer> {
  const response = await fetch(`${emulator.httpUrl}/v1/projects/${project}/messages:send`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as V1Answer["body"] };
}

const errorCodeOf = ({ body }: V1Answer): unknown =>
  body.error?.details?.find((detail) => "errorCode" in detail)?.["errorCode"];

describe("the emulator's FCM HTTP v1", () => {
  it.each(["2", "1.1"] as const)(
    "takes a message over HTTP/%s from a service account to a device",
    async (httpVersion) => {
      const emulator = await anEmulator();
      const device = emulator.createDevice();
      const { sender } = aSender(emulator, { httpVersion });
      const report = await sender.send({
        target: { token: device.token },
        data: { n: "3", text: "日本語 👋🏽" },
        notification: { title: "Hello" },
        collapseKey: "inbox",
        timeToLiveSec: 60,
      });
      expect(report.outcomes).toMatchObject([{ kind: "accepted" }]);
      expect(JSON.stringify(report.outcomes)).toContain("projects/emulator-project/messages/0:");
      const received = await device.waitFor(() => true);
      expect(received).toMatchObject({
        data: { n: "3", text: "日本語 👋🏽" },
        notification: { title: "Hello" },
        collapseKey: "inbox",
      });
      expect(emulator.fcm.tokensIssued).toBe(1);
      const [captured] = emulator.inbox.messages;
      expect(captured).toMatchObject({ protocol: "fcm-v1", timeToLiveSec: 60, priority: "high", state: "delivered" });
    },
  );

  it("works with plain HTTP too, where there is no HTTPS", async () => {
    const emulator = await anEmulator({ httpsPort: false });
    const device = emulator.createDevice();
    const { sender } = aSender(emulator);
    expect((await sender.send({ target: { token: device.token } })).outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  it("sends to topics, conditions and groups", async () => {
    const emulator = await anEmulator();
    const device = emulator.createDevice();
    device.subscribe("news");
    const { sender } = aSender(emulator);
    await sender.send({ target: { topic: "news" }, data: { n: "1" } });
    await sender.send({ target: { condition: "'news' in topics && !('old' in topics)" }, data: { n: "2" } });
    await sender.send({ target: { topic: "other" }, data: { n: "3" } });
    await device.waitFor(({ data }) => data["n"] === "2");
    expect(device.received.map(({ data, from }) => [from, data["n"]])).toEqual([
      ["/topics/news", "1"],
      ["'news' in topics && !('old' in topics)", "2"],
    ]);
  });

  it("checks and delivers nothing with validate_only", async () => {
    const emulator = await anEmulator();
    const device = emulator.createDevice();
    const { sender } = aSender(emulator);
    const { outcomes } = await sender.send({ target: { token: device.token }, dryRun: true });
    expect(outcomes).toMatchObject([
      { kind: "accepted", messageId: "projects/emulator-project/messages/fake_message_id" },
    ]);
    expect(device.received).toEqual([]);
  });

  it("reaches an installation by its ID, and from then on by nothing else", async () => {
    const emulator = await anEmulator();
    const token = `${FID}:APA91bOld`;
    const device = emulator.createDevice({ token });
    const { sender, registrations } = aSender(emulator);
    registrations.register("ann", token);
    expect((await sender.send({ target: { token } })).outcomes).toMatchObject([{ kind: "accepted" }]);
    registrations.register("ann", FID);
    expect((await sender.sendToUser("ann", { data: { n: "1" } })).outcomes).toMatchObject([{ kind: "accepted" }]);
    await device.waitFor(({ data }) => data["n"] === "1");
    // somebody who still has the token, and knows nothing of the ID
    const { sender: other } = aSender(emulator);
    expect((await other.send({ target: { token } })).outcomes).toMatchObject([{ kind: "unregistered" }]);
    expect((await other.send({ target: { fid: FID } })).outcomes).toMatchObject([{ kind: "accepted" }]);
    expect((await other.send({ target: { fid: "dUNKNOWN12345678abcdef" } })).outcomes).toMatchObject([
      { kind: "unregistered" },
    ]);
  });

  it("refuses a token that its project's number does not belong to", async () => {
    const emulator = await anEmulator();
    const device = emulator.createDevice({ senderId: "111" });
    const answer = await send(emulator, { message: { token: device.token } }, "222");
    expect(answer.status).toBe(403);
    expect(errorCodeOf(answer)).toBe("SENDER_ID_MISMATCH");
    expect((await send(emulator, { message: { token: device.token } }, "111")).status).toBe(200);
  });

  it("takes camelCase as well as snake_case", async () => {
    const emulator = await anEmulator();
    const device = emulator.createDevice();
    const answer = await send(emulator, {
      validateOnly: true,
      message: { token: device.token, android: { collapseKey: "k", restrictedPackageName: "com.example.app" } },
    });
    expect(answer).toMatchObject({ status: 200, body: { name: "projects/demo/messages/fake_message_id" } });
  });

  it.each<[string, unknown, number, string, unknown, RegExp]>([
    ["no JSON", "{", 400, "INVALID_ARGUMENT", undefined, /Invalid JSON payload received/],
    ["no message", {}, 400, "INVALID_ARGUMENT", undefined, /'message'/],
    ["no target", { message: {} }, 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", /Recipient of the message is not set/],
    [
      "two targets",
      { message: { token: "tok-a", topic: "b" } },
      400,
      "INVALID_ARGUMENT",
      undefined,
      /'message' \(oneof\), oneof field 'target' is already set\. Cannot set 'topic'/,
    ],
    [
      "a number in data",
      { message: { token: "tok-a", data: { a: "1", n: 12 } } },
      400,
      "INVALID_ARGUMENT",
      undefined,
      /Invalid value at 'message\.data\[1\]\.value' \(TYPE_STRING\), 12/,
    ],
    [
      "an unknown field",
      { message: { token: "tok-a", to: "x" } },
      400,
      "INVALID_ARGUMENT",
      undefined,
      /Unknown name "to" at 'message': Cannot find field/,
    ],
    [
      "a bad duration",
      { message: { token: "tok-a", android: { ttl: "3" } } },
      400,
      "INVALID_ARGUMENT",
      undefined,
      /message\.android\.ttl/,
    ],
    [
      "a time to live beyond four weeks",
      { message: { token: "tok-a", android: { ttl: "2419201s" } } },
      400,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      /2419200/,
    ],
    [
      "a reserved key",
      { message: { token: "tok-a", data: { from: "x" } } },
      400,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      /reserved/,
    ],
    [
      "a malformed token",
      { message: { token: "a b" } },
      400,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      /not a valid FCM registration token/,
    ],
    [
      "a token that looks like none that was given out",
      { message: { token: "not-a-token" } },
      400,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      /not a valid FCM registration token/,
    ],
    [
      "an unknown token of the right form",
      { message: { token: `${"f".repeat(22)}:APA91b${"x".repeat(134)}` } },
      404,
      "NOT_FOUND",
      "UNREGISTERED",
      /not found/,
    ],
    ["a malformed fid", { message: { fid: "not-a-fid" } }, 404, "NOT_FOUND", "UNREGISTERED", /not found/],
    ["an unknown fid", { message: { fid: "d".repeat(22) } }, 404, "NOT_FOUND", "UNREGISTERED", /not found/],
    ["a malformed topic", { message: { topic: "a b" } }, 400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", /topic/],
    [
      "a malformed condition",
      { message: { condition: "'a' in" } },
      400,
      "INVALID_ARGUMENT",
      "INVALID_ARGUMENT",
      /condition/,
    ],
  ])("answers %s as the service does", async (_name, body, status, word, errorCode, message) => {
    const emulator = await anEmulator();
    const answer = await send(emulator, body);
    expect(answer.status).toBe(status);
    expect(answer.body.error).toMatchObject({ code: status, status: word });
    expect(errorCodeOf(answer)).toBe(errorCode);
    expect(answer.body.error?.message).toMatch(message);
  });

  it("answers 400 to a payload over its limit, of Android's own data too", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const data = { n: "x".repeat(4_096) };
    for (const message of [
      { token, data },
      { token, android: { data } },
      { token, notification: { title: "Hello", body: "x".repeat(4_096) } },
      { token, data: { n: "x".repeat(3_000) }, android: { notification: { body: "x".repeat(1_100) } } },
    ]) {
      const answer = await send(emulator, { message });
      expect([answer.status, errorCodeOf(answer)]).toEqual([400, "INVALID_ARGUMENT"]);
    }
    const fitting = { token, data: { n: "x".repeat(3_000) }, notification: { body: "x".repeat(1_000) } };
    expect((await send(emulator, { message: fitting })).status).toBe(200);
  });

  it.each([
    ["quota-exceeded", 429, "QUOTA_EXCEEDED", "retryable"],
    ["unavailable", 503, "UNAVAILABLE", "retryable"],
    ["internal-error", 500, "INTERNAL", "retryable"],
    ["mismatch-sender-id", 403, "SENDER_ID_MISMATCH", "rejected"],
    ["invalid-apns-credential", 401, "THIRD_PARTY_AUTH_ERROR", "rejected"],
    ["not-registered", 404, "UNREGISTERED", "unregistered"],
    ["UNREGISTERED", 404, "UNREGISTERED", "unregistered"],
  ])("answers a scripted %s in v1's words, which the client reads back", async (error, status, errorCode, kind) => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    emulator.faults.next({ error, times: 2, endpoint: "fcm-v1", retryAfter: "7" });
    const answer = await send(emulator, { message: { token } });
    expect([answer.status, errorCodeOf(answer)]).toEqual([status, errorCode]);
    const { sender } = aSender(emulator);
    const { outcomes } = await sender.send({ target: { token } });
    expect(outcomes).toMatchObject([{ kind, ...(kind === "retryable" ? { retryAfterMs: 7_000 } : {}) }]);
  });

  it.each(["2", "1.1"] as const)("spoils answers over HTTP/%s as it is told", async (httpVersion) => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const { sender } = aSender(emulator, { httpVersion });
    for (const kind of ["reset-before-headers", "reset-in-body", "truncate", "html", "empty", "not-json"] as const) {
      emulator.faults.http({ kind, endpoint: "fcm-v1" });
      const { outcomes } = await sender.send({ target: { token } });
      expect({ fault: kind, kind: outcomes[0]?.kind }).toEqual({ fault: kind, kind: "ambiguous" });
    }
    expect((await sender.send({ target: { token } })).outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  it("has a quota per project, that comes back after a minute", async () => {
    const clock = createManualClock();
    const emulator = await anEmulator({ clock, throttling: { collapsible: false } });
    const { token } = emulator.createDevice();
    emulator.fcm.quotaPerMinute = 2;
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push((await send(emulator, { message: { token } })).status);
    statuses.push((await send(emulator, { message: { token } }, "another")).status);
    emulator.advance(60_000);
    statuses.push((await send(emulator, { message: { token } })).status);
    expect(statuses).toEqual([200, 200, 429, 200, 200]);
  });

  it("tells a client that has used up its quota when to come back", async () => {
    const emulator = await anEmulator({ throttling: { collapsible: false }, quotas: { messagesPerMinute: 1 } });
    const { token } = emulator.createDevice();
    expect((await send(emulator, { message: { token } })).status).toBe(200);
    const over = await send(emulator, { message: { token } });
    expect(over).toMatchObject({ status: 429, body: { error: { status: "RESOURCE_EXHAUSTED" } } });
    expect(errorCodeOf(over)).toBe("QUOTA_EXCEEDED");
    expect(Number(over.headers.get("retry-after"))).toBeGreaterThan(50);
  });
});

describe("the emulator's access tokens", () => {
  it("are asked for: no token, 401; a stranger's, good unless it is told otherwise", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const none = await send(emulator, { message: { token } }, "demo", "");
    expect(none).toMatchObject({ status: 401, body: { error: { status: "UNAUTHENTICATED" } } });
    expect(errorCodeOf(none)).toBeUndefined();
    expect((await send(emulator, { message: { token } }, "demo", "stranger")).status).toBe(200);
    emulator.fcm.acceptForeignTokens = false;
    expect((await send(emulator, { message: { token } }, "demo", "stranger")).status).toBe(401);
  });

  it("that expire in mid-batch are replaced by the client, and nothing is lost", async () => {
    const emulator = await anEmulator();
    const tokens = Array.from({ length: 60 }, () => emulator.createDevice().token);
    const { sender } = aSender(emulator, { maxRequests: 4 });
    let seen = 0;
    emulator.events.subscribe((event) => {
      if (event.type === "request" && event.path.endsWith("messages:send") && ++seen === 20)
        emulator.fcm.expireTokens();
    });
    const { outcomes } = await sender.send({ target: { tokens }, data: { n: "1" } });
    expect(outcomes.every(({ kind }) => kind === "accepted")).toBe(true);
    expect(emulator.fcm.tokensIssued).toBe(2);
    expect(emulator.stats.statuses[401]).toBeGreaterThan(0);
  });

  it("are not given to a revoked key: the send is rejected at once", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const { sender } = aSender(emulator, { retry: {} });
    emulator.fcm.revokeServiceAccounts();
    const { outcomes } = await sender.send({ target: { token } });
    expect(outcomes).toMatchObject([{ kind: "rejected", code: "authentication-failed" }]);
    expect(emulator.inbox.messages).toHaveLength(0);
    // the new account is another one
    const { sender: renewed } = aSender(emulator);
    expect((await renewed.send({ target: { token } })).outcomes).toMatchObject([{ kind: "accepted" }]);
  });

  it.each<[string, string, object, object]>([
    ["another algorithm", "invalid_grant", { alg: "RS512" }, {}],
    ["another address", "invalid_grant", {}, { aud: "https://fcm.googleapis.com/" }],
    ["no address", "invalid_grant", {}, { aud: undefined }],
    ["no scope", "invalid_grant", {}, { scope: undefined }],
    ["a scope that allows something else", "invalid_scope", {}, { scope: "https://www.googleapis.com/auth/drive" }],
  ])("are not given for a grant of its own account with %s", async (_name, expected, header, claims) => {
    const emulator = await anEmulator();
    const key = emulator.fcm.serviceAccount();
    const now = Math.floor(Date.now() / 1000);
    const exchange = async (otherHeader: object, otherClaims: object) => {
      const scope = "openid https://www.googleapis.com/auth/firebase.messaging";
      const grant = { iss: key.client_email, aud: key.token_uri, scope, iat: now, exp: now + 3600, ...otherClaims };
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
      const signed = `${part({ alg: "RS256", typ: "JWT", ...otherHeader })}.${part(grant)}`;
      const signature = sign("RSA-SHA256", Buffer.from(signed), key.private_key).toString("base64url");
      const response = await fetch(`${emulator.httpUrl}/token`, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
          assertion: `${signed}.${signature}`,
        }),
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    };
    expect(await exchange(header, claims)).toMatchObject({ status: 400, body: { error: expected } });
    expect((await exchange({}, {})).status).toBe(200);
  });

  it("are given to a client whose clock is an hour slow, once it has learned the time", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const { sender } = aSender(emulator, { clock: createManualClock(Date.now() - 3_600_000) });
    expect((await sender.send({ target: { token } })).outcomes).toMatchObject([{ kind: "accepted" }]);
  });
});

describe("the emulator's topic subscriptions of 2026", () => {
  it("come one by one: create, repeat, upsert, list, delete", async () => {
    const emulator = await anEmulator();
    const device = emulator.createDevice();
    const call = async (method: string, tail: string): Promise<[number, Record<string, unknown>]> => {
      const base = `${emulator.httpUrl}/v1/projects/demo/registrations/${encodeURIComponent(device.token)}/topicSubscriptions`;
      const body = method === "POST" || method === "PATCH" ? "{}" : null;
      const response = await fetch(base + tail, { method, headers: { authorization: "Bearer x" }, body });
      return [response.status, (await response.json()) as Record<string, unknown>];
    };
    expect(await call("POST", "?topic_name=news")).toMatchObject([200, { topic_name: "news" }]);
    expect(device.topics).toEqual(["news"]);
    expect(await call("POST", "?topic_name=news")).toMatchObject([409, { error: { status: "ALREADY_EXISTS" } }]);
    expect(await call("PATCH", "/other")).toMatchObject([404, { error: { status: "NOT_FOUND" } }]);
    expect(await call("PATCH", "/other?allow_missing=true")).toMatchObject([200, { topic_name: "other" }]);
    const [, list] = await call("GET", "");
    expect(list["topic_subscriptions"]).toMatchObject([{ topic_name: "news" }, { topic_name: "other" }]);
    expect(await call("GET", "/news")).toMatchObject([200, { topic_name: "news" }]);
    expect(await call("DELETE", "/news")).toMatchObject([200, {}]);
    expect(await call("DELETE", "/news")).toMatchObject([404, {}]);
    expect(await call("DELETE", "/news?allow_missing=true")).toMatchObject([200, {}]);
    expect(await call("POST", "?topic_name=no%20topic")).toMatchObject([400, {}]);
    expect(device.topics).toEqual(["other"]);
  });
});
