// What node-gcm's own suite asks of a sender, as far as a server has a part in it, through the gateway: once with node-gcm, once with the drop-in.
import { createRequire } from "node:module";
import dropIn from "@cloud-messaging/node-gcm";
import { afterEach, describe, expect, it } from "vitest";
import { acceptV1, type V1Step, v1Error } from "../support/fcm-v1-server.ts";
import { type GatewayWorld, KEY, startGatewayWorld } from "../support/gateway-world.ts";

type Library = typeof dropIn;
type Sender = InstanceType<Library["Sender"]>;
type Message = InstanceType<Library["Message"]>;
const original = createRequire(import.meta.url)("node-gcm") as Library;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A gateway that makes one attempt: the sender's own retries are seen. */
async function aGateway(): Promise<GatewayWorld> {
  const world = await startGatewayWorld("1.1", {}, { retry: false });
  cleanups.push(() => world[Symbol.asyncDispose]());
  return world;
}

/** Arguments of a callback. */
interface Called {
  readonly error: unknown;
  readonly response: { readonly results?: readonly object[] } | undefined;
}

const called = (run: (callback: (...args: unknown[]) => void) => unknown): Promise<Called> =>
  new Promise((resolve) => {
    run((error, response) => resolve({ error, response } as Called));
  });

const unavailable = v1Error(503, "UNAVAILABLE");
const limited = v1Error(429, "RESOURCE_EXHAUSTED", {
  errorCode: "QUOTA_EXCEEDED",
  message: "Message rate exceeded for this device",
  details: [
    {
      "@type": "type.googleapis.com/google.rpc.QuotaFailure",
      violations: [{ subject: "device", description: "Device message rate exceeded" }],
    },
  ],
});
const gone = v1Error(404, "NOT_FOUND", { errorCode: "UNREGISTERED" });

/** Gives the requests about each token its steps, one after the other, and accepts after that. */
function stepsByToken(steps: Readonly<Record<string, readonly V1Step[]>>): V1Step {
  const left = new Map(Object.entries(steps).map(([token, all]) => [token, [...all]]));
  return (exchange) => {
    const { message } = JSON.parse(exchange.request.body) as { message: { token?: string } };
    (left.get(message.token ?? "")?.shift() ?? acceptV1)(exchange);
  };
}

const targets = ({ fcm }: GatewayWorld): string[] =>
  fcm.requests.map(({ body }) => {
    const { message } = JSON.parse(body) as { message: { token?: string; topic?: string; condition?: string } };
    const { token, topic, condition } = message;
    return token ?? (topic === undefined ? `condition ${condition}` : `topic ${topic}`);
  });

describe.each([
  ["node-gcm", original],
  ["@cloud-messaging/node-gcm", dropIn],
])("%s, through the gateway", (_name, library) => {
  const aSender = ({ gateway }: GatewayWorld, options: object = {}, key = KEY): Sender => {
    const sender = new library.Sender(key, { uri: `http://127.0.0.1:${gateway.httpPort}/fcm/send`, ...options });
    cleanups.push(() => (sender.close as Sender["close"] | undefined)?.call(sender));
    return sender;
  };
  const message = (): Message => new library.Message({ collapseKey: "k", data: { n: "1" } });
  const sentOnce = async (world: GatewayWorld, recipient: unknown, options?: object): Promise<Called> =>
    called((callback) => aSender(world, options).sendNoRetry(message(), recipient as string, callback));
  const sent = (world: GatewayWorld, recipient: unknown, retries: number): Promise<Called> =>
    called((callback) => aSender(world).send(message(), recipient as string, { retries, backoff: 1 }, callback));

  it.each<[string, unknown, string[]]>([
    ["a list", ["tok-1", "tok-2"], ["tok-1", "tok-2"]],
    ["registrationIds", { registrationIds: ["tok-1", "tok-2"] }, ["tok-1", "tok-2"]],
    ["registrationTokens", { registrationTokens: ["tok-1"] }, ["tok-1"]],
    ["text", "tok-1", ["tok-1"]],
    ["to", { to: "tok-1" }, ["tok-1"]],
    ["topic", { topic: "/topics/tests" }, ["topic tests"]],
    ["a topic as text", "/topics/tests", ["topic tests"]],
    ["condition", { condition: "'A' in topics && 'B' in topics" }, ["condition 'A' in topics && 'B' in topics"]],
  ])("reaches the recipient that is given as %s", async (_kind, recipient, expected) => {
    const world = await aGateway();
    const { error } = await sentOnce(world, recipient);
    expect(error ?? null).toBeNull();
    expect(targets(world).sort()).toEqual(expected);
  });

  it("sends nothing to an empty recipient, or to one of no known kind", async () => {
    const world = await aGateway();
    for (const recipient of [[], undefined, 24, {}, { invalid: true }, { to: "" }])
      expect((await sentOnce(world, recipient)).error).toBeTruthy();
    expect(world.fcm.requests).toHaveLength(0);
  });

  it.each([
    ["method", { method: "GET" }],
    ["headers", { headers: { Authorization: "test" } }],
    ["json", { json: { test: true } }],
  ])("sends the message whatever %s the options say", async (_what, options) => {
    const world = await aGateway();
    expect((await sentOnce(world, "tok-1", options)).response).toMatchObject({ success: 1 });
    expect(targets(world)).toEqual(["tok-1"]);
  });

  it("carries every field that FCM HTTP v1 has", async () => {
    const world = await aGateway();
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
    await called((callback) => aSender(world).sendNoRetry(whole, "tok-1", callback));
    expect(JSON.parse(world.fcm.requests[0]?.body ?? "")).toMatchObject({
      validate_only: true,
      message: {
        data: { name: "Ada" },
        notification: { title: "t", image: "https://a.example/p.png" },
        android: {
          collapse_key: "k",
          priority: "HIGH",
          ttl: "100s",
          restricted_package_name: "com.example",
          notification: { icon: "i", notification_count: 3 },
        },
        apns: { payload: { aps: { "content-available": 1, "mutable-content": 1 } } },
      },
    });
  });

  it("ends at the timeout of the options", async () => {
    const world = await aGateway();
    world.fcm.otherwise = () => {};
    expect((await sentOnce(world, "tok-1", { timeout: 200 })).error).toBeInstanceOf(Error);
  });

  it("gives the answer: counts and results, and a number for a topic", async () => {
    const world = await aGateway();
    expect((await sentOnce(world, ["tok-1", "tok-2"])).response).toMatchObject({
      multicast_id: expect.anything() as unknown,
      success: 2,
      failure: 0,
      canonical_ids: 0,
      results: [{ message_id: "0:tok-1" }, { message_id: "0:tok-2" }],
    });
    expect((await sentOnce(world, { topic: "/topics/tests" })).response).toEqual({ message_id: expect.anything() });
  });

  it("hears 401 for a key that is not known, and does not try again", async () => {
    const world = await aGateway();
    const { error } = await called((callback) =>
      aSender(world, {}, "AIzaSyAnother000000000000000000000000aa").send(
        message(),
        "tok-1",
        { retries: 3, backoff: 1 },
        callback,
      ),
    );
    expect(error).toBe(401);
    expect(world.events.filter(({ type }) => type === "login-refused")).toHaveLength(1);
  });

  it.each([
    ["Unavailable", unavailable],
    ["InternalServerError", v1Error(403, "PERMISSION_DENIED")],
  ])("tries those again that were %s, and merges what came of it", async (_word, step) => {
    const world = await aGateway();
    world.fcm.otherwise = stepsByToken({ "tok-2": [step, acceptV1], "tok-3": [step, step, gone] });
    const { error, response } = await sent(world, ["tok-1", "tok-2", "tok-3"], 5);
    expect(error).toBeNull();
    expect(response).toMatchObject({ success: 2, failure: 1 });
    expect(response?.results).toEqual([
      { message_id: "0:tok-1" },
      { message_id: "0:tok-2" },
      { error: "NotRegistered" },
    ]);
    expect(targets(world).sort()).toEqual(["tok-1", "tok-2", "tok-2", "tok-3", "tok-3", "tok-3"]);
  });

  it("keeps what is known when retries run out", async () => {
    const world = await aGateway();
    world.fcm.otherwise = stepsByToken({ "tok-2": [unavailable, unavailable] });
    const { response } = await sent(world, ["tok-1", "tok-2"], 1);
    expect(response).toMatchObject({ success: 1, failure: 1 });
    expect(targets(world)).toHaveLength(3);
  });

  it("reports a token over its rate at once", async () => {
    const world = await aGateway();
    world.fcm.otherwise = stepsByToken({ "tok-2": [limited] });
    const { response } = await sent(world, ["tok-1", "tok-2"], 3);
    expect(response?.results).toEqual([{ message_id: "0:tok-1" }, { error: "DeviceMessageRateExceeded" }]);
    expect(targets(world)).toHaveLength(2);
  });
});
