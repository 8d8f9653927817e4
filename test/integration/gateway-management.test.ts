import { startEmulator } from "@cloud-messaging/emulator";
import { createGateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A gateway, and an emulator that is both what it passes calls on to and the old service that its answers are compared with. */
async function setup(options: Partial<GatewayOptions> = {}) {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    projects: { shop: { ...emulator.fcmOptions(), retry: false } },
    clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
    http: { port: 0 },
    answerTimeoutMs: 100_000,
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanups.push(() => gateway.close());
  const caller =
    (origin: string) =>
    async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: { authorization: `key=${KEY}`, project_id: SENDER_ID, "content-type": "application/json", ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, body: JSON.parse(text) as Record<string, unknown>, response };
    };
  return {
    emulator,
    gateway,
    events,
    call: caller(`http://127.0.0.1:${gateway.httpPort}`),
    old: caller(emulator.httpUrl),
  };
}

describe("device groups through the gateway", () => {
  it("are created, changed, looked up and sent to with the client's API key", async () => {
    const { emulator, call, events } = await setup();
    const [a, b] = [emulator.createDevice(), emulator.createDevice()];
    const created = await call("POST", "/gcm/notification", {
      operation: "create",
      notification_key_name: "user-7",
      registration_ids: [a.token, "no token"],
    });
    expect(created.status).toBe(200);
    const added = await call("POST", "/fcm/notification", {
      operation: "add",
      notification_key_name: "user-7",
      notification_key: created.body["notification_key"],
      registration_ids: [b.token],
    });
    expect(added.body).toEqual({ notification_key: expect.any(String) as string });
    const found = await call("GET", "/gcm/notification?notification_key_name=user-7");
    const key = found.body["notification_key"] as string;
    const sent = await call("POST", "/gcm/send", { to: key, data: { n: "1" } });
    expect(sent.body).toMatchObject({ success: 1 });
    await Promise.all([a, b].map((phone) => phone.waitFor(({ data }) => data["n"] === "1")));
    const removed = await call("POST", "/gcm/notification", {
      operation: "remove",
      notification_key_name: "user-7",
      notification_key: key,
      registration_ids: [a.token, b.token],
    });
    expect(removed.status).toBe(200);
    expect((await call("GET", "/gcm/notification?notification_key_name=user-7")).status).toBe(400);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "management", service: "device-groups", status: 400 }),
    );
    expect(JSON.stringify(events)).not.toContain(a.token);
  });

  it.each([
    ["a second create", { operation: "create", notification_key_name: "taken", registration_ids: ["TOKEN"] }],
    ["no valid token", { operation: "create", notification_key_name: "new", registration_ids: ["no token"] }],
    ["no name", { operation: "create", registration_ids: ["TOKEN"] }],
    ["no key", { operation: "add", notification_key_name: "taken", registration_ids: ["TOKEN"] }],
    [
      "a key that is not known",
      { operation: "add", notification_key_name: "taken", notification_key: "APA91-x", registration_ids: ["TOKEN"] },
    ],
    ["no list", { operation: "create", notification_key_name: "new" }],
    ["another operation", { operation: "rename", notification_key_name: "new", registration_ids: ["TOKEN"] }],
    ["no JSON", "{"],
  ])("answer %s as the old service did", async (_, body) => {
    const { emulator, call, old } = await setup();
    const { token } = emulator.createDevice();
    const request = typeof body === "string" ? body : JSON.stringify(body).replace("TOKEN", token);
    await old("POST", "/gcm/notification", {
      operation: "create",
      notification_key_name: "taken",
      registration_ids: [token],
    });
    const expected = await old("POST", "/gcm/notification", request);
    const { status, body: answer } = await call("POST", "/gcm/notification", request);
    expect(expected.status).toBe(400);
    expect({ status, answer }).toEqual({ status: 400, answer: expected.body });
  });

  it("belong to the client's sender ID, and to no other", async () => {
    const { call, events } = await setup();
    const look = "/gcm/notification?notification_key_name=x";
    expect((await call("GET", look, undefined, { project_id: "999" })).status).toBe(401);
    expect((await call("GET", look, undefined, { authorization: "key=unknown" })).status).toBe(401);
    expect((await call("GET", look, undefined, { project_id: "my project" })).status).toBe(400);
    const reasons = events.map((event) => event.type === "login-refused" && event.reason);
    expect(reasons).toEqual(["wrong-sender", "unknown-key"]);
  });
});

describe("Instance ID topics through the gateway", () => {
  it("are subscribed to and left in batches and one by one, and looked up", async () => {
    const { emulator, call, old } = await setup();
    const phone = emulator.createDevice();
    const gone = emulator.createDevice();
    gone.unregister();
    const batch = { to: "/topics/news", registration_tokens: [phone.token, gone.token, "no token", "x"] };
    const expected = await old("POST", "/iid/v1:batchAdd", batch);
    const added = await call("POST", "/iid/v1:batchAdd", batch);
    expect(added).toMatchObject({ status: 200, body: expected.body });
    expect(await call("POST", `/iid/v1/${phone.token}/rel/topics/sports`, "")).toMatchObject({ status: 200, body: {} });
    await call("POST", "/gcm/send", { to: "/topics/sports", data: { n: "1" } });
    await phone.waitFor(({ data }) => data["n"] === "1");
    for (const details of ["", "?details=true"]) {
      const path = `/iid/info/${phone.token}${details}`;
      expect((await call("GET", path)).body).toEqual((await old("GET", path)).body);
    }
    const left = await call("POST", "/iid/v1:batchRemove", { to: "/topics/news", registration_tokens: [phone.token] });
    expect(left.body).toEqual({ results: [{}] });
    expect((await call("DELETE", `/iid/v1/${phone.token}/rel/topics/sports`)).status).toBe(200);
    expect((await call("GET", `/iid/info/${phone.token}?details=true`)).body).not.toHaveProperty("rel");
  });

  it.each([
    ["POST", "/iid/v1:batchAdd", { to: "/topics/ne ws", registration_tokens: ["TOKEN"] }],
    ["POST", "/iid/v1:batchAdd", { to: "news", registration_tokens: ["TOKEN"] }],
    ["POST", "/iid/v1:batchAdd", { to: "/topics/news", registration_tokens: [] }],
    ["POST", "/iid/v1:batchAdd", { to: "/topics/news" }],
    ["POST", "/iid/v1:batchAdd", { to: 7 }],
    ["POST", "/iid/v1:batchRemove", "{"],
    ["POST", "/iid/v1/GONE/rel/topics/news", ""],
    ["POST", "/iid/v1/TOKEN/rel/topics/ne%20ws", ""],
    ["GET", "/iid/info/GONE", undefined],
    ["GET", "/iid/info/no%20token", undefined],
  ])("answer %s %s with %j as the old service did", async (method, path, body) => {
    const { emulator, call, old } = await setup();
    const { token } = emulator.createDevice();
    const gone = emulator.createDevice();
    gone.unregister();
    const fill = (text: string) => text.replace("TOKEN", token).replace("GONE", gone.token);
    const request = body === undefined ? undefined : fill(typeof body === "string" ? body : JSON.stringify(body));
    const expected = await old(method, fill(path), request);
    expect(expected.status).toBeGreaterThanOrEqual(400);
    const { status, body: answer } = await call(method, fill(path), request);
    expect({ status, answer }).toEqual({ status: expected.status, answer: expected.body });
  });
});

describe("a management call that cannot be passed on", () => {
  it("is answered 503 with Retry-After while the service says so, and above the client's rate", async () => {
    const { emulator, call } = await setup({
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID, perMinute: 1 }],
    });
    const { token } = emulator.createDevice();
    emulator.faults.nextRequest({ endpoint: "instance-id", status: 503, retryAfter: "30" });
    const busy = await call("POST", "/iid/v1:batchAdd", { to: "/topics/news", registration_tokens: [token] });
    expect(busy.status).toBe(503);
    expect(Number(busy.response.headers.get("retry-after"))).toBeGreaterThan(20);
    const above = await call("GET", `/iid/info/${token}`);
    expect(above.status).toBe(503);
    expect(Number(above.response.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it("is answered 500 when the gateway's own credential is refused", async () => {
    const { emulator } = await setup();
    const { credential: _, ...rest } = emulator.fcmOptions();
    const credential = async () => {
      throw new Error("no token today");
    };
    const { call } = await setup({ projects: { shop: { ...rest, retry: false, credential } as never } });
    const group = await call("GET", "/gcm/notification?notification_key_name=x");
    const topic = await call("POST", "/iid/v1/some-token/rel/topics/news", "");
    expect([group.status, topic.status].every((status) => status === 500 || status === 503)).toBe(true);
  });
});
