import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { get, request } from "node:https";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { createManualClock } from "@cloud-messaging/core";
import { parseExactJson } from "@cloud-messaging/core/wire";
import {
  type Emulator,
  type EmulatorOptions,
  GOOGLE_HOSTS,
  HTTP_FAULT_KINDS,
  startEmulator,
} from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: an answer of any shape, looked at field by field
  readonly json: any;
  readonly retryAfter: string | null;
}

/** Posts as an app server would. */
async function post(
  emulator: Emulator,
  body: unknown,
  { path = "/fcm/send", headers = {} }: { path?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const response = await fetch(`${emulator.httpUrl}${path}`, {
    method: "POST",
    headers: { authorization: "key=any-key", "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  let json: unknown;
  try {
    json = parseExactJson(text);
  } catch {
    json = undefined;
  }
  const { status } = response;
  return {
    status,
    type: response.headers.get("content-type"),
    text,
    json,
    retryAfter: response.headers.get("retry-after"),
  };
}

const form = { headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" } };

async function withDevice(options: EmulatorOptions = {}) {
  const emulator = await startEmulator(options);
  return {
    emulator,
    device: emulator.createDevice({ token: "token-a" }),
    [Symbol.asyncDispose]: () => emulator.close(),
  };
}

describe("GCM HTTP in JSON", () => {
  it("answers a multicast by position, duplicates included, with an ID beyond 2^53 as a number", async () => {
    await using world = await withDevice();
    const { emulator, device } = world;
    device.reregister("token-b");
    const answer = await post(emulator, {
      registration_ids: ["token-a", "ABC", "nobody", "token-b", "token-a"],
      data: { n: 1, deep: { a: [true] }, none: null },
    });
    expect(answer).toMatchObject({ status: 200, type: "application/json; charset=UTF-8" });
    expect(answer.text).toMatch(/^\{"multicast_id":\d{16,19},/);
    expect(BigInt(answer.json.multicast_id) > 2n ** 53n).toBe(true);
    expect(answer.json).toMatchObject({
      success: 3,
      failure: 2,
      canonical_ids: 2,
      results: [
        { message_id: expect.stringMatching(/^0:\d{16}%[0-9a-f]{16}$/), registration_id: "token-b" },
        { error: "InvalidRegistration" },
        { error: "NotRegistered" },
        { message_id: expect.any(String) },
        { registration_id: "token-b" },
      ],
    });
    expect(device.received).toHaveLength(3);
    expect(device.received[0]?.data).toEqual({ n: "1", deep: '{"a":[true]}' });
  });

  it.each([
    [
      "both kinds of recipient",
      { to: "token-a", registration_ids: ["token-a"] },
      'Must use either "registration_ids" field or "to", not both\n',
    ],
    ["no recipient", { data: {} }, 'Missing "registration_ids" field\n'],
    [
      "1001 recipients",
      { registration_ids: Array(1001).fill("token-a") },
      "Number of messages on bulk (1001) exceeds maximum allowed (1000)\n",
    ],
    ["a reserved key", { to: "token-a", data: { from: "x" } }, '"data" key "from" is a reserved keyword\n'],
    [
      "a time to live out of range",
      { to: "token-a", time_to_live: 2419201 },
      'Invalid value (2419201) for "time_to_live": must be between 0 and 2419200\n',
    ],
    [
      "a time to live of the wrong type",
      { to: "token-a", time_to_live: "abc" },
      'JSON_TYPE_ERROR: Field "time_to_live" must be a JSON java.lang.Number: abc\n',
    ],
    ["a condition beside a token", { to: "token-a", condition: "'a' in topics" }, /^Must use either "condition"/],
    ["an unreadable condition", { condition: "'a' in" }, /^Invalid condition: /],
    ["an unknown priority", { to: "token-a", priority: "urgent" }, /^Invalid value \(urgent\) for "priority"/],
    ["no JSON", "{", /^JSON_PARSING_ERROR: /],
    ["JSON that nests too deep", "[".repeat(50_000), /^JSON_PARSING_ERROR: nests more than 64 levels deep/],
    ["no object", "[]", /^JSON_TYPE_ERROR: /],
  ])("answers %s with 400 and the reason as text, and shows it in the inbox", async (_what, body, text) => {
    await using world = await withDevice();
    const answer = await post(world.emulator, body);
    expect(answer).toMatchObject({ status: 400, type: "text/plain; charset=UTF-8" });
    expect(answer.text).toMatch(text instanceof RegExp ? text : new RegExp(`^${quoted(text)}$`));
    expect(world.emulator.inbox.latest()).toMatchObject({ state: "rejected" });
    expect(world.device.received).toEqual([]);
  });

  it.each([
    [{ to: "token-a", data: { from: "x" } }, "InvalidDataKey"],
    [{ registration_ids: ["token-a", "nobody"], time_to_live: -1 }, "InvalidTtl"],
    [{}, "MissingRegistration"],
  ])("answers %j as documented when asked to: 200 with %s per result", async (body, error) => {
    await using world = await withDevice({ validationStyle: "documented" });
    const { status, json } = await post(world.emulator, body);
    expect(status).toBe(200);
    expect(json.results.every((result: { error: string }) => result.error === error)).toBe(true);
    expect(json.failure).toBe(json.results.length);
  });

  it("answers topics and conditions with an ID alone, as a number, or an error", async () => {
    await using world = await withDevice();
    const { emulator, device } = world;
    device.subscribe("news");
    for (const target of [{ to: "/topics/news" }, { condition: "'news' in topics && !'old' in topics" }]) {
      const { status, text } = await post(emulator, target);
      expect([status, text]).toEqual([200, expect.stringMatching(/^\{"message_id":\d{16,19}\}$/)]);
    }
    expect(device.received).toHaveLength(2);
    emulator.faults.next({ to: "/topics/news", error: "topics-message-rate-exceeded" });
    expect((await post(emulator, { to: "/topics/news" })).json).toEqual({ error: "TopicsMessageRateExceeded" });
  });

  it.each([
    ["MismatchSenderId", { to: "of-another-sender" }],
    ["MessageTooBig", { to: "token-a", data: { k: "x".repeat(4096) } }],
    ["InvalidPackageName", { to: "token-a", restricted_package_name: "com.example.other" }],
  ])("answers with %s", async (error, body) => {
    await using emulator = await startEmulator({ apiKeys: [{ key: "any-key", senderId: "1234567890" }] });
    emulator.createDevice({ token: "token-a" });
    emulator.createDevice({ token: "of-another-sender", senderId: "999" });
    expect((await post(emulator, body)).json.results).toEqual([{ error }]);
  });

  it.each(["garbage", "application/json; charset", "text/html", "a/b/c"])(
    "refuses Content-Type: %s in its own words",
    async (type) => {
      await using world = await withDevice();
      const response = await fetch(world.emulator.httpOptions().endpoint, {
        method: "POST",
        headers: { authorization: "key=any-key", "content-type": type },
        body: "{",
      });
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(/^(Unsupported Content-Type: |JSON_PARSING_ERROR: )/);
      expect(world.emulator.inbox.latest()?.state).toBe("rejected");
    },
  );

  it("answers a dry run with a placeholder", async () => {
    await using world = await withDevice();
    expect((await post(world.emulator, { to: "token-a", dry_run: true })).json.results).toEqual([
      { message_id: "fake_message_id" },
    ]);
    expect(world.device.received).toEqual([]);
  });

  it("takes a time to live written as digits only when told to be lenient", async () => {
    await using world = await withDevice({ lenientNumbers: true });
    expect((await post(world.emulator, { to: "token-a", time_to_live: "600" })).status).toBe(200);
    expect(world.emulator.inbox.latest()?.timeToLiveSec).toBe(600);
    expect((await post(world.emulator, { to: "token-a", time_to_live: "abc" })).status).toBe(400);
  });

  it("speaks 2013: no to over HTTP, groups by notification_key", async () => {
    await using world = await withDevice({ profile: "gcm-2013" });
    expect((await post(world.emulator, { to: "token-a" })).status).toBe(400);
    expect((await post(world.emulator, { registration_ids: ["token-a"] })).status).toBe(200);
    const created = await post(
      world.emulator,
      { operation: "create", notification_key_name: "u", registration_ids: ["token-a"] },
      { path: "/gcm/notification", headers: { project_id: "1234567890" } },
    );
    const answer = await post(world.emulator, { notification_key: created.json.notification_key });
    expect(answer.json).toEqual({ success: 1, failure: 0 });
  });
});

describe("GCM HTTP in plain text", () => {
  it("answers with an ID, and with the canonical one on a second line", async () => {
    await using world = await withDevice();
    const { emulator, device } = world;
    const answer = await post(
      emulator,
      "registration_id=token-a&data.n=a%26b+c&collapse_key=k&delay_while_idle=1",
      form,
    );
    expect(answer).toMatchObject({ status: 200, type: "text/plain; charset=UTF-8" });
    expect(answer.text).toMatch(/^id=0:\d{16}%[0-9a-f]{16}\n$/);
    expect(device.received[0]).toMatchObject({ data: { n: "a&b c" }, collapseKey: "k" });
    device.reregister("token-b");
    expect((await post(emulator, "to=token-a", form)).text).toMatch(/^id=.*\nregistration_id=token-b\n$/);
  });

  it.each([
    ["", "MissingRegistration"],
    ["registration_id=ABC", "InvalidRegistration"],
    ["registration_id=nobody", "NotRegistered"],
    ["registration_id=token-a&time_to_live=abc", "InvalidTtl"],
    ["registration_id=token-a&data.from=x", "InvalidDataKey"],
  ])("answers %j with Error=%s", async (body, error) => {
    await using world = await withDevice();
    expect(await post(world.emulator, body, form)).toMatchObject({ status: 200, text: `Error=${error}\n` });
  });

  it("answers what JSON calls Unavailable with 503, and an internal error with 500", async () => {
    await using world = await withDevice();
    world.emulator.faults.next({ error: "unavailable", retryAfter: "7" });
    world.emulator.faults.next({ error: "internal-error" });
    expect(await post(world.emulator, "registration_id=token-a", form)).toMatchObject({ status: 503, retryAfter: "7" });
    expect((await post(world.emulator, "registration_id=token-a", form)).status).toBe(500);
  });

  it("is what a request without a content type is taken for", async () => {
    await using world = await withDevice();
    const socket = connect(Number(new URL(world.emulator.httpUrl).port), "127.0.0.1");
    const body = "registration_id=token-a";
    socket.end(
      `POST /gcm/send HTTP/1.1\r\nHost: localhost\r\nAuthorization: key=k\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 200 OK[\s\S]*\r\n\r\nid=0:/);
  });
});

describe("credentials over HTTP", () => {
  it.each([
    ["no header", {}],
    ["another scheme", { authorization: "Bearer x" }],
    ["a space after the sign", { authorization: "key= x" }],
    ["a key that is not on the list", { authorization: "key=other" }],
  ])("answers %s with 401 and a page, whatever the body", async (_what, headers) => {
    await using emulator = await startEmulator({ apiKeys: ["good"] });
    const response = await fetch(`${emulator.httpUrl}/fcm/send`, {
      method: "POST",
      headers,
      body: "x".repeat(100_000),
    });
    expect([response.status, response.headers.get("content-type")]).toEqual([401, "text/html; charset=UTF-8"]);
    expect(emulator.inbox.total).toBe(0);
  });

  it("answers the documented check of a key with InvalidRegistration", async () => {
    await using emulator = await startEmulator();
    expect((await post(emulator, { registration_ids: ["ABC"] })).json.results).toEqual([
      { error: "InvalidRegistration" },
    ]);
  });

  it("answers a body over 1 MiB with 413", async () => {
    await using emulator = await startEmulator();
    expect((await post(emulator, "x".repeat(1_048_577))).status).toBe(413);
  });
});

describe("scripted answers over HTTP", () => {
  it("answers 503 with Retry-After in seconds or as a date, as often as asked, and accepts nothing meanwhile", async () => {
    await using world = await withDevice();
    const { emulator, device } = world;
    emulator.faults.nextRequest({ status: 503, retryAfter: "2" });
    emulator.faults.nextRequest({ status: 503, retryAfter: { date: 2000 } });
    expect(await post(emulator, { to: "token-a" })).toMatchObject({ status: 503, retryAfter: "2" });
    const { retryAfter } = await post(emulator, { to: "token-a" });
    expect(Math.abs(Date.parse(retryAfter ?? "") - Date.now())).toBeLessThan(5000);
    expect(device.received).toEqual([]);
    expect((await post(emulator, { to: "token-a" })).status).toBe(200);
  });

  it("answers Unavailable for one token with Retry-After beside it, and the rest as usual", async () => {
    await using world = await withDevice();
    world.emulator.createDevice({ token: "token-x" });
    world.emulator.faults.next({ token: "token-x", error: "unavailable", retryAfter: "3" });
    const answer = await post(world.emulator, { registration_ids: ["token-a", "token-x"] });
    expect(answer.retryAfter).toBe("3");
    expect(answer.json.results).toEqual([{ message_id: expect.any(String) }, { error: "Unavailable" }]);
  });

  // those of HTTP/2 are in emulator-http2.test.ts
  const apart = ["hang", "slow", "goaway", "refuse-stream", "lower-streams", "close-session"];
  it.each(HTTP_FAULT_KINDS.filter((kind) => !apart.includes(kind)))("spoils an answer: %s", async (kind) => {
    await using world = await withDevice();
    const { emulator, device } = world;
    emulator.faults.http({ kind });
    const answer = await post(emulator, { registration_ids: ["token-a", "token-a"] }).catch((error: Error) => error);
    switch (kind) {
      case "html":
        expect(answer).toMatchObject({ status: 200, type: "text/html; charset=UTF-8" });
        break;
      case "empty":
        expect(answer).toMatchObject({ status: 200, text: "" });
        break;
      case "not-json":
        expect(answer).toMatchObject({ status: 200, json: undefined });
        break;
      case "wrong-length":
        expect((answer as Answer).json.results).toHaveLength(1);
        break;
      case "wrong-type":
        expect(answer).toMatchObject({ status: 200, type: "text/plain; charset=UTF-8" });
        break;
      case "oversized":
        expect((answer as Answer).text.length).toBeGreaterThan(64 * 1_048_576);
        break;
      default:
        expect(answer).toBeInstanceOf(Error);
    }
    expect(device.received).toEqual([]);
    expect((await post(emulator, { to: "token-a" })).status).toBe(200);
  });

  it("can take the messages of an answer that is lost", async () => {
    await using world = await withDevice();
    world.emulator.faults.http({ kind: "reset-before-headers", accept: true });
    await expect(post(world.emulator, { to: "token-a" })).rejects.toThrow();
    expect(world.device.received).toHaveLength(1);
  });

  it("answers late, and takes the messages at once", async () => {
    const clock = createManualClock();
    await using world = await withDevice({ clock });
    world.emulator.faults.http({ kind: "slow", delayMs: 5000 });
    let answered = false;
    const answer = post(world.emulator, { to: "token-a" }).then((late) => {
      answered = true;
      return late;
    });
    await world.device.waitFor(() => true);
    await clock.advance(4999);
    expect(answered).toBe(false);
    await clock.advance(1);
    expect((await answer).json.success).toBe(1);
  });

  it("counts the answers of the service and not those of the control API", async () => {
    await using world = await withDevice();
    await post(world.emulator, { to: "token-a" });
    await (await fetch(`${world.emulator.httpUrl}/emulator/v1/stats`)).text();
    expect(world.emulator.stats.statuses).toEqual({ 200: 1 });
  });

  it("leaves a request hanging until the client gives up, and closes all the same", async () => {
    await using world = await withDevice();
    world.emulator.faults.http({ kind: "hang" });
    const unanswered = post(world.emulator, { to: "token-a" });
    const failed = expect(unanswered).rejects.toThrow();
    while (world.emulator.stats.requests === 0) await new Promise((resolve) => setImmediate(resolve));
    await world.emulator.close();
    await failed;
  });
});

describe("HTTPS", () => {
  it("names every Google host, localhost and the loopback addresses in its certificate", async () => {
    await using emulator = await startEmulator({ certificateNames: ["emulator.example"] });
    const port = Number(new URL(emulator.httpsUrl ?? "").port);
    for (const servername of [...GOOGLE_HOSTS, "localhost", "emulator.example"]) {
      const socket = connectTls({ host: "127.0.0.1", port, servername, ca: emulator.caCertificate });
      await once(socket, "secureConnect");
      expect(socket.authorized).toBe(true);
      socket.destroy();
    }
    const { subjectaltname } = await new Promise<{ subjectaltname?: string }>((resolve) => {
      const socket = connectTls({ host: "127.0.0.1", port, ca: emulator.caCertificate }, () => {
        resolve(socket.getPeerCertificate());
        socket.destroy();
      });
    });
    expect(subjectaltname).toContain("IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
  });

  it("is refused by a client that does not know the CA", async () => {
    await using emulator = await startEmulator();
    const failed = new Promise((resolve) =>
      get(`${emulator.httpsUrl}/`, { rejectUnauthorized: true }).on("error", resolve),
    );
    expect(await failed).toMatchObject({ code: expect.stringMatching(/UNABLE_TO_VERIFY|SELF_SIGNED/) });
  });

  it("speaks HTTP/1.1", async () => {
    await using world = await withDevice();
    const options = {
      method: "POST",
      ca: world.emulator.caCertificate,
      headers: { authorization: "key=k", "content-type": "application/json" },
    };
    const text = await new Promise<string>((resolve, reject) => {
      const sent = request(`${world.emulator.httpsUrl}/fcm/send`, options, (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk) => (body += chunk));
        response.on("end", () => resolve(body));
      });
      sent.on("error", reject).end('{"to":"token-a"}');
    });
    expect(text).toContain('"success":1');
  });

  it("speaks HTTP/2, many requests on one connection", async () => {
    await using world = await withDevice();
    const session = connectHttp2(world.emulator.httpsUrl ?? "", { ca: world.emulator.caCertificate });
    const send = async (): Promise<string> => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/fcm/send",
        authorization: "key=k",
        "content-type": "application/json",
      });
      stream.end('{"to":"token-a"}');
      let body = "";
      for await (const chunk of stream.setEncoding("utf8")) body += chunk;
      return body;
    };
    const answers = await Promise.all(Array.from({ length: 50 }, send));
    expect(answers.every((answer) => answer.includes('"success":1'))).toBe(true);
    session.close();
    expect(world.device.received).toHaveLength(50);
  });

  it.each(["reset-before-headers", "close-before-headers", "truncate", "reset-in-body", "garbage"] as const)(
    "spoils an answer over HTTP/2 without ending the connection: %s",
    async (kind) => {
      await using world = await withDevice();
      world.emulator.faults.http({ kind });
      const session = connectHttp2(world.emulator.httpsUrl ?? "", { ca: world.emulator.caCertificate });
      const send = async (): Promise<string> => {
        const stream = session.request({
          ":method": "POST",
          ":path": "/fcm/send",
          authorization: "key=k",
          "content-type": "application/json",
        });
        stream.end('{"to":"token-a"}');
        let body = "";
        for await (const chunk of stream.setEncoding("utf8")) body += chunk;
        return body;
      };
      const spoiled = await send().catch((error: Error) => error);
      if (typeof spoiled === "string") expect(() => JSON.parse(spoiled) as unknown).toThrow();
      expect(await send()).toContain('"success":1');
      session.close();
    },
  );
});

describe("hosts", () => {
  const ask = async (emulator: Emulator, host: string, path: string, method = "GET"): Promise<number | undefined> => {
    const port = Number(new URL(emulator.httpsUrl ?? "").port);
    return new Promise((resolve, reject) => {
      const options = { host: "127.0.0.1", port, path, method, servername: host, ca: emulator.caCertificate };
      request({ ...options, headers: { host, authorization: "key=k" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
  };

  it("are told apart: each Google host answers to its own paths only", async () => {
    await using emulator = await startEmulator();
    expect(await ask(emulator, "fcm.googleapis.com", "/fcm/send", "POST")).toBe(200);
    expect(await ask(emulator, "gcm-http.googleapis.com", "/gcm/send", "POST")).toBe(200);
    expect(await ask(emulator, "iid.googleapis.com", "/fcm/send", "POST")).toBe(404);
    expect(await ask(emulator, "iid.googleapis.com", "/iid/info/nobody")).toBe(404);
    expect(await ask(emulator, "fcm.googleapis.com", "/iid/info/ab")).toBe(404);
    expect(await ask(emulator, "iid.googleapis.com", "/iid/info/ab")).toBe(400);
  });

  it("of Google do not reach the control API", async () => {
    await using emulator = await startEmulator();
    expect(await ask(emulator, "fcm.googleapis.com", "/emulator/v1/stats")).toBe(404);
    expect(await ask(emulator, "localhost", "/emulator/v1/stats")).toBe(200);
  });
});

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
