import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Emulator, type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";
import { CcsPeer } from "./emulator-ccs-peer.ts";

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape, looked at field by field
type Json = any;

/** Calls the control API. */
async function api(
  emulator: Emulator,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; json: Json }> {
  const response = await fetch(`${emulator.httpUrl}/emulator/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, json: text === "" ? undefined : (JSON.parse(text) as Json) };
}

async function send(emulator: Emulator, body: unknown): Promise<Json> {
  const response = await fetch(emulator.httpOptions().endpoint, {
    method: "POST",
    headers: { authorization: "key=k", "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return response.json();
}

describe("the control API", () => {
  it("makes devices and works them", async () => {
    await using emulator = await startEmulator();
    const { status, json } = await api(emulator, "POST", "/devices", { name: "Anna's phone", token: "token-a" });
    expect([status, json.token, json.name]).toEqual([201, "token-a", "Anna's phone"]);
    const path = `/devices/${json.id}`;
    await api(emulator, "PATCH", path, { connected: false });
    await send(emulator, { to: "token-a", data: { n: "1" } });
    expect((await api(emulator, "GET", path)).json).toMatchObject({ connected: false, stored: 1 });
    await api(emulator, "PATCH", "/devices/token-a", { connected: true });
    expect((await api(emulator, "GET", `${path}/received`)).json.received).toMatchObject([{ data: { n: "1" } }]);
    await api(emulator, "POST", `${path}/reregister`, { token: "token-b" });
    // one of its own may come back
    for (const token of ["token-a", "token-b"])
      expect((await api(emulator, "POST", `${path}/reregister`, { token })).status).toBeLessThan(300);
    expect((await send(emulator, { to: "token-a" })).results[0].registration_id).toBe("token-b");
    await api(emulator, "POST", `${path}/topics`, { topic: "news" });
    expect((await api(emulator, "GET", path)).json.topics).toEqual(["news"]);
    await api(emulator, "DELETE", `${path}/topics/news`);
    await api(emulator, "POST", `${path}/uninstall`);
    await send(emulator, { to: "token-b" });
    expect((await send(emulator, { to: "token-b" })).results).toEqual([{ error: "NotRegistered" }]);
    expect((await api(emulator, "DELETE", path)).status).toBe(204);
    expect((await api(emulator, "GET", "/devices")).json).toEqual({ devices: [] });
  });

  it("lists, searches, shows and clears messages", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice({ token: "token-a" });
    await send(emulator, { to: "token-a", data: { text: "needle" }, collapse_key: "k" });
    await send(emulator, { to: "nobody" });
    const { json } = await api(emulator, "GET", "/messages");
    expect(json).toMatchObject({
      total: 2,
      pruned: 0,
      messages: [
        { id: 2, state: "rejected" },
        { id: 1, state: "delivered" },
      ],
    });
    expect((await api(emulator, "GET", "/messages?search=NEEDLE")).json.messages).toHaveLength(1);
    expect((await api(emulator, "GET", "/messages?state=rejected")).json.messages).toMatchObject([{ to: "nobody" }]);
    expect((await api(emulator, "GET", "/messages?limit=1&before=2")).json.messages).toMatchObject([{ id: 1 }]);
    expect((await api(emulator, "GET", "/messages/1")).json).toMatchObject({
      wire: '{"to":"token-a","data":{"text":"needle"},"collapse_key":"k"}',
      timeline: [{ event: "accepted" }, { event: "delivered" }],
    });
    expect((await api(emulator, "GET", "/messages/latest")).json.to).toBe("nobody");
    expect((await api(emulator, "GET", "/messages/latest?to=token-a")).json).toMatchObject({
      id: 1,
      wire: expect.stringContaining("needle"),
    });
    expect((await api(emulator, "GET", "/messages/latest?state=delivered&search=needle")).json.id).toBe(1);
    expect((await api(emulator, "GET", "/messages/latest?to=token")).json.error).toBe("no captured message matches");
    expect((await api(emulator, "GET", "/messages?to=nobody")).json.messages).toHaveLength(1);
    await api(emulator, "DELETE", "/messages");
    expect((await api(emulator, "GET", "/messages/latest")).status).toBe(404);
  });

  it("arms every kind of fault and disarms it", async () => {
    await using emulator = await startEmulator();
    const faults = [
      { kind: "next", token: "token-a", error: "unavailable", times: 2 },
      { kind: "random", rate: 0.5, error: "unavailable" },
      { kind: "request", status: 503, retryAfter: "2" },
      { kind: "http", fault: "html" },
      { kind: "cut", messages: 3, beforeAck: false },
      { kind: "drain", messages: 3, nack: true },
      { kind: "login", fault: "not-authorized" },
    ];
    for (const fault of faults) expect((await api(emulator, "POST", "/faults", fault)).status).toBe(201);
    const { json } = await api(emulator, "GET", "/faults");
    expect(json.faults).toHaveLength(7);
    await api(emulator, "DELETE", `/faults/${json.faults[0].id}`);
    expect(emulator.faults.armed).toHaveLength(6);
    await api(emulator, "DELETE", "/faults");
    expect(emulator.faults.armed).toEqual([]);
  });

  it("arms no fault that could not be answered as it says, and says when there is none to disarm", async () => {
    await using emulator = await startEmulator();
    for (const [body, said] of [
      [{ kind: "request", status: 503, retryAfter: "a\r\nb" }, /retryAfter: must be text of printable ASCII/],
      [{ kind: "request", status: 503, contentType: "text/☃" }, /contentType: must be text of printable ASCII/],
      [{ kind: "next", error: "unavailable", retryAfter: { date: 1e300 } }, /retryAfter: must be a date/],
      [{ kind: "next", error: "unavailable", times: 1.5 }, /times: must be a whole number/],
    ] as const) {
      const { status, json } = await api(emulator, "POST", "/faults", body);
      expect(status).toBe(400);
      expect(json.error).toMatch(said);
    }
    expect(emulator.faults.armed).toEqual([]);
    expect((await api(emulator, "DELETE", "/faults/7")).status).toBe(404);
  });

  it("arms none by a program either that would meet nobody or could not be answered", async () => {
    await using emulator = await startEmulator();
    const { faults } = emulator;
    const wrong: readonly [path: string, arm: () => void][] = [
      ["endpoint", () => faults.next({ error: "unavailable", endpoint: "gcm" as never })],
      ["retryAfter", () => faults.next({ error: "unavailable", retryAfter: null as never })],
      ["to", () => faults.next({ error: "unavailable", to: ["token-a"] as never })],
      ["endpoint", () => faults.random({ rate: 1, error: "unavailable", endpoint: "http" as never })],
      ["body", () => faults.nextRequest({ status: 400, body: { error: "no" } as never })],
      ["endpoint", () => faults.http({ kind: "hang", endpoint: "ccs" as never })],
    ];
    for (const [path, arm] of wrong) {
      await expect((async () => arm())()).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS", problems: [{ path }] });
    }
    expect(faults.armed).toEqual([]);
  });

  it("shows and changes quotas and tokens, and sets quotas back at a reset", async () => {
    await using emulator = await startEmulator({ quotas: { concurrentFanOuts: 5 } });
    const { json } = await api(emulator, "GET", "/settings");
    expect(json).toMatchObject({
      quotas: { messagesPerMinute: null, retryAfter: "seconds", concurrentFanOuts: 5 },
      fcm: { tokenLifetimeSec: 3599, acceptForeignTokens: true },
    });
    const changed = await api(emulator, "PATCH", "/settings", {
      quotas: { messagesPerMinute: 600_000, concurrentFanOuts: null },
      fcm: { acceptForeignTokens: false },
    });
    expect(changed.json).toMatchObject({
      quotas: { messagesPerMinute: 600_000, concurrentFanOuts: null },
      fcm: { acceptForeignTokens: false },
    });
    expect(emulator.quotas).toMatchObject({ messagesPerMinute: 600_000, concurrentFanOuts: Number.POSITIVE_INFINITY });
    expect(emulator.fcm.quotaPerMinute).toBe(600_000);
    expect((await api(emulator, "PATCH", "/settings", { quotas: { messagesPerMinute: 0 } })).status).toBe(400);
    expect((await api(emulator, "PATCH", "/settings", { quotas: { messages: 1 } })).status).toBe(400);
    await api(emulator, "POST", "/reset");
    expect(emulator.quotas).toMatchObject({ messagesPerMinute: Number.POSITIVE_INFINITY, concurrentFanOuts: 5 });
    const account = emulator.fcm.serviceAccount();
    expect((await api(emulator, "POST", "/service-account/revoke")).status).toBe(204);
    expect(emulator.fcm.serviceAccount().private_key_id).not.toBe(account.private_key_id);
    expect((await api(emulator, "POST", "/access-tokens/expire")).status).toBe(204);
  });

  it("moves the clock, drains, cuts, acks, nacks and resets", async () => {
    await using emulator = await startEmulator();
    const device = emulator.createDevice({ token: "token-a", connected: false });
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    await api(emulator, "POST", "/connections/auto-ack", { autoAck: false });
    peer.gcm({ to: "token-a", message_id: "m-1", time_to_live: 60 });
    peer.gcm({ to: "token-a", message_id: "m-2" });
    await emulator.inbox.waitFor({ count: 2 });
    await api(emulator, "POST", "/connections/nack", { messageId: "m-2", error: "unavailable" });
    expect(await peer.next()).toMatchObject({ message_id: "m-2", error: "SERVICE_UNAVAILABLE" });
    expect((await api(emulator, "POST", "/connections/ack", {})).json).toEqual({ acked: 1 });
    expect((await api(emulator, "POST", "/connections/ack", { messageId: "m-9" })).status).toBe(404);
    expect(device.stored).toBe(1);
    const before = (await api(emulator, "GET", "/clock")).json.now;
    expect((await api(emulator, "POST", "/clock", { advanceMs: 60_000 })).json.now).toBeGreaterThanOrEqual(
      before + 60_000,
    );
    expect(emulator.inbox.get(1)?.state).toBe("expired");
    expect((await api(emulator, "POST", "/clock", { advanceMs: 1e300 })).status).toBe(400);
    expect((await api(emulator, "POST", "/clock", '{"advanceMs":1e999}')).status).toBe(400);
    expect(emulator.now()).toBeLessThan(before + 1e9);
    const { connections } = (await api(emulator, "GET", "/connections")).json;
    expect(connections).toMatchObject([{ phase: "online", senderId: "1234567890", pending: 0 }]);
    await api(emulator, "POST", "/connections/drain", { connectionId: connections[0].id });
    await peer.until("CONNECTION_DRAINING");
    expect((await api(emulator, "POST", "/connections/cut", { connectionId: 99 })).status).toBe(404);
    await api(emulator, "POST", "/connections/cut", {});
    await peer.ended();
    await api(emulator, "POST", "/reset");
    expect((await api(emulator, "GET", "/stats")).json).toMatchObject({ messages: 0, drains: 0 });
    expect(emulator.ccs.autoAck).toBe(true);
    expect(emulator.devices).toEqual([]);
  });

  it("sends upstream what JavaScript gives a meaning to, and says in OpenAPI what the data is", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    emulator.createDevice({ token: "token-a" });
    await api(emulator, "POST", "/devices/token-a/upstream", '{"data":{"__proto__":"p","constructor":"c"}}');
    expect(Object.entries((await peer.next())["data"] as object)).toEqual([
      ["__proto__", "p"],
      ["constructor", "c"],
    ]);
    const { json } = await api(emulator, "GET", "/openapi.json");
    const { schema } = json.paths["/devices/{id}/upstream"].post.requestBody.content["application/json"];
    expect(schema.properties.data).toMatchObject({ type: "object", additionalProperties: { type: "string" } });
  });

  it("sends upstream messages and confirms receipts for a device", async () => {
    await using emulator = await startEmulator();
    await using peer = await CcsPeer.login(emulator.ccsOptions());
    await api(emulator, "POST", "/devices", { token: "token-a", confirmReceipts: "manual" });
    const { json } = await api(emulator, "POST", "/devices/token-a/upstream", { data: { q: "1" }, messageId: "u-1" });
    expect(json).toEqual({ messageId: "u-1" });
    expect(await peer.next()).toMatchObject({ message_id: "u-1", data: { q: "1" } });
    peer.gcm({ to: "token-a", message_id: "m-1", delivery_receipt_requested: true });
    await peer.next();
    expect((await api(emulator, "POST", "/devices/token-a/confirm", { messageId: "m-1" })).status).toBe(204);
    expect(await peer.next()).toMatchObject({ message_id: "dr2:m-1" });
    expect((await api(emulator, "POST", "/devices/token-a/confirm", { messageId: "m-1" })).status).toBe(404);
  });

  it.each([
    ["POST", "/devices", { token: "a b" }, 400, /token/],
    ["POST", "/devices", { nonsense: 1 }, 400, /is not a field of this call/],
    ["POST", "/faults", { kind: "next", error: "connection-lost" }, 400, /no word on any wire/],
    ["POST", "/clock", { advanceMs: -1 }, 400, /advanceMs/],
    ["POST", "/devices", "{", 400, /not JSON/],
    ["PUT", "/state", { version: 3 }, 400, /version/],
    ["POST", "/devices/token-known/upstream", { notificationKey: "no-such-key" }, 400, /notificationKey/],
    ["GET", "/devices/nobody", undefined, 404, /no such device/],
    ["GET", "/messages/7", undefined, 404, /no such message/],
  ])("answers %s %s with what is wrong", async (method, path, body, status, problem) => {
    await using emulator = await startEmulator();
    emulator.createDevice({ token: "token-known" });
    const answer = await api(emulator, method, path, body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.json)).toMatch(problem);
  });

  it("describes every call it has in OpenAPI, bodies included", async () => {
    await using emulator = await startEmulator();
    const { json } = await api(emulator, "GET", "/openapi.json");
    expect(json.openapi).toBe("3.1.0");
    const operations = Object.entries(json.paths).flatMap(([path, calls]) =>
      Object.keys(calls as object).map((method) => [method.toUpperCase(), path.replace(/\{\w+\}/g, "x")] as const),
    );
    expect(operations.length).toBeGreaterThan(35);
    for (const [method, path] of operations) {
      if (path === "/events") continue;
      // a path that is not there gets a page
      const { headers } = await fetch(`${emulator.httpUrl}/emulator/v1${path}`, { method });
      expect(headers.get("content-type") ?? "none", `${method} ${path}`).not.toMatch(/html/);
    }
    const ids = Object.values(json.paths).flatMap((calls) =>
      Object.values(calls as object).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(json.paths["/faults"].post.requestBody.content["application/json"].schema.oneOf).toHaveLength(7);
  });
});

describe("server-sent events", () => {
  it("tell everything that happens, in order", async () => {
    await using emulator = await startEmulator();
    const controller = new AbortController();
    const response = await fetch(`${emulator.httpUrl}/emulator/v1/events`, { signal: controller.signal });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=UTF-8");
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (wanted: RegExp): Promise<void> => {
      while (!wanted.test(text)) text += (await reader.read()).value ?? "";
    };
    await until(/event: hello/);
    const device = emulator.createDevice({ token: "token-a" });
    await send(emulator, { to: "token-a", notification: { title: "Hello" } });
    device.disconnect();
    await until(/"change":"disconnected"/);
    const seen = [...text.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, type, data]) => {
      const { change, entry } = JSON.parse(data as string) as Json;
      return `${type} ${change ?? entry?.event ?? ""}`.trim();
    });
    expect(seen).toEqual([
      "hello",
      "device created",
      "message accepted",
      "message delivered",
      "device received",
      "request",
      "device disconnected",
    ]);
    expect(text).toContain('"preview":"Hello"');
    controller.abort();
  });

  it("end with the emulator", async () => {
    const emulator = await startEmulator();
    const response = await fetch(`${emulator.httpUrl}/emulator/v1/events`);
    await emulator.close();
    await response.text().catch(() => "");
  });
});

describe("a saved state", () => {
  async function busy(options: EmulatorOptions = {}): Promise<Emulator> {
    const emulator = await startEmulator(options);
    const device = emulator.createDevice({ token: "token-a", connected: false });
    device.reregister("token-b");
    device.subscribe("news");
    await send(emulator, { to: "token-a", data: { n: "1" } });
    emulator.advance(1000);
    return emulator;
  }

  it("brings devices, tokens, topics, waiting and captured messages back into another emulator", async () => {
    await using one = await busy();
    await using two = await startEmulator();
    two.createDevice({ token: "to-be-forgotten" });
    two.loadState(JSON.parse(JSON.stringify(one.saveState())) as ReturnType<Emulator["saveState"]>);
    expect(two.devices).toHaveLength(1);
    const device = two.deviceOf("token-a");
    expect(device).toMatchObject({ token: "token-b", topics: ["news"], connected: false, stored: 1 });
    expect(two.inbox.messages[0]).toMatchObject({ to: "token-a", data: { n: "1" } });
    device?.connect();
    expect(device?.received).toMatchObject([{ data: { n: "1" }, token: "token-a" }]);
    expect(two.inbox.get(1)?.state).toBe("delivered");
    expect((await send(two, { to: "token-a" })).results[0].registration_id).toBe("token-b");
    expect(two.inbox.latest()?.id).toBe(2);
  });

  it("keeps topics, tokens and data that have names with a meaning in JavaScript", async () => {
    await using one = await startEmulator({ supersededLifetimeMs: 60_000 });
    const device = one.createDevice({ token: "__proto__", connected: false });
    device.reregister("token-b");
    for (const topic of ["__proto__", "constructor"]) device.subscribe(topic);
    await send(one, '{"to":"token-b","data":{"__proto__":"p"}}');
    await using two = await startEmulator();
    two.loadState(JSON.parse(JSON.stringify(one.saveState())) as ReturnType<Emulator["saveState"]>);
    const restored = two.deviceOf("token-b");
    expect(restored?.topics).toEqual(["__proto__", "constructor"]);
    restored?.connect();
    const [received] = restored?.received ?? [];
    expect(Object.entries(received?.data ?? {})).toEqual([["__proto__", "p"]]);
    two.advance(60_000);
    expect(two.deviceOf("__proto__")).toBeUndefined();
  });

  it("holds a waiting message and a request's text once, and when superseded tokens end", async () => {
    await using one = await startEmulator({ supersededLifetimeMs: 60_000 });
    for (const token of ["token-a", "token-b"]) one.createDevice({ token, connected: false });
    one.deviceOf("token-b")?.reregister("token-c");
    await send(one, { registration_ids: ["token-a", "token-b"], data: { n: "1" } });
    one.inbox.clear();
    await send(one, { to: "token-a", data: { n: "2" } });
    const state = one.saveState();
    expect(state.wires).toHaveLength(2);
    expect(state.devices[0]?.apps[0]?.stored.map(({ message }) => typeof message)).toEqual(["object", "number"]);
    await using two = await startEmulator();
    two.loadState(state);
    const device = two.deviceOf("token-a");
    device?.connect();
    expect(device?.received.map(({ data }) => data["n"])).toEqual(["1", "2"]);
    expect(two.inbox.get(3)).toMatchObject({ state: "delivered", wire: expect.stringContaining('"n":"2"') });
    expect(two.deviceOf("token-b")?.token).toBe("token-c");
    two.advance(60_000);
    expect(two.deviceOf("token-b")).toBeUndefined();
  });

  it("is kept in a file from one run to the next, which only its owner may read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "emulator-state-"));
    const stateFile = join(folder, "state.json");
    try {
      const one = await busy({ stateFile });
      await one.close();
      expect((await stat(stateFile)).mode & 0o077).toBe(0);
      const two = await startEmulator({ stateFile });
      expect(two.deviceOf("token-b")?.stored).toBe(1);
      await two.close();
      await writeFile(stateFile, "garbage");
      await expect(startEmulator({ stateFile })).rejects.toThrow(/stateFile: .*state\.json.*Move it away/);
      expect(await readFile(stateFile, "utf8")).toBe("garbage");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("is refused with its reason: from a newer emulator, cut short, with a field of another type, with a name twice", async () => {
    await using source = await busy();
    await using emulator = await startEmulator({ httpsPort: false, ccsPort: false });
    const state = JSON.parse(JSON.stringify(source.saveState())) as Json;
    const [device] = state.devices;
    const put = async (changed: unknown): Promise<Json> => (await api(emulator, "PUT", "/state", changed)).json?.error;
    expect(await put({ ...state, version: 3, somethingNew: 1 })).toMatch(
      /version: is 3, and this emulator reads 2: .*newer/,
    );
    expect(await put(JSON.stringify(state).slice(0, -20))).toMatch(/not JSON/);
    expect(await put({ ...state, messages: [{ ...state.messages[0], messageId: 5 }] })).toMatch(/messageId/);
    expect(await put({ ...state, messages: [{ ...state.messages[0], at: 1e300 }] })).toMatch(/at: /);
    expect(await put({ ...state, devices: [device, device] })).toMatch(/twice/);
    const [app] = device.apps;
    expect(await put({ ...state, devices: [{ ...device, apps: [{ ...app, canonicalToken: "other" }] }] })).toMatch(
      /canonicalToken that is none of its tokens/,
    );
    expect(emulator.devices).toEqual([]);
    expect(await put(state)).toBeUndefined();
    expect((await api(emulator, "GET", "/messages?search=token")).status).toBe(200);
  });

  it("leaves a token with the app that has it now, whoever had it before", async () => {
    await using source = await startEmulator();
    const now = source.createDevice({ token: "token-now" });
    const before = source.createDevice({ token: "token-moved" });
    before.unregister();
    now.reregister("token-moved");
    await using emulator = await startEmulator();
    emulator.loadState(source.saveState());
    expect(emulator.deviceOf("token-moved")?.id).toBe(now.id);
    expect(emulator.device(before.id)?.toJSON()).toMatchObject({ registered: false });
  });

  it("that is none changes nothing", async () => {
    await using emulator = await busy();
    expect(() => emulator.loadState({ version: 2 } as unknown as ReturnType<Emulator["saveState"]>)).toThrow(/devices/);
    expect(emulator.devices).toHaveLength(1);
    const state = emulator.saveState();
    expect(() => emulator.loadState({ ...state, total: 0 })).toThrow(/total/);
    expect(() => emulator.loadState({ ...state, clockOffsetMs: 9e15 })).toThrow(/clockOffsetMs/);
    expect(emulator.devices).toHaveLength(1);
    expect(emulator.inbox.total).toBe(1);
  });
});
