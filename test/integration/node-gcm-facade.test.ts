import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect, promisify } from "node:util";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import gcm, { type Callback, type Recipient, type Response, SendError } from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { answer, type FaultServer, json, type Step, startFaultServer } from "../support/fault-server.ts";
import { byToken, startV1Server, v1Error } from "../support/fcm-v1-server.ts";

const original = createRequire(import.meta.url)("node-gcm") as typeof gcm;
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aServer(...steps: Step[]): Promise<FaultServer> {
  const server = await startFaultServer();
  server.script(...steps);
  cleanups.push(() => server.close());
  return server;
}

async function anEmulator(): Promise<Emulator> {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  return emulator;
}

function aSender(library: typeof gcm, server: FaultServer): InstanceType<typeof gcm.Sender> {
  const sender = new library.Sender("AIza-EXAMPLE", { uri: `${server.origin}/fcm/send` });
  if (library === gcm) cleanups.push(() => sender.close());
  return sender;
}

interface Called {
  readonly error: unknown;
  readonly response: Response | undefined;
}

/** One send, through the callback, which must be called once. */
function call(run: (callback: Callback) => unknown): Promise<Called> {
  return new Promise((resolve, reject) => {
    let calls = 0;
    const callback: Callback = (error, response) => {
      if (++calls > 1) reject(new Error("the callback was called again"));
      else setImmediate(() => resolve({ error: error ?? null, response }));
    };
    void run(callback);
  });
}

const aMessage = (library: typeof gcm) =>
  new library.Message({ collapseKey: "k", timeToLive: 60, data: { n: "3" }, notification: { title: "t" } });

const multicast = (...results: object[]): Step =>
  json({
    multicast_id: 42,
    success: results.filter((result) => !("error" in result)).length,
    failure: results.filter((result) => "error" in result).length,
    canonical_ids: results.filter((result) => "registration_id" in result).length,
    results,
  });

describe("node-gcm and the façade, against the same server, call back with the same", () => {
  it.each<[string, Recipient, Step[]]>([
    [
      "tokens",
      ["a-1", "a-2", "a-3"],
      [multicast({ message_id: "0:1" }, { message_id: "0:2", registration_id: "new" }, { error: "NotRegistered" })],
    ],
    ["one token", "a-1", [multicast({ message_id: "0:1" })]],
    ["one token in a list", { registrationTokens: ["a-1"] }, [multicast({ error: "InvalidRegistration" })]],
    [
      "tokens by their old name",
      { registrationIds: ["a-1", "a-2"] },
      [multicast({ error: "MismatchSenderId" }, { message_id: "0:2" })],
    ],
    [
      "a device group",
      { notificationKey: "APA91-key" },
      [json({ success: 2, failure: 1, failed_registration_ids: ["a-3"] })],
    ],
    [
      "a device group that nobody of could be reached",
      { notificationKey: "APA91-key" },
      [json({ success: 0, failure: 2, failed_registration_ids: ["a-3", "a-4"] })],
    ],
    [
      "a device group by its key alone, likewise",
      "APA91-key",
      [json({ success: 0, failure: 1, failed_registration_ids: ["a-3"] })],
    ],
    ["a word that nobody documented", ["a-1", "a-2"], [multicast({ error: "Strange" }, { message_id: "0:2" })]],
    ["a topic, by a number", { topic: "/topics/news" }, [json({ message_id: 10 })]],
    ["a topic over its rate", { topic: "/topics/news" }, [json({ error: "TopicsMessageRateExceeded" })]],
    ["a bad key", ["a-1", "a-2"], [answer(401, "<html>Unauthorized</html>")]],
    ["a bad request", ["a-1", "a-2"], [answer(400, "reason\n")]],
    ["a service that fails", ["a-1", "a-2"], [answer(500, "")]],
    ["a service that is unavailable", { topic: "/topics/news" }, [answer(503, "")]],
    ["some that fail, tried once", ["a-1", "a-2"], [multicast({ error: "Unavailable" }, { message_id: "0:2" })]],
  ])("for %s", async (_name, recipient, steps) => {
    const answers = [];
    for (const library of [original, gcm]) {
      const server = await aServer(...steps);
      const sender = aSender(library, server);
      answers.push(await call((callback) => sender.send(aMessage(library), recipient, 0, callback)));
      expect(server.requests).toHaveLength(1);
      expect(server.requests[0]?.headers["authorization"]).toBe("key=AIza-EXAMPLE");
      expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
        collapse_key: "k",
        time_to_live: 60,
        data: { n: "3" },
        notification: { title: "t" },
      });
    }
    expect(answers[1]).toEqual(answers[0]);
  });

  it("for some that are sent to again: those alone, merged by position", async () => {
    const answers = [];
    for (const library of [original, gcm]) {
      const server = await aServer(
        multicast({ message_id: "0:1" }, { error: "Unavailable" }, { error: "InternalServerError" }),
        multicast({ message_id: "0:2", registration_id: "new" }, { error: "NotRegistered" }),
      );
      const sender = aSender(library, server);
      const retries = { retries: 3, backoff: 1 };
      const called = await call((callback) => sender.send(aMessage(library), ["a-1", "a-2", "a-3"], retries, callback));
      expect(JSON.parse(server.requests[1]?.body ?? "")).toMatchObject({ registration_ids: ["a-2", "a-3"] });
      // node-gcm leaves a stray "undefined" among the results, which toEqual does not see
      answers.push({ ...called, response: { ...called.response, results: [...(called.response?.results ?? [])] } });
    }
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[1]?.response).toMatchObject({ success: 2, failure: 1, canonical_ids: 1 });
  });

  it.each<[string, unknown, RegExp]>([
    ["no token", [], /No recipient provided/],
    ["nothing", undefined, /Invalid recipient/],
    ["a number", 7, /Invalid recipient/],
    ["two kinds", { to: "a", topic: "b" }, /exactly one recipient key/],
    ["no kind", {}, /exactly one recipient key/],
    ["an unknown kind", { device: "a" }, /not a valid recipient key/],
    ["a kind without a value", { to: "" }, /Falsy value/],
    ["a kind of the wrong type", { registrationTokens: "a" }, /incorrect type/],
  ])("for %s as the recipient, and nothing is sent", async (_name, recipient, text) => {
    for (const library of [original, gcm]) {
      const server = await aServer();
      const sender = aSender(library, server);
      const { error } = await call((callback) =>
        sender.send(aMessage(library), recipient as Recipient, { retries: 0 }, callback),
      );
      expect(error instanceof Error ? error.message : error).toMatch(text);
      expect(server.requests).toHaveLength(0);
    }
  });

  it("for messages, however they are put together", () => {
    const made = [original, gcm].map((library) => {
      const message = library.Message({ collapseKey: "k", unknown: 1 } as never);
      message.addData("a", 1);
      message.addData({ b: 2 });
      message.addData({});
      message.addData("c", 3);
      message.addNotification("title", "t");
      message.addNotification({ body: "b" });
      expect(() => (message.addData as () => void)()).toThrow(/number of arguments/);
      expect(message).toBeInstanceOf(library.Message);
      return { params: message.params, json: message.toJson() };
    });
    expect(made[1]).toEqual(made[0]);
    expect(made[1]?.json).toEqual({ collapse_key: "k", data: { b: 2, c: 3 }, notification: { body: "b" } });
  });
});

describe("where node-gcm was wrong, the façade is right", () => {
  it("a page with status 200 is no success", async () => {
    const sender = aSender(gcm, await aServer(answer(200, "<html>Welcome</html>")));
    const { error, response } = await call((callback) => sender.sendNoRetry(aMessage(gcm), ["a-1", "a-2"], callback));
    expect(response?.success ?? 0).toBe(0);
    expect(error !== null || response?.failure === 2).toBe(true);
  });

  it("every digit of a multicast ID is kept", async () => {
    const body =
      '{"multicast_id":8968610879307183290,"success":1,"failure":0,"canonical_ids":0,"results":[{"message_id":"0:1"}]}';
    const sender = aSender(gcm, await aServer(answer(200, body)));
    const response = await sender.sendNoRetry(aMessage(gcm), ["a-1"]);
    expect(response.multicast_id).toBe("8968610879307183290");
  });

  it("values that are no text reach the app as the service made them", async () => {
    const server = await aServer(multicast({ message_id: "0:1" }));
    const data = { n: 3, yes: true, list: [1, "a"], nested: { a: null }, nothing: null, text: "t" };
    await aSender(gcm, server).sendNoRetry(
      new gcm.Message({ data, notification: { badge: "3", body_loc_args: '["a"]', odd: 1 } }),
      "a-1",
    );
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
      data: { n: "3", yes: "true", list: '[1,"a"]', nested: '{"a":null}', text: "t" },
      notification: { badge: "3", body_loc_args: '["a"]' },
    });
  });

  it("a message that cannot be sent is an error in words, before anything is sent", async () => {
    const server = await aServer();
    const sender = aSender(gcm, server);
    const { error } = await call((callback) => sender.send(new gcm.Message({ data: { from: "x" } }), "a-1", callback));
    expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
    expect(server.requests).toHaveLength(0);
  });

  it("a promise is given besides; nobody has to listen to it", async () => {
    const server = await aServer(multicast({ message_id: "0:1" }), answer(401, ""));
    const sender = aSender(gcm, server);
    expect(await sender.send(aMessage(gcm), "a-1")).toMatchObject({ success: 1 });
    await expect(sender.send(aMessage(gcm), "a-1", 0)).rejects.toMatchObject({ name: "SendError", code: 401 });
    // rejected, and not listened to
    void sender.send(aMessage(gcm), [], 0);
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("a sender can be made without new, remembers what it was given, and does not show its key", () => {
    const sender = gcm.Sender("AIza-SECRET", { uri: "http://127.0.0.1:1/", timeout: 1 });
    expect(sender).toBeInstanceOf(gcm.Sender);
    expect((sender as unknown as { key: string }).key).toBe("AIza-SECRET");
    expect(sender.options).toEqual({ uri: "http://127.0.0.1:1/", timeout: 1 });
    expect(inspect(sender, { depth: 5, showHidden: true })).not.toContain("SECRET");
  });
});

describe("the façade over FCM HTTP v1", () => {
  it("answers in node-gcm's shape", async () => {
    const emulator = await anEmulator();
    const { credential, ...options } = emulator.fcmOptions();
    const sender = new gcm.Sender(credential, options);
    cleanups.push(() => sender.close());
    const device = emulator.createDevice();
    const gone = emulator.createDevice();
    gone.unregister();
    const response = await sender.send(new gcm.Message({ data: { n: 3 } }), [device.token, gone.token], 0);
    expect(response).toMatchObject({ success: 1, failure: 1, canonical_ids: 0 });
    expect(response.results).toMatchObject([{ message_id: expect.stringMatching(/^0:/) }, { error: "NotRegistered" }]);
    expect(response.multicast_id).toBeTypeOf("number");
    expect(await device.waitFor(() => true)).toMatchObject({ data: { n: "3" } });
    device.subscribe("news");
    expect(await sender.send(new gcm.Message({ data: { n: 4 } }), { topic: "/topics/news" })).toEqual({
      message_id: expect.any(Number),
    });
    expect(emulator.inbox.messages.map(({ protocol }) => protocol)).toEqual(["fcm-v1", "fcm-v1", "fcm-v1"]);
  });

  it("sends again to those that were unavailable", async () => {
    const emulator = await anEmulator();
    const { credential, ...options } = emulator.fcmOptions();
    const sender = new gcm.Sender(credential, options);
    cleanups.push(() => sender.close());
    const { token } = emulator.createDevice();
    emulator.faults.next({ token, error: "unavailable", times: 2 });
    expect(await sender.send(aMessage(gcm), token, { retries: 2, backoff: 1 })).toMatchObject({ success: 1 });
    emulator.faults.next({ token, error: "unavailable", times: 2 });
    expect(await sender.send(aMessage(gcm), token, { retries: 1, backoff: 1 })).toMatchObject({
      results: [{ error: "Unavailable" }],
    });
  });

  it.each([
    ["", '"AIza-SECRET"'],
    [", also where the project is known", '"AIza-SECRET", { projectId: "demo" }'],
  ])("says how to get credentials where there is a server key alone%s", async (_name, given) => {
    const program = `
      const gcm = require("@cloud-messaging/node-gcm");
      new gcm.Sender(${given}).send(new gcm.Message({}), "token-a", 0, (error, response) => {
        console.log(JSON.stringify({ code: error.code, message: error.message, response }));
      });`;
    const environment = { PATH: process.env["PATH"], HOME: "/nonexistent", METADATA_SERVER_DETECTION: "none" };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=commonjs", "--eval", program], {
      cwd: join(import.meta.dirname, ".."),
      env: environment,
    });
    const { code, message } = JSON.parse(stdout) as { code: number; message: string };
    expect(code).toBe(401);
    expect(message).toContain("service account");
    expect(message).toContain("GOOGLE_APPLICATION_CREDENTIALS");
    expect(message).not.toContain("SECRET");
  });
});

describe("the façade over FCM HTTP v1, where some get no answer", () => {
  it.each([
    [["lost", "a-2", "a-3"]],
    [["a-1", "lost", "a-3"]],
    [["a-1", "gone", "lost"]],
    [["lost", "gone", "a-3"]],
    [["a-1", "big", "gone"]],
  ])("tells of each of %j by its position", async (tokens) => {
    const server = await startV1Server();
    cleanups.push(() => server.close());
    server.otherwise = byToken({
      lost: ({ reset }) => reset(),
      gone: v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" }),
      big: v1Error(400, "INVALID_ARGUMENT", { errorCode: "INVALID_ARGUMENT", message: "Android message is too big" }),
    });
    const sender = new gcm.Sender(async () => "ya29.t", {
      projectId: "demo",
      endpoint: server.origin,
      tls: { ca: server.ca },
    });
    cleanups.push(() => sender.close());
    const { error, response } = await call((callback) => sender.send(aMessage(gcm), tokens, 0, callback));
    expect(error).toBeNull();
    const expected = {
      lost: { error: "Unavailable" },
      gone: { error: "NotRegistered" },
      big: { error: "MessageTooBig" },
    };
    expect(response?.results).toEqual(tokens.map((token) => expected[token as "lost"] ?? { message_id: `0:${token}` }));
    expect(response?.success).toBe(tokens.filter((token) => token.startsWith("a-")).length);
    expect(response?.failure).toBe(3 - (response?.success ?? 0));
  });
});

describe("what node-gcm's users send, and the service made of it", () => {
  it("dates and IDs of databases reach the app as the text they are in JSON, functions not at all", async () => {
    class ObjectId {
      toJSON(): string {
        return "507f1f77bcf86cd799439011";
      }
    }
    const data = {
      at: new Date(0),
      id: new ObjectId(),
      run: () => 1,
      none: Number.NaN,
      list: [new Date(0), 2],
      big: 7n,
    };
    const received: unknown[] = [];
    for (const library of [original, gcm]) {
      const { big, ...common } = data;
      const emulator = await anEmulator();
      const device = emulator.createDevice();
      const { apiKey, endpoint } = emulator.httpOptions();
      const sender = new library.Sender(apiKey, { uri: endpoint });
      const given = library === gcm ? { ...common, big } : { ...common, big: "7" };
      await call((callback) => sender.sendNoRetry(new library.Message({ data: given }), device.token, callback));
      received.push((await device.waitFor(() => true)).data);
      if (library === gcm) await sender.close();
    }
    expect(received[1]).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      id: "507f1f77bcf86cd799439011",
      list: '["1970-01-01T00:00:00.000Z",2]',
      big: "7",
    });
    expect(received[0]).toMatchObject(received[1] as object);
  });

  it("arguments of texts may be numbers, empty text is as good as none, and what is put in params later is dropped", async () => {
    const server = await aServer(multicast({ message_id: "1" }), multicast({ message_id: "1" }));
    const message = new gcm.Message({
      collapseKey: "",
      restrictedPackageName: "",
      notification: { body_loc_key: "k", body_loc_args: [5, "a"], title_loc_key: "t", title_loc_args: "5" },
    });
    (message.params as Record<string, unknown>)["mine"] = "x";
    expect(message.toJson()).not.toHaveProperty("undefined");
    expect(Object.keys(message.toJson())).toEqual(["collapse_key", "restricted_package_name", "notification"]);
    const { error } = await call((callback) => aSender(gcm, server).sendNoRetry(message, "a-1", callback));
    expect(error).toBeNull();
    expect(JSON.parse(server.requests[0]?.body ?? "")).toEqual({
      to: "a-1",
      notification: { body_loc_key: "k", body_loc_args: '["5","a"]', title_loc_key: "t", title_loc_args: '["5"]' },
    });
  });

  it("a token that can be none is refused in its place, and the others are sent to", async () => {
    const emulator = await anEmulator();
    const { credential, ...options } = emulator.fcmOptions();
    const sender = new gcm.Sender(credential, options);
    cleanups.push(() => sender.close());
    const tokens = ["cut off", emulator.createDevice().token, "", emulator.createDevice().token];
    const { error, response, attempted } = await new Promise<{
      error: unknown;
      response: Response | undefined;
      attempted: readonly string[] | undefined;
    }>((resolve) => {
      void sender.send(aMessage(gcm), tokens, 0, (error, response, attempted) =>
        resolve({ error, response, attempted }),
      );
    });
    expect(error).toBeNull();
    expect(attempted).toEqual(tokens);
    expect(response).toMatchObject({ success: 2, failure: 2 });
    expect(response?.results?.map((result) => result.error)).toEqual([
      "InvalidRegistration",
      undefined,
      "InvalidRegistration",
      undefined,
    ]);
    expect(await sender.send(aMessage(gcm), "cut off", 0)).toMatchObject({
      failure: 1,
      results: [{ error: "InvalidRegistration" }],
    });
    await expect(sender.send(new gcm.Message({ data: { from: "x" } }), "cut off", 0)).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
    });
    expect(emulator.inbox.messages).toHaveLength(2);
  });

  it("all of node-gcm's constants are there", () => {
    expect(gcm.Constants).toMatchObject(original.Constants);
  });
});

describe("where a sender made for one protocol is told the address of another", () => {
  it.each<[string, ConstructorParameters<typeof gcm.Sender>[0]]>([
    ["nothing in the place of the key", undefined],
    ["a service account", async () => "ya29.t"],
  ])("it sends nothing anywhere, and says so: %s", async (_name, credential) => {
    const server = await aServer();
    const sender = new gcm.Sender(credential, { uri: `${server.origin}/fcm/send`, projectId: "demo" });
    cleanups.push(() => sender.close());
    const { error } = await call((callback) => sender.send(aMessage(gcm), "a-1", 0, callback));
    expect(error).toMatchObject({ code: 401, message: expect.stringContaining("options.uri") });
    expect(server.requests).toHaveLength(0);
  });
});

describe("options of node-gcm's HTTP library", () => {
  it("a time limit of 0 is none", async () => {
    const server = await aServer(multicast({ message_id: "1" }));
    const sender = new gcm.Sender("AIza-EXAMPLE", { uri: `${server.origin}/fcm/send`, timeout: 0 });
    cleanups.push(() => sender.close());
    expect(await sender.send(aMessage(gcm), "a-1", 0)).toMatchObject({ success: 1 });
  });

  it("a proxy may be given in parts", async () => {
    const proxy = createServer();
    const asked: unknown[] = [];
    proxy.on("connect", ({ url, headers }, socket) => {
      asked.push([url, headers["proxy-authorization"]]);
      socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    proxy.on("request", ({ url, headers }, response) => {
      asked.push([url, headers["proxy-authorization"]]);
      response.writeHead(403).end();
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    cleanups.push(() => new Promise((resolve) => proxy.close(resolve)));
    const { port } = proxy.address() as AddressInfo;
    const sender = new gcm.Sender("AIza-EXAMPLE", {
      uri: "https://gcm.example/fcm/send",
      proxy: { host: "127.0.0.1", port, auth: { username: "me", password: "p:w" } },
    });
    cleanups.push(() => sender.close());
    const { error } = await call((callback) => sender.send(aMessage(gcm), "a-1", 0, callback));
    expect(error).not.toBeNull();
    expect(asked).toEqual([["gcm.example:443", `Basic ${btoa("me:p:w")}`]]);
  });
});

it("a callback that is null, as for none, ends no process", async () => {
  const server = await aServer(multicast({ message_id: "0:1" }));
  const sender = aSender(gcm, server);
  const response = await sender.send(aMessage(gcm), "a-1", 0, null as unknown as Callback);
  expect(response).toMatchObject({ success: 1 });
  // an error of the callback would come in a turn of its own
  await new Promise((resolve) => setImmediate(resolve));
});

describe("what cannot even become a message", () => {
  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  it.each<[string, () => unknown]>([
    ["data that holds itself", () => new gcm.Message({ data: { circular } })],
    ["a BigInt in nested data", () => new gcm.Message({ data: { nested: { n: 1n } } })],
    [
      "a toJson() that throws",
      () => ({
        toJson: () => {
          throw new RangeError("mine");
        },
      }),
    ],
    [
      "a toJson() that throws no error",
      () => ({
        toJson: () => {
          throw "mine";
        },
      }),
    ],
    ["null", () => null],
    ["nothing", () => undefined],
    ["text", () => "hello"],
  ])("is an error for the callback, and nothing is sent: %s", async (_name, make) => {
    const server = await aServer();
    const sender = aSender(gcm, server);
    for (const send of ["send", "sendNoRetry"] as const) {
      const { error } = await call((callback) => sender[send](make() as never, "a-1", callback));
      expect(error).toBeInstanceOf(Error);
      expect((error as Error).message).not.toBe("");
    }
    expect(server.requests).toHaveLength(0);
  });
});

describe("senders and messages can be extended", () => {
  it("with class: what is made has the methods of both", async () => {
    class LoudSender extends gcm.Sender {
      shout(): string {
        return "!";
      }
    }
    class NewsMessage extends gcm.Message {
      constructor() {
        super({ data: { kind: "news" } });
      }
      headline(text: string): void {
        this.addNotification("title", text);
      }
    }
    const server = await aServer(multicast({ message_id: "0:1" }));
    const sender = new LoudSender("AIza-EXAMPLE", { uri: `${server.origin}/fcm/send` });
    cleanups.push(() => sender.close());
    const message = new NewsMessage();
    message.headline("t");
    expect(sender).toBeInstanceOf(LoudSender);
    expect(sender).toBeInstanceOf(gcm.Sender);
    expect(sender.shout()).toBe("!");
    expect(await sender.send(message, "a-1", 0)).toMatchObject({ success: 1 });
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
      data: { kind: "news" },
      notification: { title: "t" },
    });
  });
});

describe("a sender per message, as many programs make them", () => {
  async function aV1Server() {
    const server = await startV1Server();
    cleanups.push(() => server.close());
    const options = { projectId: "demo", endpoint: server.origin, tls: { ca: server.ca } };
    let fetched = 0;
    const credential = async (): Promise<string> => `ya29.${++fetched}`;
    return { server, options, credential, fetched: () => fetched };
  }

  it("shares connections and access token with those made alike", async () => {
    const { server, options, credential, fetched } = await aV1Server();
    const senders = [];
    for (let i = 0; i < 20; i++) {
      const circular: Record<string, unknown> = { ...options, httpsAgent: {} };
      circular["httpsAgent"] = circular;
      const sender = new gcm.Sender(credential, circular);
      senders.push(sender);
      expect(await sender.send(aMessage(gcm), `a-${i}`, 0)).toMatchObject({ success: 1 });
    }
    expect(fetched()).toBe(1);
    // undici opens another one while the last answer is still being put away
    expect(server.connections).toBeLessThan(5);
    for (const sender of senders) await sender.close();
  });

  it("is not closed by closing another, and is itself closed for good", async () => {
    const { server, options, credential, fetched } = await aV1Server();
    const [one, two] = [new gcm.Sender(credential, options), new gcm.Sender(credential, options)];
    await one.send(aMessage(gcm), "a-1", 0);
    await two.send(aMessage(gcm), "a-2", 0);
    await one.close();
    await one.close();
    await expect(one.send(aMessage(gcm), "a-1", 0)).rejects.toMatchObject({ code: "closed" });
    expect(await two.send(aMessage(gcm), "a-2", 0)).toMatchObject({ success: 1 });
    await two.close();
    expect(server.requests).toHaveLength(3);
    const third = new gcm.Sender(credential, options);
    cleanups.push(() => third.close());
    await third.send(aMessage(gcm), "a-3", 0);
    expect(fetched()).toBe(2);
  });

  it("shares nothing with one that is told otherwise", async () => {
    const { options, credential, fetched } = await aV1Server();
    for (const other of [credential, async () => "ya29.other"]) {
      for (const timeout of [1_000, 2_000]) {
        const sender = new gcm.Sender(other, { ...options, timeout });
        await sender.send(aMessage(gcm), "a-1", 0);
        cleanups.push(() => sender.close());
      }
    }
    expect(fetched()).toBe(2);
  });
});

describe("text given to a sender without an address", () => {
  it.each([
    ["a path with a separator", () => "/nonexistent/key-file", /`credential` names cannot be read \(ENOENT\)/],
    ["a path of the other kind", () => "keys\\nonexistent", /`credential` names cannot be read \(ENOENT\)/],
    ["the name of a JSON file", () => "nonexistent.json", /`credential` names cannot be read \(ENOENT\)/],
    ["JSON that is no key", () => '{"type":"service_account"}', /client_email/],
  ])("is taken for what it is: %s", async (_name, credential, expected) => {
    const sender = new gcm.Sender(credential(), { projectId: "demo" });
    cleanups.push(() => sender.close());
    const { error } = await call((callback) => sender.send(aMessage(gcm), "a-1", 0, callback));
    expect((error as Error).message).toMatch(expected);
    expect((error as Error).message).not.toContain("Server keys");
  });

  it("is a service account where it is the text of a key file", async () => {
    const emulator = await anEmulator();
    const { credential, ...options } = emulator.fcmOptions();
    const sender = new gcm.Sender(JSON.stringify(credential), options);
    cleanups.push(() => sender.close());
    expect(await sender.send(aMessage(gcm), emulator.createDevice().token, 0)).toMatchObject({ success: 1 });
    expect(emulator.inbox.messages.map(({ protocol }) => protocol)).toEqual(["fcm-v1"]);
  });
});

describe("a program written for node-gcm", () => {
  it("runs with only its import swapped, to the same end", async () => {
    const folder = join(import.meta.dirname, "../../examples");
    const [before, after] = await Promise.all(
      ["before", "after"].map((name) => readFile(join(folder, `migrate/node-gcm/${name}.mjs`), "utf8")),
    );
    const code = (text = "") => text.replace(/^\/\/.*\n/gm, "");
    expect(code(after)).toBe(code(before).replace('"node-gcm"', '"@cloud-messaging/node-gcm"'));
    const { stdout } = await promisify(execFile)(process.execPath, [join(folder, "node-gcm-migrate.mjs")]);
    const [first, second] = stdout.split("after:");
    const story = (text = "") => text.replaceAll(/new-token-(before|after)/g, "new-token").replace("before:", "");
    expect(story(second)).toBe(story(first));
    expect(stdout).toContain("3 accepted, 1 refused, 1 superseded");
  });
});

describe("an error of the façade", () => {
  it("says what happened where there was no answer at all", async () => {
    const server = await aServer();
    await server.close();
    const { error } = await call((callback) => aSender(gcm, server).send(aMessage(gcm), "a-1", 0, callback));
    expect(error).toBeInstanceOf(SendError);
    expect(error).toMatchObject({ code: "connection-failed" });
  });
});
