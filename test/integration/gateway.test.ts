import { createRequire } from "node:module";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createMemoryRegistrationStore, subscribe } from "@cloud-messaging/core";
import { type EmulatorOptions, startEmulator } from "@cloud-messaging/emulator";
import { createGateway, type GatewayEvent, type GatewayOptions, hashKey } from "@cloud-messaging/gateway";
import type dropIn from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";

const KEY = "AIzaSyGateway000000000000000000000000aa";
const SENDER_ID = "1234567890";

// the original, which has no types
const nodeGcm = createRequire(import.meta.url)("node-gcm") as typeof dropIn;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function setup(options: Partial<GatewayOptions> = {}, emulatorOptions: EmulatorOptions = {}) {
  const emulator = await startEmulator(emulatorOptions);
  cleanups.push(() => emulator.close());
  const { server, ca } = await createTestCertificates();
  const events: GatewayEvent[] = [];
  const gateway = await createGateway({
    // few connections: 256 handshakes, the default, take most of the time of a test
    projects: { shop: { ...emulator.fcmOptions(), maxRequests: 8, requestTimeoutMs: 100_000 } },
    clients: [{ name: "web-shop", keys: [hashKey(KEY)], project: "shop", senderId: SENDER_ID }],
    http: { port: 0 },
    // the machine that runs this may be busy
    answerTimeoutMs: 100_000,
    closeTimeoutMs: 100_000,
    ccs: { port: 0, tls: server },
    onEvent: (event) => events.push(event),
    ...options,
  });
  cleanups.push(() => gateway.close());
  return { emulator, gateway, events, ca };
}

const post = (port: number | undefined, body: unknown, key = KEY, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${port}/fcm/send`, {
    method: "POST",
    headers: { authorization: `key=${key}`, "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });

interface LegacyAnswer {
  readonly success: number;
  readonly failure: number;
  readonly canonical_ids: number;
  readonly results: { message_id?: string; registration_id?: string; error?: string }[];
}
const answerOf = async (response: Response) => (await response.json()) as LegacyAnswer;

function ccsClient({ gateway }: { gateway: Awaited<ReturnType<typeof createGateway>> }, ca: string, apiKey = KEY) {
  const client = createCcsClient({
    host: "127.0.0.1",
    port: gateway.ccsPort as number,
    tls: { ca },
    senderId: SENDER_ID,
    apiKey,
    retry: { minMs: 0, initialMs: 1 },
  });
  cleanups.push(() => client.close());
  return client;
}

describe("the gateway, over GCM HTTP", () => {
  it("carries a message of unmodified node-gcm to a phone, and answers in the old words", async () => {
    const { emulator, gateway } = await setup();
    const phone = emulator.createDevice();
    const gone = emulator.createDevice();
    gone.unregister();
    const sender = new nodeGcm.Sender(KEY, { uri: `http://127.0.0.1:${gateway.httpPort}/gcm/send` } as never);
    const message = new nodeGcm.Message({
      data: { score: "5:1", n: 7 as unknown as string },
      notification: { title: "Hello", icon: "ic" },
      collapseKey: "score",
      timeToLive: 60,
      priority: "high",
    });
    const response = await new Promise<LegacyAnswer>((resolve, reject) => {
      sender.send(message, { registrationTokens: [phone.token, gone.token, "no token"] }, 1, (error, body) =>
        error ? reject(error as Error) : resolve(body as unknown as LegacyAnswer),
      );
    });
    expect(response).toMatchObject({ success: 1, failure: 2, canonical_ids: 0 });
    expect(response.results.map(({ error }) => error)).toEqual([undefined, "NotRegistered", "InvalidRegistration"]);
    expect(response.results[0]?.message_id).toMatch(/^0:/);
    expect(await phone.waitFor(() => true)).toMatchObject({
      data: { score: "5:1", n: "7" },
      notification: { title: "Hello" },
      collapseKey: "score",
    });
    expect(emulator.inbox.messages[0]).toMatchObject({ protocol: "fcm-v1", priority: "high" });
    // less the time that it waited in the gateway
    expect(emulator.inbox.messages[0]?.timeToLiveSec).toBeGreaterThan(30);
    expect(emulator.inbox.messages[0]?.timeToLiveSec).toBeLessThanOrEqual(60);
  });

  it("answers a plain-text request", async () => {
    const { emulator, gateway } = await setup();
    const phone = emulator.createDevice();
    const response = await fetch(`http://127.0.0.1:${gateway.httpPort}/gcm/send`, {
      method: "POST",
      headers: { authorization: `key=${KEY}`, "content-type": "application/x-www-form-urlencoded;charset=UTF-8" },
      body: `registration_id=${phone.token}&data.score=3x1&collapse_key=k&time_to_live=30`,
    });
    expect(await response.text()).toMatch(/^id=0:\S+\n$/);
    expect(await phone.waitFor(() => true)).toMatchObject({ data: { score: "3x1" }, collapseKey: "k" });
  });

  it("sends a multicast of 1000 and keeps the order of the results", async () => {
    const { emulator, gateway } = await setup();
    const dead = emulator.createDevice();
    dead.unregister();
    const tokens = Array.from({ length: 1000 }, (_, i) => (i % 100 === 7 ? dead.token : emulator.createDevice().token));
    const answer = await answerOf(await post(gateway.httpPort, { registration_ids: tokens, data: { n: "1" } }));
    const words = new Set(answer.results.map(({ error }) => error));
    expect(words).toEqual(new Set([undefined, "NotRegistered"]));
    expect(answer).toMatchObject({ success: 990, failure: 10 });
    for (const [i, result] of answer.results.entries()) {
      expect(result.error, `result ${i}`).toBe(i % 100 === 7 ? "NotRegistered" : undefined);
    }
    expect(emulator.inbox.messages.length).toBeGreaterThanOrEqual(990);
  });

  it("reaches topics and conditions", async () => {
    const { emulator, gateway } = await setup();
    const phone = emulator.createDevice();
    phone.subscribe("news");
    const topic = await post(gateway.httpPort, { to: "/topics/news", data: { n: "1" } });
    expect(await topic.text()).toMatch(/^\{"message_id":\d+\}$/);
    await phone.waitFor(({ data }) => data["n"] === "1");
    await post(gateway.httpPort, { condition: "'news' in topics || 'x' in topics", data: { n: "2" } });
    await phone.waitFor(({ data }) => data["n"] === "2");
  });

  it("names the canonical ID where its registration store knows one", async () => {
    const emulator = await startEmulator({ ccsPort: false });
    cleanups.push(() => emulator.close());
    const registrations = createMemoryRegistrationStore();
    const phone = emulator.createDevice();
    await registrations.register("ada", "token-of-last-year");
    const { revision } = (await registrations.resolve(["token-of-last-year"] as never)).states[0] as never;
    await registrations.apply([
      { type: "replaced", token: "token-of-last-year", revision, canonicalRegistrationId: phone.token },
    ] as never);
    const { gateway } = await setup({ projects: { shop: { ...emulator.fcmOptions(), registrations } } });
    const answer = await answerOf(await post(gateway.httpPort, { to: "token-of-last-year", data: { n: "1" } }));
    expect(answer).toMatchObject({ success: 1, canonical_ids: 1, results: [{ registration_id: phone.token }] });
  });

  it("refuses an unknown key with 401, and slows an address that goes on guessing", async () => {
    const { gateway, events } = await setup({ failedLoginsPerMinute: 3 });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++)
      statuses.push((await post(gateway.httpPort, { to: "x" }, `wrong-key-number-${i}`)).status);
    expect(statuses).toEqual([401, 401, 401, 503, 503]);
    expect(events.filter(({ type }) => type === "login-refused")).toHaveLength(5);
    expect(JSON.stringify(events)).not.toContain("wrong-key");
  });

  it("lets a client come from its own addresses alone, as a trusted proxy names them", async () => {
    const { gateway } = await setup({
      trustProxy: true,
      ccs: undefined as never,
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", addresses: ["10.1.0.0/16", "2001:db8::/32"] }],
    });
    const from = async (address: string) =>
      (await post(gateway.httpPort, { to: "x" }, KEY, { "x-forwarded-for": `10.1.2.3, ${address}` })).status;
    expect([await from("10.1.9.9"), await from("10.2.0.1"), await from("2001:db8::7")]).toEqual([200, 401, 200]);
  });

  it("holds a client to its rate, and says when to come again", async () => {
    const { emulator, gateway } = await setup({
      ccs: undefined as never,
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", perMinute: 2 }],
    });
    const { token } = emulator.createDevice();
    const response = await post(gateway.httpPort, { registration_ids: [token, token, token], data: { n: "1" } });
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect((await answerOf(response)).results.map(({ error }) => error)).toEqual([undefined, undefined, "Unavailable"]);
  });

  it("takes the priorities of APNs, and tells a message that is wrong from one that is too big", async () => {
    const { emulator, gateway } = await setup();
    const { token } = emulator.createDevice();
    const wordOf = async (fields: object) =>
      (await answerOf(await post(gateway.httpPort, { to: token, ...fields }))).results[0]?.error;
    expect(await wordOf({ priority: "10" })).toBeUndefined();
    expect(await wordOf({ priority: "5" })).toBeUndefined();
    expect(emulator.inbox.messages.map(({ priority }) => priority)).toEqual(["high", "normal"]);
    expect(await wordOf({ data: { bytes: "\ud800" } })).toBe("InvalidParameters");
    expect(await wordOf({ data: { a: "x".repeat(4096) } })).toBe("MessageTooBig");
  });

  it("lets a client with a rate below one a minute send its one message", async () => {
    const { emulator, gateway } = await setup({
      ccs: undefined as never,
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", perMinute: 0.5 }],
    });
    const { token } = emulator.createDevice();
    const response = await post(gateway.httpPort, { registration_ids: [token, token], data: { n: "1" } });
    expect((await answerOf(response)).results.map(({ error }) => error)).toEqual([undefined, "Unavailable"]);
  });

  it.each([
    ["unavailable for good", { error: "unavailable" }, "Unavailable"],
    ["of another sender", { error: "mismatch-sender-id" }, "MismatchSenderId"],
  ] as const)("answers a token that FCM calls %s", async (_, fault, word) => {
    const emulator = await startEmulator({ ccsPort: false });
    cleanups.push(() => emulator.close());
    const { gateway } = await setup({ projects: { shop: { ...emulator.fcmOptions(), retry: false } } });
    const phone = emulator.createDevice();
    emulator.faults.next({ token: phone.token, ...fault } as never);
    const answer = await answerOf(await post(gateway.httpPort, { to: phone.token, data: { n: "1" } }));
    expect(answer.results).toEqual([{ error: word }]);
  });

  it("answers in time, each recipient by itself, when FCM does not: nothing is sent later", async () => {
    const { emulator, gateway } = await setup({ answerTimeoutMs: 25_000 });
    const phones = [emulator.createDevice(), emulator.createDevice()];
    emulator.faults.next({ token: phones[1]?.token, error: "unavailable", retryAfter: "60" } as never);
    const response = await post(gateway.httpPort, {
      registration_ids: phones.map(({ token }) => token),
      data: { n: "1" },
    });
    expect((await answerOf(response)).results).toMatchObject([
      { message_id: expect.any(String) },
      { error: "Unavailable" },
    ]);
    expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(20);
    expect(phones[1]?.received).toHaveLength(0);
  });

  it("keeps registrations when its own credential is refused: the client is told of a fault of the server", async () => {
    const { emulator } = await setup();
    const refused = await setup({
      projects: {
        shop: {
          ...emulator.fcmOptions(),
          retry: false,
          credential: async () => {
            throw new Error("no token today");
          },
        },
      },
    });
    const answer = await answerOf(await post(refused.gateway.httpPort, { to: "some-token", data: { n: "1" } }));
    expect(["InternalServerError", "Unavailable"]).toContain(answer.results[0]?.error);
  });

  it("answers what is under way before it closes", async () => {
    const { emulator, gateway } = await setup();
    const tokens = Array.from({ length: 50 }, () => emulator.createDevice().token);
    const answers = Promise.allSettled(
      Array.from({ length: 5 }, () => post(gateway.httpPort, { registration_ids: tokens, data: { n: "1" } })),
    );
    await emulator.inbox.waitFor({ count: 1 });
    await gateway.close();
    // one that came after the end found nobody; none was cut in mid-answer
    const answered = (await answers).filter((answer) => answer.status === "fulfilled");
    expect(answered.length).toBeGreaterThan(0);
    for (const { value } of answered) expect((await answerOf(value)).success).toBe(50);
    expect(emulator.inbox.messages).toHaveLength(answered.length * 50);
  });

  it("answers whatever its listener throws, and publishes that as a notice", async () => {
    const { emulator, gateway } = await setup({
      onEvent() {
        throw new TypeError("a mistake of the program's");
      },
    });
    const notices: unknown[] = [];
    const stop = subscribe("cloud-messaging:notice", (notice) => notices.push(notice));
    cleanups.push(async () => stop());
    const { token } = emulator.createDevice();
    expect(await answerOf(await post(gateway.httpPort, { to: token, data: { n: "1" } }))).toMatchObject({ success: 1 });
    expect((await post(gateway.httpPort, { to: token }, "a-key-that-nobody-knows")).status).toBe(401);
    const notice = { transport: "gateway", notice: "event-listener-failed", detail: "TypeError" };
    expect(notices.filter((told) => (told as typeof notice).transport === "gateway")).toEqual([notice, notice]);
  });

  it("keeps keys and tokens out of its events", async () => {
    const { emulator, gateway, events } = await setup();
    const phone = emulator.createDevice();
    await post(gateway.httpPort, { registration_ids: [phone.token, "gone"], data: { n: "1" }, priority: "no such" });
    await post(gateway.httpPort, { registration_ids: [phone.token, "gone"], data: { n: "1" } });
    const told = JSON.stringify(events);
    expect(events.length).toBeGreaterThan(0);
    for (const secret of [KEY, phone.token]) expect(told).not.toContain(secret);
  });
});

describe("the gateway, over CCS", () => {
  it("acks what FCM has accepted, nacks what it has refused", async () => {
    const parts = await setup();
    const phone = parts.emulator.createDevice();
    const gone = parts.emulator.createDevice();
    gone.unregister();
    const client = ccsClient(parts, parts.ca);
    const sends = [phone.token, gone.token].map((token) => client.send({ target: { token }, data: { n: "1" } }));
    const reports = await Promise.all(sends);
    expect(reports).toMatchObject([{ outcome: { kind: "accepted" } }, { outcome: { kind: "unregistered" } }]);
    expect(await phone.waitFor(() => true)).toMatchObject({ data: { n: "1" } });
  });

  it("refuses a login whose sender ID is not the key's", async () => {
    const { gateway, ca, events } = await setup({
      clients: [{ name: "other", keys: [hashKey(KEY)], project: "shop", senderId: "999" }],
    });
    const client = ccsClient({ gateway }, ca);
    const { outcome } = await client.send({ target: { token: "t" }, data: { n: "1" } }, { timeoutMs: 3000 });
    expect(outcome).toMatchObject({ kind: "rejected", code: "authentication-failed" });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "login-refused", reason: "wrong-sender", client: "other" }),
    );
  });

  it("recognises a message_id that is repeated", async () => {
    const parts = await setup();
    const phone = parts.emulator.createDevice();
    const client = ccsClient(parts, parts.ca);
    const message = { target: { token: phone.token }, data: { n: "1" }, messageId: "order-7" };
    await client.send(message);
    await client.close();
    const again = ccsClient(parts, parts.ca);
    expect((await again.send(message)).outcome.kind).toBe("accepted");
    expect(parts.emulator.inbox.messages).toHaveLength(1);
  });

  it("sends another message under a message_id that was used before", async () => {
    const parts = await setup();
    const phone = parts.emulator.createDevice();
    for (const n of ["1", "2", "1"]) {
      const client = ccsClient(parts, parts.ca);
      const report = await client.send({ target: { token: phone.token }, data: { n }, messageId: "1" });
      expect(report.outcome.kind).toBe("accepted");
      await client.close();
    }
    expect(parts.emulator.inbox.messages.map(({ data }) => data["n"])).toEqual(["1", "2"]);
  });

  it("sends a message again under its message_id after FCM has refused it", async () => {
    const emulator = await startEmulator({ ccsPort: false });
    cleanups.push(() => emulator.close());
    const parts = await setup({ projects: { shop: { ...emulator.fcmOptions(), retry: false } } });
    const phone = emulator.createDevice();
    emulator.faults.next({ token: phone.token, error: "unavailable" } as never);
    const client = ccsClient(parts, parts.ca);
    const { outcome } = await client.send({ target: { token: phone.token }, data: { n: "1" }, messageId: "1" });
    expect(outcome.kind).toBe("accepted");
    expect(phone.received).toHaveLength(1);
  });

  it("loses nothing of ten clients that send while it reloads", async () => {
    const parts = await setup();
    const { emulator, gateway } = parts;
    const phone = emulator.createDevice();
    const clients = Array.from({ length: 10 }, () => ccsClient(parts, parts.ca));
    const sends = clients.flatMap((client, c) =>
      Array.from({ length: 30 }, (_, n) => client.send({ target: { token: phone.token }, data: { id: `${c}-${n}` } })),
    );
    await emulator.inbox.waitFor({ count: 100 });
    await gateway.reload({});
    const reports = await Promise.all(sends);
    expect(reports.filter(({ outcome }) => outcome.kind !== "accepted")).toEqual([]);
    const ids = emulator.inbox.messages.map(({ data }) => data["id"]);
    expect(new Set(ids).size).toBe(300);
    // a repeat under the same message_id is recognised
    expect(ids).toHaveLength(300);
  });
});

describe("an address of a client", () => {
  it("is read from a proxy's header, with or without a port", async () => {
    const { gateway, events } = await setup({
      trustProxy: true,
      ccs: undefined as never,
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", addresses: ["10.1.0.0/16", "2001:db8::/32"] }],
    });
    for (const [address, status] of [
      ["10.1.2.3:55123", 200],
      ["::ffff:10.1.2.3", 200],
      ["[2001:db8::7]:443", 200],
      ["2001:db8::7", 200],
      ["fe80::1%eth0", 401],
      ["not an address", 401],
      ["10.1.2.3.evil", 401],
    ] as const) {
      const headers = { "x-forwarded-for": `10.1.2.3, ${address}` };
      expect((await post(gateway.httpPort, { to: "x" }, KEY, headers)).status, address).toBe(status);
    }
    expect(events.filter(({ type }) => type === "failure")).toEqual([]);
  });

  it("is the connection's own without a trusted proxy, whatever the header says", async () => {
    const { gateway } = await setup({
      ccs: undefined as never,
      clients: [{ name: "a", keys: [hashKey(KEY)], project: "shop", addresses: ["10.1.0.0/16"] }],
    });
    expect((await post(gateway.httpPort, { to: "x" }, KEY, { "x-forwarded-for": "10.1.2.3" })).status).toBe(401);
  });

  it("counts failed logins with its whole IPv6 network of 64 bits", async () => {
    const { gateway } = await setup({
      trustProxy: true,
      ccs: undefined as never,
      clients: [],
      failedLoginsPerMinute: 1,
    });
    const from = async (address: string) =>
      (await post(gateway.httpPort, { to: "x" }, KEY, { "x-forwarded-for": address })).status;
    expect([await from("2001:db8:1:2::1"), await from("2001:db8:1:2:ffff::2"), await from("2001:db8:1:3::1")]).toEqual([
      401, 503, 401,
    ]);
  });
});

describe("a reload", () => {
  it("with a certificate that does not fit, a misspelt name or nothing to change it in changes nothing", async () => {
    const { server } = await createTestCertificates();
    const other = (await createTestCertificates()).server;
    const { emulator, gateway } = await setup({ ccs: { port: 0, tls: server } });
    const { token } = emulator.createDevice();
    const clients: GatewayOptions["clients"] = [];
    const reload = (changes: object) => gateway.reload(changes as never);
    const mixed = { cert: other.cert, key: server.key };
    await expect(reload({ clients, ccsTls: mixed })).rejects.toThrow(
      /ccs\.tls: must be a certificate and its private key/,
    );
    await expect(reload({ clients, httpTls: server })).rejects.toThrow(/httpTls: is for HTTP over TLS, which is off/);
    await expect(reload({ clients, ccsTsl: server })).rejects.toThrow(/ccsTsl: .* did you mean ccsTls/);
    await expect(reload({ clients: 7 })).rejects.toThrow(/clients: must be an array/);
    expect((await post(gateway.httpPort, { to: token, data: { n: "1" } })).status).toBe(200);
  });

  it("of certificates alone keeps the clients of the reload before", async () => {
    const { server } = await createTestCertificates();
    const { gateway } = await setup({ ccs: { port: 0, tls: server } });
    await gateway.reload({ clients: [] });
    await gateway.reload({ ccsTls: server });
    expect((await post(gateway.httpPort, { to: "x", data: { n: "1" } })).status).toBe(401);
    await gateway.close();
    await expect(gateway.reload({})).rejects.toMatchObject({ code: "ERR_CLOSED" });
  });
});

describe("createGateway", () => {
  it("refuses a certificate that does not fit, and address lists for CCS behind a proxy, by name", async () => {
    const { server } = await createTestCertificates();
    const client = { name: "a", keys: [hashKey(KEY)], project: "shop", senderId: "1", addresses: ["10.0.0.1"] };
    const start = (options: object) =>
      createGateway({ projects: { shop: {} as never }, clients: [client], ccs: { tls: server }, ...options });
    await expect(start({ trustProxy: true })).rejects.toThrow(/clients\.0\.addresses: cannot be checked for CCS/);
    await expect(start({ ccs: { tls: { cert: "x", key: "y" } } })).rejects.toThrow(/ccs\.tls: must be a certificate/);
    await expect(start({ http: { tls: { ...server, key: "y" } } })).rejects.toThrow(/http\.tls: must be a certificate/);
    await expect(start({ ccs: { tsl: server } })).rejects.toThrow(/ccs\.tsl: .*did you mean tls/);
  });

  it("names every wrong option", async () => {
    const start = createGateway({
      projects: { shop: { endpoint: 7 as never } },
      clients: [{ name: "a b", keys: ["plain"], project: "shopp", senderId: "1" }],
      answerTimeOut: 3,
    } as never);
    await expect(start).rejects.toThrow(/clients\[0\]\.name.*|clients\.0/s);
    await expect(start).rejects.toMatchObject({ code: "ERR_INVALID_OPTIONS" });
  });

  it.each([
    ["a time limit that no timer holds", { answerTimeoutMs: 2 ** 31 }, /answerTimeoutMs: must be below 2\^31/],
    ["a project's name that no metric takes", { projects: { "a b": {} } }, /projects\.a b: the name of a project must/],
    [
      "a time limit of one project",
      { projects: { shop: { timeoutMs: 5 } } },
      /projects\.shop\.timeoutMs: is not an option of a project: give answerTimeoutMs/,
    ],
    ["a clock of one project", { projects: { shop: { clock: 7 } } }, /projects\.shop\.clock: .* give clock/],
  ])("refuses %s", async (_, options, words) => {
    await expect(createGateway({ projects: {}, clients: [], ...options } as never)).rejects.toThrow(words);
  });

  it("names the project whose options are wrong", async () => {
    const start = createGateway({ projects: { shop: { endpoint: 7 as never } }, clients: [] });
    await expect(start).rejects.toThrow(/projects\.shop\.endpoint/);
  });
});
