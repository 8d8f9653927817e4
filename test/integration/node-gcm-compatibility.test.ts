import { execFile } from "node:child_process";
import { join } from "node:path";
import { inherits, inspect, promisify } from "node:util";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import gcm, { type Callback, type Recipient, type Response } from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { answer, type FaultServer, json, type Step, startFaultServer } from "../support/fault-server.ts";
import { byToken, startV1Server, type V1Server, v1Error } from "../support/fcm-v1-server.ts";

type Sender = InstanceType<typeof gcm.Sender>;
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

async function aV1Server(): Promise<V1Server> {
  const server = await startV1Server();
  cleanups.push(() => server.close());
  return server;
}

async function anEmulator(): Promise<Emulator> {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  return emulator;
}

function opened(sender: Sender): Sender {
  cleanups.push(() => sender.close());
  return sender;
}

const legacySender = ({ origin }: { readonly origin: string }) =>
  opened(new gcm.Sender("AIza-EXAMPLE", { uri: `${origin}/fcm/send` }));
const v1Sender = ({ origin, ca }: V1Server) =>
  opened(new gcm.Sender(async () => "ya29.t", { projectId: "demo", endpoint: origin, tls: { ca } }));
const emulatedV1 = (emulator: Emulator) => {
  const { credential, ...options } = emulator.fcmOptions();
  return opened(new gcm.Sender(credential, options));
};

/** The error and the response of one send through the callback. */
function called(run: (callback: Callback) => unknown): Promise<{ error: unknown; response: Response | undefined }> {
  return new Promise((resolve) => void run((error, response) => resolve({ error, response })));
}

const accepted = json({ multicast_id: 1, success: 1, failure: 0, canonical_ids: 0, results: [{ message_id: "0:1" }] });
const aMessage = () => new gcm.Message({ data: { n: "1" } });
const bodies = (server: { readonly requests: readonly { readonly body: string }[] }) =>
  server.requests.map(({ body }) => JSON.parse(body) as Record<string, unknown>);

describe("a device group's key", () => {
  const ways: [string, (key: string) => Recipient][] = [
    ["as text", (key) => key],
    ["in a list of one", (key) => [key]],
    ["as to", (key) => ({ to: key })],
    ["as notificationKey", (key) => ({ notificationKey: key })],
  ];
  it.each(ways)("reaches every member over the legacy protocol: %s", async (_way, recipient) => {
    const { emulator, key, phones } = await aGroup();
    const { apiKey, endpoint } = emulator.httpOptions();
    const sender = opened(new gcm.Sender(apiKey, { uri: endpoint }));
    expect(await sender.send(aMessage(), recipient(key), 0)).toEqual({ success: 2, failure: 0 });
    expect(phones.map(({ received }) => received.length)).toEqual([1, 1]);
  });

  it.each(ways)("reaches every member over FCM HTTP v1: %s", async (_way, recipient) => {
    const { emulator, key, phones } = await aGroup();
    const response = await emulatedV1(emulator).send(aMessage(), recipient(key), 0);
    expect(response.results?.[0]?.error ?? response.error).toBeUndefined();
    expect(phones.map(({ received }) => received.length)).toEqual([1, 1]);
  });

  async function aGroup() {
    const emulator = await anEmulator();
    const phones = [emulator.createDevice(), emulator.createDevice()];
    const answered = await fetch(new URL("/fcm/notification", emulator.httpUrl), {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "key=k", project_id: "1234567890" },
      body: JSON.stringify({
        operation: "create",
        notification_key_name: "family",
        registration_ids: phones.map(({ token }) => token),
      }),
    });
    const { notification_key: key } = (await answered.json()) as { notification_key: string };
    return { emulator, key, phones };
  }
});

describe("an answer of status 200 that cannot be read", () => {
  const pages: [string, string][] = [
    ["a page", "<html>Welcome</html>"],
    ["nothing", ""],
    ["an empty object", "{}"],
    ["JSON of another service", '{"ok":true}'],
  ];
  const patient = { retries: 3, backoff: 1 };

  it.each(pages)(
    "is an error that says so over the legacy protocol, and is not sent again: %s",
    async (_what, text) => {
      const server = await aServer();
      server.otherwise = answer(200, text);
      const recipients: Recipient[] = ["a-1", ["a-1", "a-2"], { topic: "/topics/news" }];
      for (const recipient of recipients) {
        const { error, response } = await called((callback) =>
          legacySender(server).send(aMessage(), recipient, patient, callback),
        );
        expect(error).toMatchObject({
          name: "SendError",
          code: 400,
          message: expect.stringContaining("cannot be read"),
        });
        expect(response).toBeUndefined();
      }
      expect(server.requests).toHaveLength(recipients.length);
    },
  );

  it.each(pages.slice(0, 2))("is an error over FCM HTTP v1, and is not sent again: %s", async (_what, text) => {
    const server = await aV1Server();
    server.otherwise = (exchange) => exchange.answer(200, text);
    const { error } = await called((callback) => v1Sender(server).send(aMessage(), ["a-1", "a-2"], patient, callback));
    expect(error).toMatchObject({ code: 400, message: expect.stringContaining("cannot be read") });
    expect(server.requests).toHaveLength(2);
  });

  it("over FCM HTTP v1 leaves the others their results where it is about one of them", async () => {
    const server = await aV1Server();
    server.otherwise = byToken({ odd: ({ answer }) => answer(200, "<html>") });
    const response = await v1Sender(server).send(aMessage(), ["a-1", "odd"], 0);
    expect(response.results).toEqual([{ message_id: "0:a-1" }, { error: "Unavailable" }]);
  });
});

describe("plain http to another machine", () => {
  it("is refused in words, and taken with allowInsecure", async () => {
    const server = await aServer(accepted);
    const uri = `http://0.0.0.0:${server.port}/fcm/send`;
    const careful = opened(new gcm.Sender("AIza-EXAMPLE", { uri }));
    await expect(careful.send(aMessage(), "a-1", 0)).rejects.toThrow(/allowInsecure/);
    const sender = opened(new gcm.Sender("AIza-EXAMPLE", { uri, allowInsecure: true }));
    expect(await sender.send(aMessage(), "a-1", 0)).toMatchObject({ success: 1 });
  });
});

describe("fields of a message", () => {
  it("notification_count and image arrive over FCM HTTP v1, as numbers and as text", async () => {
    const server = await aV1Server();
    for (const notification_count of [3, "3"]) {
      const notification = { title: "t", image: "https://a.example/p.png", notification_count };
      await v1Sender(server).send(new gcm.Message({ notification }), "a-1", 0);
    }
    for (const { message } of bodies(server)) {
      expect(message).toMatchObject({
        notification: { title: "t", image: "https://a.example/p.png" },
        android: { notification: { notification_count: 3 } },
      });
    }
    expect(server.requests).toHaveLength(2);
  });

  it.each<[unknown, boolean | undefined]>([
    [true, true],
    [1, true],
    ["1", true],
    ["true", true],
    ["TRUE", true],
    [false, undefined],
    [0, undefined],
    ["0", undefined],
    ["false", undefined],
    ["", undefined],
    [null, undefined],
  ])("a flag given as %j goes out as %j", async (given, written) => {
    const server = await aServer(accepted);
    const flags = { contentAvailable: given, mutableContent: given, delayWhileIdle: given, dryRun: given };
    const { error } = await called((callback) =>
      legacySender(server).sendNoRetry(new gcm.Message(flags as object), "a-1", callback),
    );
    expect(error).toBeNull();
    const { content_available, mutable_content, delay_while_idle, dry_run } = bodies(server)[0] ?? {};
    expect([content_available, mutable_content, delay_while_idle, dry_run]).toEqual([
      written,
      written,
      written,
      written,
    ]);
  });

  it.each<[unknown, number | undefined]>([
    [3600, 3600],
    ["3600", 3600],
    [" 0 ", 0],
    [0, 0],
    ["", undefined],
  ])("a time to live of %j goes out as %j", async (timeToLive, written) => {
    const server = await aServer(accepted);
    await legacySender(server).sendNoRetry(new gcm.Message({ timeToLive } as object), "a-1");
    expect(bodies(server)[0]?.["time_to_live"]).toBe(written);
  });

  it.each<[string, object]>([
    ["contentAvailable", { contentAvailable: "perhaps" }],
    ["dryRun", { dryRun: 2 }],
    ["timeToLive", { timeToLive: "an hour" }],
  ])("a value that means nothing is refused, and named: %s", async (_field, params) => {
    const server = await aServer();
    await expect(legacySender(server).send(new gcm.Message(params), "a-1")).rejects.toMatchObject({
      code: "ERR_INVALID_MESSAGE",
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe("a recipient over its rate", () => {
  it.each([
    ["a device's", { subject: "device" }, "DeviceMessageRateExceeded"],
    ["the project's", { subject: "project:demo" }, "QuotaExceeded"],
  ])("does not hold the callback of the others over FCM HTTP v1: %s quota", async (_whose, violation, word) => {
    const server = await aV1Server();
    const details = [{ "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [violation] }];
    server.otherwise = byToken({
      busy: v1Error(429, "RESOURCE_EXHAUSTED", {
        errorCode: "QUOTA_EXCEEDED",
        message: word === "QuotaExceeded" ? "Quota exceeded" : "Message rate exceeded for this device.",
        details,
        headers: { "retry-after": "600" },
      }),
    });
    // the default retries, whose wait would outlast the test
    const { error, response } = await called((callback) =>
      v1Sender(server).send(aMessage(), ["a-1", "busy", "a-3"], callback),
    );
    expect(error).toBeNull();
    expect(response?.results).toMatchObject([{ message_id: "0:a-1" }, { error: word }, { message_id: "0:a-3" }]);
    expect(response).toMatchObject({ success: 2, failure: 1 });
  });

  it("is reported at once where it is the only one", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    emulator.faults.next({ token, error: "device-message-rate-exceeded", times: 10 });
    expect(await emulatedV1(emulator).send(aMessage(), token)).toMatchObject({
      results: [{ error: "DeviceMessageRateExceeded" }],
    });
  });
});

describe("an answer of FCM HTTP v1", () => {
  it("has the legacy word for a package that is not the one asked for", async () => {
    const emulator = await anEmulator();
    const { token } = emulator.createDevice();
    const message = new gcm.Message({ restrictedPackageName: "com.example.another" });
    expect(await emulatedV1(emulator).send(message, token)).toMatchObject({
      results: [{ error: "InvalidPackageName" }],
    });
  });

  it.each([
    ["projects/demo/messages/0:1500415314455276%31bd1c9631bd1c96", 1500415314455276],
    ["projects/demo/messages/6922364034284", 6922364034284],
    ["projects/demo/messages/8968610879307183290", "8968610879307183290"],
    ["projects/demo/messages/abc", "abc"],
  ])("about a topic is a number, where one can hold it: %s", async (name, id) => {
    const server = await aV1Server();
    server.otherwise = ({ answer }) => answer(200, JSON.stringify({ name }));
    expect(await v1Sender(server).send(aMessage(), { topic: "/topics/news" })).toEqual({ message_id: id });
  });

  it.each([401, 403, 503])("about a topic of status %i is that number as the error", async (status) => {
    const server = await aV1Server();
    const words: Record<number, string> = { 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 503: "UNAVAILABLE" };
    server.otherwise = v1Error(status, words[status] ?? "");
    const { error } = await called((callback) => v1Sender(server).sendNoRetry(aMessage(), { topic: "news" }, callback));
    expect(error).toBe(status);
  });
});

describe("a sender's key and options", () => {
  it("may be set, and count from the next send on; what is under way goes on", async () => {
    let release = (): void => {};
    const held: Step = async (request, socket) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return accepted(request, socket);
    };
    const [first, second] = [await aServer(held), await aServer(accepted, accepted)];
    const sender = legacySender(first);
    const pending = sender.send(aMessage(), "a-1", 0);
    await first.arrived(1);
    sender.key = "AIza-NEW";
    sender.options.uri = `${second.origin}/fcm/send`;
    expect(await sender.send(aMessage(), "a-2", 0)).toMatchObject({ success: 1 });
    release();
    expect(await pending).toMatchObject({ success: 1 });
    expect(first.requests.map(({ headers }) => headers["authorization"])).toEqual(["key=AIza-EXAMPLE"]);
    expect(second.requests.map(({ headers }) => headers["authorization"])).toEqual(["key=AIza-NEW"]);
  });

  it("are in no inspection and no JSON of it, as far as they are secret", () => {
    const sender = new gcm.Sender("AIza-SECRET");
    sender.key = "AIza-SECRET-2";
    expect(sender.key).toBe("AIza-SECRET-2");
    for (const text of [
      inspect(sender, { depth: 9, showHidden: true }),
      inspect(sender, { customInspect: false }),
      JSON.stringify(sender),
    ]) {
      expect(text).not.toContain("SECRET");
    }
  });
});

describe("copies of a sender", () => {
  it.each<[string, (sender: Sender) => Sender]>([
    ["a proxy", (sender) => new Proxy(sender, {})],
    ["an object that has it as its prototype", (sender) => Object.create(sender) as Sender],
    ["a copy of its properties", (sender) => Object.assign(Object.create(gcm.Sender.prototype) as Sender, sender)],
    ["a copy of its properties in another sender", (sender) => Object.assign(new gcm.Sender(), sender)],
  ])("send as it does: %s", async (_kind, copyOf) => {
    const server = await aServer(accepted, accepted);
    const sender = legacySender(server);
    const copy = opened(copyOf(sender));
    for (const each of [copy, sender]) expect(await each.send(aMessage(), "a-1", 0)).toMatchObject({ success: 1 });
    expect(server.requests.map(({ headers }) => headers["authorization"])).toEqual([
      "key=AIza-EXAMPLE",
      "key=AIza-EXAMPLE",
    ]);
    expect(copy.key).toBe("AIza-EXAMPLE");
  });

  it("may have a key of their own, given by the proxy or by being set", async () => {
    const server = await aServer(accepted, accepted, accepted);
    const sender = legacySender(server);
    const proxy = opened(
      new Proxy(sender, {
        get: (target, name, receiver) => (name === "key" ? "AIza-PROXY" : Reflect.get(target, name, receiver)),
      }),
    );
    const derived = opened(Object.create(sender) as Sender);
    derived.key = "AIza-DERIVED";
    for (const each of [proxy, derived, sender]) await each.send(aMessage(), "a-1", 0);
    expect(server.requests.map(({ headers }) => headers["authorization"])).toEqual([
      "key=AIza-PROXY",
      "key=AIza-DERIVED",
      "key=AIza-EXAMPLE",
    ]);
  });

  it("may be made by a constructor of the old style", async () => {
    function OldSender(this: Sender, uri: string): void {
      (gcm.Sender as unknown as (this: unknown, key: string, options: object) => void).call(this, "AIza-OLD", { uri });
    }
    inherits(OldSender, gcm.Sender);
    const server = await aServer(accepted);
    const sender = opened(new (OldSender as unknown as new (uri: string) => Sender)(`${server.origin}/fcm/send`));
    expect(sender).toBeInstanceOf(gcm.Sender);
    expect(await sender.send(aMessage(), "a-1", 0)).toMatchObject({ success: 1 });
    expect(server.requests[0]?.headers["authorization"]).toBe("key=AIza-OLD");
  });
});

describe("a sendNoRetry of the program's own", () => {
  const withOwn = (sendNoRetry: (...args: never[]) => unknown): Sender =>
    Object.assign(new gcm.Sender("AIza-EXAMPLE"), { sendNoRetry });

  it("may be asynchronous and call nobody back", async () => {
    const response = { success: 1 };
    expect(await withOwn(async () => response).send(aMessage(), "a-1")).toBe(response);
    const failing = withOwn(async () => {
      throw Object.assign(new Error("mine"), { code: 400 });
    });
    const { error } = await called((callback) => failing.send(aMessage(), "a-1", callback));
    expect(error).toMatchObject({ message: "mine" });
  });

  it("may throw, which the callback hears", async () => {
    const failing = withOwn(() => {
      throw new Error("mine");
    });
    const { error } = await called((callback) => failing.send(aMessage(), "a-1", 0, callback));
    expect(error).toMatchObject({ message: "mine" });
  });

  it("is not called again for what no second attempt changes", async () => {
    let calls = 0;
    class Counting extends gcm.Sender {
      override sendNoRetry(...args: Parameters<Sender["sendNoRetry"]>): ReturnType<Sender["sendNoRetry"]> {
        calls++;
        return super.sendNoRetry(...args);
      }
    }
    const sender = opened(new Counting("AIza-EXAMPLE", { uri: "http://127.0.0.1:1/" }));
    const invalid: [object, Recipient][] = [
      [new gcm.Message({ data: { from: "x" } }), "a-1"],
      [aMessage(), []],
      [aMessage(), {}],
    ];
    for (const [message, recipient] of invalid) {
      const { error } = await called((callback) => sender.send(message as never, recipient, 3, callback));
      expect(error).toBeTruthy();
    }
    expect(calls).toBe(3);
  });
});

describe("require()", () => {
  it("gives an object with node-gcm's names, whose parts a program can replace", async () => {
    const program = `
      const gcm = require("@cloud-messaging/node-gcm");
      gcm.Sender = "a stub";
      console.log(JSON.stringify([Object.keys(gcm).sort(), gcm.Sender]));`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=commonjs", "--eval", program], {
      cwd: join(import.meta.dirname, ".."),
      env: { PATH: process.env["PATH"] },
    });
    expect(JSON.parse(stdout)).toEqual([["Constants", "Message", "MulitcastResult", "Result", "Sender"], "a stub"]);
  });
});
