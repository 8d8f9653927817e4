import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

/** Calls as an app server would. */
async function call(emulator: Emulator, path: string, { method = "POST", body, headers = {} }: Call = {}) {
  const response = await fetch(emulator.httpUrl + path, {
    method,
    headers: { authorization: "key=k", project_id: "1234567890", "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

async function withDevices(count: number) {
  const emulator = await startEmulator();
  for (let i = 1; i <= count; i++) emulator.createDevice({ token: `token-${i}` });
  return { emulator, [Symbol.asyncDispose]: () => emulator.close() };
}

const create = { operation: "create", notification_key_name: "user-7", registration_ids: ["token-1", "token-2"] };

describe.each(["/gcm/notification", "/fcm/notification"])("device groups at %s", (path) => {
  it("are made, looked up, changed and ended, and each answer names a key", async () => {
    await using world = await withDevices(3);
    const { emulator } = world;
    const { json } = await call(emulator, path, { body: create });
    const key = json["notification_key"];
    expect(key).toMatch(/^APA91b/);
    const look = await call(emulator, `${path}?notification_key_name=user-7`, { method: "GET" });
    expect(look).toEqual({ status: 200, json: { notification_key: key } });
    const change = { notification_key_name: "user-7", notification_key: key };
    const added = await call(emulator, path, { body: { ...change, operation: "add", registration_ids: ["token-3"] } });
    expect(added.status).toBe(200);
    const sent = await call(emulator, "/fcm/send", { body: { to: key, data: { n: "1" } } });
    expect(sent.json).toEqual({ success: 3, failure: 0 });
    const all = ["token-1", "token-2", "token-3"];
    await call(emulator, path, { body: { ...change, operation: "remove", registration_ids: all } });
    const gone = await call(emulator, `${path}?notification_key_name=user-7`, { method: "GET" });
    expect(gone).toEqual({ status: 400, json: { error: "notification_key not found" } });
  });

  it("answer what is wrong with 400 and the text that clients know", async () => {
    await using world = await withDevices(2);
    const { emulator } = world;
    const error = async (body: unknown, headers?: Record<string, string>) =>
      (await call(emulator, path, { body, ...(headers === undefined ? {} : { headers }) })).json["error"];
    const { json } = await call(emulator, path, { body: create });
    const change = { operation: "add", notification_key: json["notification_key"], registration_ids: ["token-1"] };
    expect(await error(create)).toBe("notification_key already exists");
    expect(await error({ ...create, notification_key_name: "b", registration_ids: ["nobody"] })).toBe(
      "no valid registration ids",
    );
    expect(await error({ ...change, notification_key: "other" })).toBe("notification_key not found");
    expect(await error({ ...change, notification_key_name: "other" })).toBe(
      "notification_key_name doesn't match the group name of the notification_key",
    );
    expect(await error({ ...create, operation: "rename" })).toMatch(/^operation/);
    expect(await error("{")).toBe("the body is not JSON");
    expect(await error(create, { project_id: "none" })).toMatch(/^project_id/);
  });

  it("take a key, or an access token that says it is one", async () => {
    await using world = await withDevices(2);
    const status = async (headers: Record<string, string>): Promise<number> =>
      (await call(world.emulator, `${path}?notification_key_name=x`, { method: "GET", headers })).status;
    expect(await status({ authorization: "" })).toBe(401);
    expect(await status({ authorization: "Bearer ya29" })).toBe(401);
  });

  it("lists the members that could not be sent to, and answers 503 when there was none", async () => {
    await using world = await withDevices(2);
    const { emulator } = world;
    const { json } = await call(emulator, path, { body: create });
    const body = { to: json["notification_key"] };
    emulator.deviceOf("token-2")?.unregister();
    expect((await call(emulator, "/fcm/send", { body })).json).toEqual({
      success: 1,
      failure: 1,
      failed_registration_ids: ["token-2"],
    });
    emulator.deviceOf("token-1")?.unregister();
    const response = await fetch(emulator.httpOptions().endpoint, {
      method: "POST",
      headers: { authorization: "key=k", "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([503, "text/html; charset=UTF-8"]);
  });
});

describe("device groups by apps themselves", () => {
  it("need no key but an id_token, and one token at a time", async () => {
    await using world = await withDevices(1);
    const path = "/gcm/googlenotification";
    const body = { operation: "add", notification_key_name: "me", registration_ids: ["token-1"], id_token: "jwt" };
    const headers = { authorization: "" };
    expect((await call(world.emulator, path, { body, headers })).json).toHaveProperty("notification_key");
    expect((await call(world.emulator, path, { body: { ...body, id_token: undefined }, headers })).status).toBe(401);
    expect((await call(world.emulator, path, { body: { ...body, operation: "create" }, headers })).status).toBe(400);
  });
});

describe("Instance ID", () => {
  it("subscribes and unsubscribes one token, and says what it knows of it", async () => {
    await using world = await withDevices(1);
    const { emulator } = world;
    const info = (query = "") => call(emulator, `/iid/info/token-1${query}`, { method: "GET" });
    expect((await info()).json).toEqual({
      application: "com.example.app",
      authorizedEntity: "1234567890",
      applicationVersion: "1",
      platform: "ANDROID",
    });
    const done = await call(emulator, "/iid/v1/token-1/rel/topics/news");
    expect(done).toEqual({ status: 200, json: {} });
    expect((await info("?details=true")).json["rel"]).toEqual({
      topics: { news: { addDate: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) } },
    });
    await call(emulator, "/iid/v1/token-1/rel/topics/news", { method: "DELETE" });
    expect((await info("?details=true")).json).not.toHaveProperty("rel");
  });

  it("answers unknown and malformed tokens and topics as documented", async () => {
    await using world = await withDevices(1);
    const { emulator } = world;
    expect(await call(emulator, "/iid/info/nobody", { method: "GET" })).toEqual({
      status: 404,
      json: { error: "No information found about this instance id." },
    });
    expect(await call(emulator, "/iid/info/ab", { method: "GET" })).toEqual({
      status: 400,
      json: { error: "InvalidToken" },
    });
    expect((await call(emulator, "/iid/v1/nobody/rel/topics/news")).status).toBe(404);
    expect(await call(emulator, "/iid/v1/token-1/rel/topics/a%20b")).toEqual({
      status: 400,
      json: { error: "Topic name format is invalid" },
    });
    expect((await call(emulator, "/iid/info/token-1", { method: "GET", headers: { authorization: "" } })).status).toBe(
      401,
    );
  });

  it("adds and removes in batches, each token with its own result", async () => {
    await using world = await withDevices(2);
    const { emulator } = world;
    const body = { to: "/topics/news", registration_tokens: ["token-1", "nobody", "a b", "token-2"] };
    const added = await call(emulator, "/iid/v1:batchAdd", { body });
    expect(added.json).toEqual({ results: [{}, { error: "NOT_FOUND" }, { error: "INVALID_ARGUMENT" }, {}] });
    expect(emulator.devices.map(({ topics }) => topics)).toEqual([["news"], ["news"]]);
    emulator.faults.next({ endpoint: "instance-id", token: "token-1", error: "quota-exceeded" });
    const removed = await call(emulator, "/iid/v1:batchRemove", { body });
    expect(removed.json).toMatchObject({
      results: [{ error: "RESOURCE_EXHAUSTED" }, {}, {}, {}].map((result, i) =>
        i === 1 ? { error: "NOT_FOUND" } : i === 2 ? { error: "INVALID_ARGUMENT" } : result,
      ),
    });
    expect(emulator.devices.map(({ topics }) => topics)).toEqual([["news"], []]);
  });

  it.each([
    [{ to: "/topics/news" }, "MissingIIdToken"],
    [{ to: "/topics/news", registration_tokens: [] }, "MissingIIdToken"],
    [{ to: "news", registration_tokens: ["token-1"] }, "Topic name format is invalid"],
    [{ to: "/topics/news", registration_tokens: Array(1001).fill("token-1") }, "INVALID_ARGUMENT"],
    [{}, "INVALID_ARGUMENT"],
    ["{", "INVALID_ARGUMENT"],
  ])("refuses a whole batch with 400", async (body, error) => {
    await using world = await withDevices(1);
    expect(await call(world.emulator, "/iid/v1:batchAdd", { body })).toEqual({ status: 400, json: { error } });
  });

  it("imports APNs tokens as new devices", async () => {
    await using world = await withDevices(0);
    const apns = "0123456789abcdef".repeat(4);
    const body = { application: "com.example.ios", sandbox: false, apns_tokens: [apns, "short"] };
    const { json } = await call(world.emulator, "/iid/v1:batchImport", { body });
    expect(json).toEqual({
      results: [
        { apns_token: apns, status: "OK", registration_token: expect.any(String) },
        { apns_token: "short", status: "Internal Server Error" },
      ],
    });
    expect(world.emulator.devices[0]).toMatchObject({ packageName: "com.example.ios" });
  });
});

it("more changes of topics in a second than a project may make are RESOURCE_EXHAUSTED at every endpoint", async () => {
  await using emulator = await startEmulator({ quotas: { topicChangesPerSecond: 2 } });
  for (const token of ["tok-a", "tok-b", "tok-c"]) emulator.createDevice({ token });
  const body = { to: "/topics/news", registration_tokens: ["tok-a", "tok-b", "tok-c"] };
  const batch = await call(emulator, "/iid/v1:batchAdd", { body });
  expect(batch.json).toEqual({ results: [{}, {}, { error: "RESOURCE_EXHAUSTED" }] });
  expect((await call(emulator, "/iid/v1/tok-c/rel/topics/news")).status).toBe(429);
  const bearer = { headers: { authorization: "Bearer t" }, body: {} };
  const path = (token: string) => `/v1/projects/1234567890/registrations/${token}/topicSubscriptions?topic_name=a`;
  const over = await call(emulator, path("tok-a"), bearer);
  expect(over).toMatchObject({ status: 429, json: { error: { status: "RESOURCE_EXHAUSTED" } } });
  emulator.advance(1000);
  expect((await call(emulator, path("tok-a"), bearer)).status).toBe(200);
});

describe("an emulator that registers unknown tokens by itself", () => {
  it("does so for groups and topics too, so that a first try with them works", async () => {
    await using emulator = await startEmulator({ autoRegister: true });
    const made = await call(emulator, "/fcm/notification", { body: { ...create, registration_ids: ["tok-a", "ABC"] } });
    expect(made.status).toBe(200);
    const to = "/topics/news";
    const added = await call(emulator, "/iid/v1:batchAdd", { body: { to, registration_tokens: ["tok-b", "ABC"] } });
    expect(added.json).toEqual({ results: [{}, { error: "INVALID_ARGUMENT" }] });
    const subscribed = await call(emulator, "/v1/projects/p/registrations/tok-c/topicSubscriptions?topic_name=news", {
      headers: { authorization: "Bearer t" },
      body: {},
    });
    expect(subscribed.status).toBe(200);
    await call(emulator, "/fcm/send", { body: { to, data: { n: "1" } } });
    const received = emulator.devices.map(({ token, received }) => [token, received.length]);
    expect(received).toEqual([
      ["tok-a", 0],
      ["tok-b", 1],
      ["tok-c", 1],
    ]);
    // asking registers nothing
    expect((await call(emulator, "/iid/info/tok-d", { method: "GET" })).status).toBe(404);
  });
});

it("Instance ID tells a sender nothing of another sender's tokens", async () => {
  await using emulator = await startEmulator({ apiKeys: [{ key: "k", senderId: "999" }] });
  emulator.createDevice({ token: "token-a" });
  expect((await call(emulator, "/iid/info/token-a", { method: "GET" })).status).toBe(403);
});
