// What node-gcm's own suite asks of a sender, as cases of ours over a real server: once with node-gcm, once with the drop-in.
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import dropIn from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { answer, type FaultServer, json, type Step, startFaultServer } from "../support/fault-server.ts";

type Library = typeof dropIn;
type Sender = InstanceType<Library["Sender"]>;
const original = createRequire(import.meta.url)("node-gcm") as Library;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function aServer(...steps: Step[]): Promise<FaultServer> {
  const server = await startFaultServer();
  server.script(...steps);
  cleanups.push(() => server.close());
  return server;
}

/** Arguments of a call of the callback. */
interface Called {
  readonly error: unknown;
  readonly response: Record<string, unknown> | undefined;
  readonly tokens: readonly unknown[] | undefined;
}

function called(run: (callback: (...args: unknown[]) => void) => unknown): Promise<Called> {
  return new Promise((resolve, reject) => {
    let calls = 0;
    const callback = (error: unknown, response?: unknown, tokens?: unknown): void => {
      if (++calls > 1) reject(new Error("the callback was called again"));
      else setImmediate(() => resolve({ error, response, tokens } as Called));
    };
    run(callback);
  });
}

const MULTICAST = {
  multicast_id: 7,
  success: 1,
  failure: 0,
  canonical_ids: 0,
  results: [{ message_id: "0:1" }],
};
const body = (server: FaultServer, at = 0) =>
  JSON.parse(server.requests[at]?.body ?? "null") as Record<string, unknown> | null;

describe.each([
  ["node-gcm", original],
  ["@cloud-messaging/node-gcm", dropIn],
])("%s", (_name, library) => {
  const aSender = (server: FaultServer, options: object = {}): Sender => {
    const sender = new library.Sender("myKey", { uri: `${server.origin}/fcm/send`, ...options });
    cleanups.push(() => (sender.close as Sender["close"] | undefined)?.call(sender));
    return sender;
  };
  const message = () => new library.Message({ collapseKey: "k", data: { n: "1" } });
  const sent = async (recipient: unknown, options: object = {}) => {
    const server = await aServer(json(MULTICAST));
    const outcome = await called((callback) =>
      aSender(server, options).sendNoRetry(message(), recipient as string, callback),
    );
    return { server, ...outcome };
  };

  describe("a sender", () => {
    it("is made without new", () => {
      expect(library.Sender("myKey")).toBeInstanceOf(library.Sender);
    });

    it("keeps its key and its options", () => {
      const options = { proxy: "http://proxy.example", maxSockets: 100, timeout: 100 };
      const sender = new library.Sender("myKey", options);
      expect(sender).toBeInstanceOf(library.Sender);
      expect(sender.key).toBe("myKey");
      expect(sender.options).toEqual(options);
      expect(new library.Sender("myKey").options).toEqual({});
    });
  });

  describe("a request", () => {
    it("is a POST of JSON to the uri of the options, with the key", async () => {
      const { server, error } = await sent("token-1");
      expect(error ?? null).toBeNull();
      expect(server.requests).toMatchObject([
        { method: "POST", path: "/fcm/send", headers: { authorization: "key=myKey" } },
      ]);
      expect(server.requests[0]?.headers["content-type"]).toMatch(/^application\/json/);
      expect(body(server)).toMatchObject({ collapse_key: "k", data: { n: "1" } });
    });

    it.each([
      ["method", { method: "GET" }],
      ["headers", { headers: { Authorization: "test" } }],
      ["json", { json: { test: true } }],
    ])("keeps its own %s, whatever the options say", async (_what, options) => {
      const { server } = await sent("token-1", options);
      expect(server.requests).toMatchObject([{ method: "POST", headers: { authorization: "key=myKey" } }]);
      expect(body(server)).toMatchObject({ data: { n: "1" } });
    });

    it("ends at the timeout of the options", async () => {
      const server = await aServer(() => {});
      const { error } = await called((callback) =>
        aSender(server, { timeout: 60 }).sendNoRetry(message(), "token-1", callback),
      );
      expect(error).toBeInstanceOf(Error);
    });

    it("goes through the proxy of the options", async () => {
      let asked = 0;
      const proxy = createServer();
      proxy.on("connect", (_request, socket) => {
        asked++;
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
      });
      proxy.on("request", (_request, response) => {
        asked++;
        response.writeHead(403).end();
      });
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
      cleanups.push(() => new Promise((resolve) => proxy.close(resolve)));
      const { port } = proxy.address() as AddressInfo;
      const sender = new library.Sender("myKey", {
        uri: "https://gcm.example/fcm/send",
        proxy: { protocol: "http", host: "127.0.0.1", port },
      });
      const { error } = await called((callback) => sender.sendNoRetry(message(), "token-1", callback));
      expect(error).toBeTruthy();
      expect(asked).toBe(1);
    });

    it("carries every field of the message", async () => {
      const server = await aServer(json(MULTICAST));
      const whole = new library.Message({
        collapseKey: "k",
        priority: "high",
        contentAvailable: true,
        mutableContent: true,
        delayWhileIdle: true,
        timeToLive: 100,
        restrictedPackageName: "com.example",
        dryRun: true,
        data: { name: "Ada" },
        notification: { title: "t", icon: "i", image: "https://a.example/p.png", notification_count: 3 },
      });
      await called((callback) => aSender(server).sendNoRetry(whole, "token-1", callback));
      expect(body(server)).toEqual({
        to: "token-1",
        collapse_key: "k",
        priority: "high",
        content_available: true,
        mutable_content: true,
        delay_while_idle: true,
        time_to_live: 100,
        restricted_package_name: "com.example",
        dry_run: true,
        data: { name: "Ada" },
        notification: { title: "t", icon: "i", image: "https://a.example/p.png", notification_count: 3 },
      });
    });
  });

  describe("a recipient", () => {
    it.each<[string, unknown, object]>([
      ["a list", ["token-1", "token-2"], { registration_ids: ["token-1", "token-2"] }],
      ["registrationIds", { registrationIds: ["token-1", "token-2"] }, { registration_ids: ["token-1", "token-2"] }],
      ["registrationTokens", { registrationTokens: ["a-1", "a-2"] }, { registration_ids: ["a-1", "a-2"] }],
      ["one of registrationTokens", { registrationTokens: ["token-1"] }, { registration_ids: ["token-1"] }],
      ["text", "token-1", { to: "token-1" }],
      ["a list of one", ["token-1"], { to: "token-1" }],
      ["to", { to: "token-1" }, { to: "token-1" }],
      ["a group's key as text", "APA91bGroup", { to: "APA91bGroup" }],
      ["notificationKey", { notificationKey: "APA91bGroup" }, { to: "APA91bGroup" }],
      ["topic", { topic: "/topics/tests" }, { to: "/topics/tests" }],
      ["a topic as text", "/topics/tests", { to: "/topics/tests" }],
      ["a topic in a list of one", ["/topics/tests"], { to: "/topics/tests" }],
      ["condition", { condition: "'A' in topics && 'B' in topics" }, { condition: "'A' in topics && 'B' in topics" }],
    ])("goes out as it did: %s", async (_kind, recipient, expected) => {
      const { server } = await sent(recipient);
      const { to, registration_ids, condition } = body(server) ?? {};
      expect(JSON.parse(JSON.stringify({ to, registration_ids, condition }))).toEqual(expected);
    });

    it.each<[string, unknown]>([
      ["an empty object", {}],
      ["an unknown key", { invalid: true }],
      ["two keys", { registrationIds: ["token-1"], topic: "tests" }],
      ["registrationIds that is no list", { registrationIds: "token-1" }],
      ["registrationTokens that is no list", { registrationTokens: "token-1" }],
      ["to that is no text", { to: ["token-1"] }],
      ["topic that is no text", { topic: ["tests"] }],
      ["condition that is no text", { condition: ["x"] }],
      ["notificationKey that is no text", { notificationKey: ["key"] }],
      ["an empty to", { to: "" }],
      ["an empty topic", { topic: "" }],
      ["an empty condition", { condition: "" }],
      ["an empty notificationKey", { notificationKey: "" }],
    ])("is an Error for the callback, and nothing is sent: %s", async (_kind, recipient) => {
      const { server, error, response } = await sent(recipient);
      expect(error).toBeInstanceOf(Error);
      expect(response).toBeUndefined();
      expect(server.requests).toHaveLength(0);
    });

    it.each<[string, unknown]>([
      ["no token", []],
      ["nothing", undefined],
      ["a number", 24],
    ])("is a text for the callback, and nothing is sent: %s", async (_kind, recipient) => {
      const { server, error } = await sent(recipient);
      expect(error).toBeTypeOf("string");
      expect(server.requests).toHaveLength(0);
    });
  });

  describe("an answer", () => {
    const answered = async (step: Step, recipient: unknown = "token-1") => {
      const server = await aServer(step);
      const sender = aSender(server);
      return called((callback) => sender.sendNoRetry(message(), recipient as string, callback));
    };

    it("is the response, with the tokens that were attempted", async () => {
      expect(await answered(json(MULTICAST))).toEqual({ error: null, response: MULTICAST, tokens: ["token-1"] });
      const two = { ...MULTICAST, success: 2, results: [{ message_id: "0:1" }, { message_id: "0:2" }] };
      expect(await answered(json(two), ["a-1", "a-2"])).toEqual({ error: null, response: two, tokens: ["a-1", "a-2"] });
    });

    it("about a topic is a number", async () => {
      expect((await answered(json({ message_id: 10 }), { topic: "/topics/tests" })).response).toEqual({
        message_id: 10,
      });
    });

    it("about a group, given by its key as text, is the counts", async () => {
      const counts = { success: 1, failure: 1, failed_registration_ids: ["a-2"] };
      expect((await answered(json(counts), "APA91bGroup")).response).toEqual(counts);
    });

    it.each([400, 401, 403, 404, 500, 502, 503])("of status %i is that number as the error", async (status) => {
      const { error, response } = await answered(answer(status, ""));
      expect([error, response]).toEqual([status, undefined]);
    });

    it("that never comes is an Error", async () => {
      const { error } = await answered((_request, socket) => void socket.destroy());
      expect(error).toBeInstanceOf(Error);
    });

    it.each(["", "{}"])(
      "of status 200 with the body '%s' is an error with a code that is not tried again",
      async (text) => {
        const { error, response } = await answered(answer(200, text));
        expect(error).toMatchObject({ code: 400 });
        expect(response).toBeUndefined();
      },
    );
  });

  describe("send()", () => {
    it.each([401, 400, 404])("does not try again after %i", async (status) => {
      const server = await aServer(answer(status, ""));
      const { error } = await called((callback) =>
        aSender(server).send(message(), ["a-1", "a-2"], { retries: 3, backoff: 1 }, callback),
      );
      expect([error, server.requests.length]).toEqual([status, 1]);
    });

    it("tries everybody again after an error, as often as it was told, and later each time", async () => {
      const times: number[] = [];
      const failing: Step = (request, socket) => {
        times.push(performance.now());
        return answer(503, "")(request, socket);
      };
      const server = await aServer(failing, failing, failing);
      const { error } = await called((callback) =>
        aSender(server).send(message(), ["a-1", "a-2"], { retries: 2, backoff: 40 }, callback),
      );
      expect([error, server.requests.length]).toEqual([503, 3]);
      expect(body(server, 2)).toMatchObject({ registration_ids: ["a-1", "a-2"] });
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(38);
      expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThan(38);
    });

    it("takes the number of retries alone, and 0 for none", async () => {
      const server = await aServer(answer(503, ""));
      const { error } = await called((callback) => aSender(server).send(message(), "token-1", 0, callback));
      expect([error, server.requests.length]).toEqual([503, 1]);
    });

    it.each(["Unavailable", "InternalServerError"])(
      "tries those again that were %s, and merges what came of it",
      async (word) => {
        const results = (...list: object[]) => json({ ...MULTICAST, ...countsOf(list), results: list });
        const server = await aServer(
          results({ message_id: "0:1" }, { error: word }, { error: word }),
          results({ message_id: "0:2", registration_id: "new" }, { error: word }),
          results({ error: "NotRegistered" }),
        );
        const { error, response } = await called((callback) =>
          aSender(server).send(message(), ["a-1", "a-2", "a-3"], { retries: 5, backoff: 1 }, callback),
        );
        expect(error).toBeNull();
        expect(body(server, 1)).toMatchObject({ registration_ids: ["a-2", "a-3"] });
        const { to, registration_ids } = body(server, 2) ?? {};
        expect(registration_ids ?? [to]).toEqual(["a-3"]);
        expect(response).toMatchObject({ success: 2, failure: 1, canonical_ids: 1 });
        const [first, second, third] = (response?.["results"] ?? []) as object[];
        expect([first, second, third]).toEqual([
          { message_id: "0:1" },
          { message_id: "0:2", registration_id: "new" },
          { error: "NotRegistered" },
        ]);
      },
    );

    it("keeps what is known when retries run out", async () => {
      const failing = json({
        ...MULTICAST,
        success: 1,
        failure: 1,
        results: [{ message_id: "0:1" }, { error: "Unavailable" }],
      });
      const server = await aServer(
        failing,
        json({ ...MULTICAST, success: 0, failure: 1, results: [{ error: "Unavailable" }] }),
      );
      const { response } = await called((callback) =>
        aSender(server).send(message(), ["a-1", "a-2"], { retries: 1, backoff: 1 }, callback),
      );
      expect(response).toMatchObject({ success: 1, failure: 1 });
    });

    it("reports a token over its rate at once", async () => {
      const limited = {
        ...MULTICAST,
        success: 1,
        failure: 1,
        results: [{ message_id: "0:1" }, { error: "DeviceMessageRateExceeded" }],
      };
      const server = await aServer(json(limited));
      const { response } = await called((callback) => aSender(server).send(message(), ["a-1", "a-2"], callback));
      expect(response).toEqual(limited);
      expect(server.requests).toHaveLength(1);
    });
  });

  describe("send() over a sendNoRetry of the program's own", () => {
    /** Puts it on the prototype, as a stub does; each call gets the next result, the last one for ever. */
    const stub = (...results: [error: unknown, response?: unknown][]) => {
      const calls: { message: unknown; recipient: unknown; at: number }[] = [];
      const kept = library.Sender.prototype.sendNoRetry;
      cleanups.push(() => {
        library.Sender.prototype.sendNoRetry = kept;
      });
      library.Sender.prototype.sendNoRetry = ((
        given: unknown,
        recipient: unknown,
        callback: (...args: unknown[]) => void,
      ) => {
        calls.push({ message: given, recipient, at: performance.now() });
        const [error, response] = results[Math.min(calls.length, results.length) - 1] ?? [];
        callback(error, response, recipient);
      }) as never;
      return calls;
    };
    const send = (recipient: unknown, options: unknown) =>
      called((callback) =>
        new library.Sender("myKey").send({} as never, recipient as string, options as number, callback),
      );

    it.each<[string, unknown]>([
      ["an empty list", []],
      ["an empty object", {}],
      ["an unknown key", { invalid: ["token-1"] }],
      ["a number in a list", [24]],
      ["numbers in a list", [24, 34, 44]],
    ])("hands it the recipient as it is, within the call: %s", async (_kind, recipient) => {
      const calls = stub([null, {}]);
      const given = { data: {} };
      const done = called((callback) =>
        new library.Sender("myKey").send(given as never, recipient as never, 0, callback),
      );
      expect(calls).toMatchObject([{ message: given, recipient }]);
      expect(calls[0]?.recipient).toBe(recipient);
      expect(calls[0]?.message).toBe(given);
      await done;
      expect(calls).toHaveLength(1);
    });

    it.each([[[1]], [[1, 2, 3]]])("hands its response on as it is, for %j", async (tokens) => {
      const response = { success: true };
      const calls = stub([null, response]);
      expect((await send(tokens, 0)).response).toBe(response);
      expect((await send(tokens, 3)).response).toBe(response);
      expect(calls).toHaveLength(2);
    });

    it.each([[[1]], [[1, 2, 3]]])("hands its error on as it is, for %j", async (tokens) => {
      const calls = stub(["my error"]);
      expect((await send(tokens, 0)).error).toBe("my error");
      expect(calls).toHaveLength(1);
    });

    it("waits a second before the second attempt, unless it is told otherwise", async () => {
      const calls = stub(["my error"], [null, { success: 1 }]);
      expect((await send([1], 1)).response).toEqual({ success: 1 });
      expect((calls[1]?.at ?? 0) - (calls[0]?.at ?? 0)).toBeGreaterThan(990);
    });

    it("tries everybody again after an error", async () => {
      const calls = stub(["my error"]);
      expect((await send([1, 2, 3], { retries: 2, backoff: 1 })).error).toBe("my error");
      expect(calls.map(({ recipient }) => recipient)).toEqual([
        [1, 2, 3],
        [1, 2, 3],
        [1, 2, 3],
      ]);
    });

    it.each<[string, unknown]>([
      ["a number", 401],
      ["an object with a code", { code: 400 }],
    ])("does not try again after a 4xx as %s", async (_form, error) => {
      const calls = stub([error]);
      expect((await send([1], { retries: 3, backoff: 1 })).error).toBe(error);
      expect(calls).toHaveLength(1);
    });

    it.each(["Unavailable", "InternalServerError"])("tries those again that were %s, and no others", async (word) => {
      const failed = { error: word };
      const calls = stub(
        [null, { results: [{}, failed, failed] }],
        [null, { results: [{}, failed] }],
        [null, { results: [{}] }],
      );
      await send([1, 2, 3], { retries: 5, backoff: 1 });
      expect(calls.map(({ recipient }) => recipient)).toEqual([[1, 2, 3], [2, 3], [3]]);
    });

    it.each(["Unavailable", "InternalServerError"])(
      "adds the counts up when those that were %s succeed",
      async (word) => {
        const failed = { error: word };
        stub(
          [null, { success: 1, failure: 2, canonical_ids: 0, results: [{}, failed, failed] }],
          [null, { success: 1, failure: 0, canonical_ids: 1, results: [{}, {}] }],
        );
        const { error, response } = await send([1, 2, 3], { retries: 3, backoff: 1 });
        expect(error).toBeNull();
        expect(response).toMatchObject({ success: 2, failure: 0, canonical_ids: 1 });
      },
    );

    it.each(["Unavailable", "InternalServerError"])("adds the counts up when some stay %s", async (word) => {
      const failed = { error: word };
      stub(
        [null, { success: 0, failure: 3, canonical_ids: 0, results: [failed, failed, failed] }],
        [null, { success: 1, failure: 2, canonical_ids: 0, results: [failed, failed, {}] }],
        [null, { success: 0, failure: 2, canonical_ids: 0, results: [failed, failed] }],
      );
      const { error, response } = await send([1, 2, 3], { retries: 3, backoff: 1 });
      expect(error).toBeNull();
      expect(response).toMatchObject({ success: 1, failure: 2, canonical_ids: 0 });
    });

    it("does so on one sender, and in a class of the program's", async () => {
      const server = await aServer(json(MULTICAST), json(MULTICAST));
      const seen: unknown[] = [];
      const one = aSender(server);
      const own = one.sendNoRetry;
      one.sendNoRetry = function (this: Sender, ...args: Parameters<typeof own>) {
        seen.push("one");
        return own.apply(this, args);
      };
      class Loud extends library.Sender {
        override sendNoRetry(...args: Parameters<typeof own>): ReturnType<typeof own> {
          seen.push("class");
          return super.sendNoRetry(...args);
        }
      }
      const loud = new Loud("myKey", { uri: `${server.origin}/fcm/send` });
      for (const sender of [one, loud]) {
        expect(await called((callback) => sender.send(message(), "token-1", callback))).toMatchObject({
          error: null,
          response: MULTICAST,
        });
      }
      expect(seen).toEqual(["one", "class"]);
      await (loud.close as Sender["close"] | undefined)?.call(loud);
    });
  });
});

function countsOf(results: readonly object[]): object {
  const failure = results.filter((result) => "error" in result).length;
  return {
    success: results.length - failure,
    failure,
    canonical_ids: results.filter((result) => "registration_id" in result).length,
  };
}
