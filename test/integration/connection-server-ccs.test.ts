import { once } from "node:events";
import { connect as connectTls } from "node:tls";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import {
  type CcsConnection,
  type CcsServerEvent,
  type CcsServerOptions,
  type Decision,
  DecisionTimeoutError,
  type IncomingMessage,
  type MessagingService,
  type Refusal,
  startCcsServer,
  type UpstreamPort,
} from "@cloud-messaging/connection-server";
import { createManualClock, InvalidOptionsError, subscribe } from "@cloud-messaging/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTestCertificates } from "../support/fault-server-certificates.ts";
import { CcsPeer } from "./emulator-ccs-peer.ts";

const certificates = createTestCertificates(["127.0.0.1", "fcm-xmpp.googleapis.com"]);
const accepted: Decision = { kind: "accepted", messageId: "1" };
const login = { senderId: "1234567890", apiKey: "good" };

/** A value that is waited for. */
function signal<T = void>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Fake service: keeps every message until the test decides on it. */
class FakeService implements MessagingService {
  readonly asked: IncomingMessage[] = [];
  readonly refusals: [IncomingMessage, Refusal][] = [];
  readonly given: [string | undefined, string][] = [];
  readonly ports: UpstreamPort[] = [];
  readonly acks: string[] = [];
  unacked = 0;
  detached = 0;
  readonly #decide = new Map<string, (decision: Decision) => void>();
  readonly #waiting = new Set<() => void>();

  authenticate({ secret }: { readonly secret: string }) {
    return secret === "good" ? ({ kind: "sender" } as const) : BAD;
  }

  submit(message: IncomingMessage): Promise<Decision> {
    this.asked.push(message);
    return new Promise((resolve) => {
      this.#decide.set(message.messageId ?? "", resolve);
      this.#tell();
    });
  }

  refused(message: IncomingMessage, refusal: Refusal): void {
    this.refusals.push([message, refusal]);
  }

  unanswered({ messageId }: IncomingMessage, reason: string): void {
    this.given.push([messageId, reason]);
    this.#tell();
  }

  attach(port: UpstreamPort) {
    this.ports.push(port);
    const service = this;
    return {
      get unacked() {
        return service.unacked;
      },
      acked: (from: string, messageId: string) => {
        service.acks.push(`${from} ${messageId}`);
        service.unacked = Math.max(0, service.unacked - 1);
        service.#tell();
        return messageId !== "never-sent";
      },
      detach: () => {
        service.detached++;
        service.#tell();
      },
    };
  }

  decide(messageId: string, decision: Decision = accepted): void {
    this.#decide.get(messageId)?.(decision);
  }

  /** Resolves as soon as the condition holds. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  #tell(): void {
    for (const check of [...this.#waiting]) check();
  }
}

const BAD = { kind: "refused", code: "authentication-failed" } as const;

async function serve<S extends MessagingService>(service: S, options: Partial<CcsServerOptions> = {}) {
  const { ca, server: tls } = await certificates;
  const failures: unknown[] = [];
  const events: CcsServerEvent[] = [];
  const server = await startCcsServer({
    host: "127.0.0.1",
    port: 0,
    tls,
    service,
    onServiceFailure: (error) => void failures.push(error),
    onEvent: (event) => void events.push(event),
    ...options,
  });
  const where = { host: "127.0.0.1", port: server.port, tls: { ca }, ...login };
  return {
    server,
    where,
    service,
    failures,
    events,
    login: () => CcsPeer.login(where),
    connect: () => CcsPeer.connect(where),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

const ids = (...numbers: number[]): string[] => numbers.map((n) => `m-${n}`);

describe("a CCS server whose service decides late and out of order", () => {
  it("answers each message when it has been decided", async () => {
    await using world = await serve(new FakeService());
    const { service } = world;
    await using peer = await world.login();
    for (const id of ids(1, 2, 3)) peer.gcm({ to: `to-${id}`, message_id: id, data: { n: 1 } });
    await service.until(() => service.asked.length === 3);
    expect(service.asked[0]).toMatchObject({
      protocol: "ccs",
      senderId: "1234567890",
      connectionId: 1,
      to: "to-m-1",
      address: { kind: "token", token: "to-m-1", orGroup: true },
      data: { n: "1" },
    });
    service.decide("m-3");
    expect(await peer.next()).toEqual({ message_type: "ack", from: "to-m-3", message_id: "m-3" });
    service.decide("m-1", { kind: "refused", code: "not-registered" });
    expect(await peer.next()).toMatchObject({ message_type: "nack", message_id: "m-1", error: "DEVICE_UNREGISTERED" });
    service.decide("m-2", { kind: "accepted", messageId: "x", canonicalToken: "new" });
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2", registration_id: "new" });
    expect(world.server.connections[0]?.pending).toBe(0);
  });

  it("serves our client: every send is settled with the decision about its own message", async () => {
    const waiting: (() => void)[] = [];
    await using world = await serve({
      authenticate: () => ({ kind: "sender" }) as const,
      submit: ({ data }: IncomingMessage) =>
        new Promise<Decision>((resolve) => {
          const refuse = Number(data["n"]) % 7 === 0;
          waiting.push(() => resolve(refuse ? { kind: "refused", code: "not-registered" } : accepted));
          // in batches, the newest first
          if (waiting.length === 50)
            setImmediate(() =>
              waiting
                .splice(0)
                .reverse()
                .forEach((decide) => {
                  decide();
                }),
            );
        }),
    });
    await using client = createCcsClient(world.where);
    const outcomes = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        const { outcomes } = await client.send({ target: { token: `t-${n}` }, data: { n: String(n) } });
        return outcomes[0]?.kind;
      }),
    );
    expect(outcomes).toEqual(Array.from({ length: 300 }, (_, n) => (n % 7 === 0 ? "unregistered" : "accepted")));
  });

  it("writes a receipt after the answer to its message, once, and other upstream messages at once", async () => {
    await using world = await serve(new FakeService());
    const { service } = world;
    await using peer = await world.login();
    for (const id of ids(1, 2)) peer.gcm({ to: "t", message_id: id });
    await service.until(() => service.asked.length === 2);
    const [port] = service.ports as [UpstreamPort];
    const receipt = { json: '{"message_type":"receipt","message_id":"dr2:m-1"}', receiptFor: "m-1" };
    expect([port.write(receipt), port.write(receipt)]).toEqual([true, true]);
    port.write({ json: '{"message_id":"u-1"}' });
    expect(await peer.next()).toMatchObject({ message_id: "u-1" });
    service.decide("m-2");
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    service.decide("m-1");
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-1" });
    expect(await peer.next()).toMatchObject({ message_id: "dr2:m-1" });
    port.write({ ...receipt, json: '{"message_id":"again"}' });
    expect(await peer.next()).toMatchObject({ message_id: "again" });
  });

  it("logs in late, and reads nothing that comes before the answer", async () => {
    const decide = signal<ReturnType<FakeService["authenticate"]>>();
    const asked = signal();
    await using world = await serve({
      authenticate: () => {
        asked.resolve();
        return decide.promise;
      },
      submit: () => accepted,
    });
    const [peer] = await Promise.all([
      world.login(),
      asked.promise.then(() => {
        decide.resolve({ kind: "sender" });
      }),
    ]);
    await using _ = peer;
    peer.gcm({ to: "t", message_id: "m" });
    expect(await peer.next()).toMatchObject({ message_type: "ack" });
  });
});

describe("a CCS server whose service fails", () => {
  const secret = new Error("secret");
  const failing: [string, () => unknown, unknown][] = [
    [
      "throws",
      () => {
        throw secret;
      },
      secret,
    ],
    ["rejects", () => Promise.reject(secret), secret],
    [
      "gives a thenable that throws",
      () => ({
        // biome-ignore lint/suspicious/noThenProperty: what is tried
        then() {
          throw secret;
        },
      }),
      secret,
    ],
    ["decides nothing", () => undefined, expect.any(TypeError)],
    ["decides something else, late", async () => ({ kind: "perhaps" }), expect.any(TypeError)],
    [
      "accepts with what cannot be written",
      () => ({ kind: "accepted", messageId: "1", canonicalToken: 1n }),
      expect.any(TypeError),
    ],
  ];

  it.each(failing)(
    "%s: nacks INTERNAL_SERVER_ERROR without the reason, told once, and goes on",
    async (_how, fail, error) => {
      await using world = await serve({
        authenticate: () => ({ kind: "sender" }) as const,
        submit: ({ to }: IncomingMessage) => (to === "good" ? accepted : (fail() as Decision)),
      });
      await using peer = await world.login();
      for (const id of ids(1, 2)) peer.gcm({ to: "bad", message_id: id });
      for (const id of ids(1, 2)) {
        expect(await peer.next()).toMatchObject({ message_id: id, error: "INTERNAL_SERVER_ERROR" });
      }
      peer.gcm({ to: "good", message_id: "m-3" });
      expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-3" });
      expect(peer.text).not.toContain("secret");
      expect(world.failures).toEqual([error, error]);
    },
  );

  it.each(failing.slice(0, 5))("%s at a login: temporary-auth-failure, told once", async (_how, fail, error) => {
    await using world = await serve({ authenticate: () => fail() as never, submit: () => accepted });
    await expect(world.login()).rejects.toThrow(/temporary-auth-failure/);
    expect(world.failures).toEqual([error]);
  });

  it("in what it is told: tells of each failure once, and goes on", async () => {
    const fail = (): never => {
      throw secret;
    };
    await using world = await serve({
      authenticate: () => ({ kind: "sender" }) as const,
      submit: () => new Promise<Decision>(() => {}),
      refused: (() => Promise.reject(secret)) as () => void,
      unanswered: fail,
      attach: () => ({ acked: fail, detach: fail, unacked: 0 }),
    });
    const peer = await world.login();
    peer.gcm({ to: "t", message_id: "m-1", time_to_live: -1 });
    expect(await peer.next()).toMatchObject({ error: "INVALID_JSON" });
    peer.gcm({ to: "t", message_id: "u-1", message_type: "ack" });
    peer.gcm({ to: "t", message_id: "m-2" });
    peer.write('<iq type="get" id="p1"><ping xmlns="urn:xmpp:ping"/></iq>');
    await peer.until('id="p1" type="result"');
    await peer[Symbol.asyncDispose]();
    await world.server.close();
    expect(world.failures).toEqual([secret, secret, secret, secret]);
  });

  it("to take the connection: ends it with internal-server-error", async () => {
    await using world = await serve({
      authenticate: () => ({ kind: "sender" }) as const,
      submit: () => accepted,
      attach: () => {
        throw secret;
      },
    });
    await using peer = await world.login();
    await peer.until("<internal-server-error");
    await peer.ended();
    expect(world.failures).toEqual([secret]);
  });
});

describe("a CCS server whose listeners throw", () => {
  it("serves its connections as before, and publishes each throw as a notice", async () => {
    const notices: string[] = [];
    const stop = subscribe("cloud-messaging:notice", ({ notice, detail }) => notices.push(`${notice}: ${detail}`));
    const fail = (): never => {
      throw new TypeError("a mistake of the program's");
    };
    await using world = await serve(new FakeService(), { onEvent: fail, onServiceFailure: fail });
    const { service } = world;
    await using peer = await world.login();
    for (const id of ids(1, 2)) peer.gcm({ to: "t", message_id: id });
    await service.until(() => service.asked.length === 2);
    service.decide("m-1", { kind: "not a decision" } as unknown as Decision);
    expect(await peer.next()).toMatchObject({ message_id: "m-1", error: "INTERNAL_SERVER_ERROR" });
    service.decide("m-2");
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    stop();
    expect(new Set(notices)).toEqual(
      new Set(["event-listener-failed: TypeError", "failure-listener-failed: TypeError"]),
    );
  });
});

describe("a CCS server whose service never answers", () => {
  it("nacks when the time limit has passed, told once, with the receipt after it, and ignores a later decision", async () => {
    const clock = createManualClock();
    await using world = await serve(new FakeService(), { clock, decisionTimeoutMs: 5_000 });
    const { service } = world;
    await using peer = await world.login();
    peer.gcm({ to: "t", message_id: "m-1" });
    await service.until(() => service.asked.length === 1);
    service.ports[0]?.write({ json: '{"message_id":"dr2:m-1"}', receiptFor: "m-1" });
    await clock.advance(5_000);
    expect(await peer.next()).toMatchObject({ message_id: "m-1", error: "INTERNAL_SERVER_ERROR" });
    expect(await peer.next()).toMatchObject({ message_id: "dr2:m-1" });
    service.decide("m-1");
    peer.gcm({ to: "t", message_id: "m-2" });
    await service.until(() => service.asked.length === 2);
    service.decide("m-2");
    expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: "m-2" });
    expect(world.failures).toEqual([new DecisionTimeoutError("submit", 5_000)]);
    expect(service.given).toEqual([]);
  });

  it("at a login: ends it when the time for a login is over", async () => {
    const clock = createManualClock();
    const asked = signal();
    await using world = await serve(
      {
        authenticate: () => {
          asked.resolve();
          return new Promise<never>(() => {});
        },
        submit: () => accepted,
      },
      { clock, loginTimeoutMs: 1_000, decisionTimeoutMs: 5_000, keepAliveMs: Number.POSITIVE_INFINITY },
    );
    const refused = expect(world.login()).rejects.toThrow(/connection-timeout/);
    await asked.promise;
    await clock.advance(1_000);
    await refused;
    expect(world.failures).toEqual([]);
    await world.server.close();
    expect(clock.scheduled).toBe(0);
  });
});

describe("a CCS server whose service is slow", () => {
  it("stops reading while as many decisions are under way as there may be, and answers everything in the end", async () => {
    await using world = await serve(new FakeService(), { maxConcurrentMessages: 2, keepAliveMs: 5 });
    const { service } = world;
    await using peer = await world.login();
    const data = { x: "x".repeat(250_000) };
    for (let i = 0; i < 60; i++) peer.gcm({ to: "t", message_id: `m-${i}`, data });
    await service.until(() => service.asked.length === 2);
    // several keep-alives later the rest is where it was: 15 MB are more than the system's buffers hold
    for (let i = 0; i < 5; i++) await peer.until(" ");
    expect(service.asked).toHaveLength(2);
    expect(peer.socket.writableLength).toBeGreaterThan(1_000_000);
    for (let i = 0; i < 60; i++) {
      await service.until(() => service.asked.length > i);
      service.decide(`m-${i}`);
      expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: `m-${i}` });
    }
    expect(peer.socket.writableLength).toBe(0);
    expect(world.server.connections[0]?.pending).toBe(0);
  });

  it("gives permits to connections in turn, and takes back those of a connection that leaves", async () => {
    await using world = await serve(new FakeService(), { maxConcurrentMessages: 1 });
    const { service } = world;
    const first = await world.login();
    await using second = await world.login();
    first.gcm({ to: "t", message_id: "m-1" });
    await service.until(() => service.asked.length === 1);
    second.gcm({ to: "t", message_id: "m-2" });
    second.gcm({ to: "t", message_id: "m-3" });
    await first[Symbol.asyncDispose]();
    await service.until(() => service.asked.length === 2);
    expect(service.given).toEqual([["m-1", "the connection ended before the answer"]]);
    service.decide("m-2");
    expect(await second.next()).toMatchObject({ message_id: "m-2" });
    await service.until(() => service.asked.length === 3);
    service.decide("m-3");
    expect(await second.next()).toMatchObject({ message_id: "m-3" });
  });

  it("has a connection that waits for a permit end without it", async () => {
    await using world = await serve(new FakeService(), { maxConcurrentMessages: 1 });
    const { service } = world;
    await using first = await world.login();
    const second = await world.login();
    first.gcm({ to: "t", message_id: "m-1" });
    await service.until(() => service.asked.length === 1);
    second.gcm({ to: "t", message_id: "m-2" });
    second.write("</stream:stream>"); // held back like everything behind the message
    await untilPending(world.server.connections[1] as CcsConnection, 1);
    world.server.connections[1]?.cut();
    await second.ended();
    service.decide("m-1");
    expect(await first.next()).toMatchObject({ message_id: "m-1" });
    first.gcm({ to: "t", message_id: "m-3" });
    await service.until(() => service.asked.length === 2);
    expect(service.asked.map(({ messageId }) => messageId)).toEqual(["m-1", "m-3"]);
    expect(service.given).toEqual([]); // it was never asked about m-2
  });

  it("enforces the window of 100 without asking, and takes the next message once one has been answered", async () => {
    await using world = await serve(new FakeService());
    const { service } = world;
    await using peer = await world.login();
    for (let i = 1; i <= 101; i++) peer.gcm({ to: "t", message_id: `m-${i}` });
    expect(await peer.next()).toMatchObject({ message_id: "m-101", error: "SERVICE_UNAVAILABLE" });
    expect(service.asked).toHaveLength(100);
    expect(service.refusals.map(([{ messageId }]) => messageId)).toEqual(["m-101"]);
    expect(world.events.filter(({ type }) => type === "violation")).toMatchObject([
      { detail: "101 messages are pending, at most 100 may be" },
    ]);
    service.decide("m-50");
    expect(await peer.next()).toMatchObject({ message_id: "m-50" });
    peer.gcm({ to: "t", message_id: "m-102" });
    await service.until(() => service.asked.length === 101);
  });
});

/** Resolves when a connection has so many messages pending; each turn of the event loop is a look at it. */
async function untilPending(connection: CcsConnection, count: number): Promise<void> {
  while (connection.pending !== count) await new Promise((resolve) => setImmediate(resolve));
}

describe("a CCS server whose service refuses", () => {
  it.each([
    ["a login", BAD, "not-authorized"],
    ["a login for the time being", { kind: "refused", code: "unavailable" } as const, "temporary-auth-failure"],
  ])("%s: %s", async (_what, refusal, condition) => {
    await using world = await serve({ authenticate: () => refusal, submit: () => accepted });
    await expect(world.login()).rejects.toThrow(new RegExp(`<${condition}/></failure></stream:stream>`));
    expect(world.events).toContainEqual(expect.objectContaining({ type: "login-refused", condition }));
  });

  it("messages: writes the word and the sentence of the refusal, or those of its code", async () => {
    const refusals: Refusal[] = [
      { kind: "refused", code: "mismatch-sender-id" },
      { kind: "refused", code: "unavailable", detail: "later" },
      { kind: "refused", code: "internal-error", word: "SOMETHING_NEW" },
    ];
    await using world = await serve({
      authenticate: () => ({ kind: "sender" }) as const,
      submit: async () => refusals.shift() as Refusal,
    });
    await using peer = await world.login();
    for (const id of ids(1, 2, 3)) peer.gcm({ to: "t", message_id: id });
    const nacks = [await peer.next(), await peer.next(), await peer.next()];
    expect(nacks.map(({ error, error_description: text }) => [error, text])).toEqual([
      ["BAD_REGISTRATION", "SenderId mismatch"],
      ["SERVICE_UNAVAILABLE", "later"],
      ["SOMETHING_NEW", "The message was refused: SOMETHING_NEW"],
    ]);
  });

  it("is told of malformed messages, and not asked about them", async () => {
    await using world = await serve(new FakeService());
    await using peer = await world.login();
    peer.gcm({ to: "t", message_id: "m-1", time_to_live: "abc" });
    expect(await peer.next()).toMatchObject({ message_id: "m-1", error: "INVALID_JSON" });
    expect(world.service.refusals.map(([{ messageId }]) => messageId)).toEqual(["m-1"]);
    expect(world.service.asked).toEqual([]);
  });
});

describe("a CCS server that drains", () => {
  it("waits for decisions under way and for upstream acks, then ends the stream", async () => {
    await using world = await serve(new FakeService(), { drainQuietMs: 1 });
    const { service, server } = world;
    await using peer = await world.login();
    peer.gcm({ to: "t", message_id: "m-1" });
    await service.until(() => service.asked.length === 1);
    service.unacked = 1;
    const drained = server.drain();
    expect(server.connections[0]?.phase).toBe("draining");
    expect(service.ports[0]?.accepting).toBe(false);
    expect(await peer.next()).toEqual({ message_type: "control", control_type: "CONNECTION_DRAINING" });
    // what was in the pipeline is processed
    peer.gcm({ to: "t", message_id: "m-2" });
    await service.until(() => service.asked.length === 2);
    for (const id of ids(2, 1)) {
      service.decide(id);
      expect(await peer.next()).toMatchObject({ message_type: "ack", message_id: id });
    }
    peer.gcm({ to: "t", message_id: "u-1", message_type: "ack" });
    await peer.until("</stream:stream>");
    await drained;
    await peer.ended();
    expect(service.given).toEqual([]);
    expect(service.detached).toBe(1);
    expect(service.ports[0]?.write({ json: "{}" })).toBe(false);
  });

  it("gives up what is undecided at its time limit, and says so to the service", async () => {
    const clock = createManualClock();
    await using world = await serve(new FakeService(), { clock, drainTimeoutMs: 5_000 });
    const { service, server } = world;
    await using peer = await world.login();
    peer.gcm({ to: "t", message_id: "m-1" });
    await service.until(() => service.asked.length === 1);
    const drained = server.drain({ nack: true });
    await peer.next();
    peer.gcm({ to: "t", message_id: "m-2" });
    expect(await peer.next()).toMatchObject({ message_id: "m-2", error: "CONNECTION_DRAINING" });
    await clock.advance(5_000);
    await peer.until("</stream:stream>");
    await drained;
    expect(service.given).toEqual([["m-1", "the connection ended before the answer"]]);
    service.decide("m-1");
    expect(world.failures).toEqual([]);
  });

  it("resolves at once without connections", async () => {
    await using world = await serve(new FakeService());
    await world.server.drain();
  });
});

describe("the end of a CCS connection", () => {
  it.each(["client", "server"])("tells the service, when the %s ends it, what was undecided", async (who) => {
    const clock = createManualClock();
    await using world = await serve(new FakeService(), { clock });
    const { service } = world;
    const peer = await world.login();
    for (const id of ids(1, 2)) peer.gcm({ to: "t", message_id: id });
    await service.until(() => service.asked.length === 2);
    service.decide("m-1");
    await peer.next();
    if (who === "client") await peer[Symbol.asyncDispose]();
    else await Promise.all([world.server.close(), world.server.close()]);
    await service.until(() => service.detached === 1);
    expect(service.given).toEqual([["m-2", "the connection ended before the answer"]]);
    service.decide("m-2");
    await world.server.close();
    expect(clock.scheduled).toBe(0);
    expect(world.failures).toEqual([]);
  });

  it("takes back a message whose ID is used again, and answers the new one alone", async () => {
    await using world = await serve(new FakeService());
    const { service } = world;
    await using peer = await world.login();
    peer.gcm({ to: "first", message_id: "m" });
    await service.until(() => service.asked.length === 1);
    peer.gcm({ to: "second", message_id: "m" });
    await service.until(() => service.asked.length === 2);
    expect(service.given).toEqual([["m", "its message_id was used again"]]);
    service.decide("m");
    expect(await peer.next()).toMatchObject({ message_type: "ack", from: "second" });
    expect(world.server.connections[0]?.pending).toBe(0);
  });
});

describe("upstream messages of a CCS server", () => {
  it("are acked by the client under their sender and ID; an ack for anything else is a stanza error", async () => {
    await using world = await serve(new FakeService());
    const { service } = world;
    await using peer = await world.login();
    service.ports[0]?.write({ json: '{"from":"device","message_id":"u-1","data":{"a":"<&>"}}' });
    const stanza = await peer.until("</message>");
    expect(stanza).toContain('to="1234567890@fcm.googleapis.com" from="devices@fcm.googleapis.com" type="normal"');
    expect(stanza).toContain("&lt;&amp;&gt;");
    peer.gcm({ to: "device", message_id: "u-1", message_type: "ack" });
    await service.until(() => service.acks.length === 1);
    expect(service.acks).toEqual(["device u-1"]);
    peer.gcm({ to: "device", message_id: "never-sent", message_type: "ack" }, "7");
    expect(await peer.until("</message>")).toMatch(/id="7" type="error".*code="406"/);
  });

  it("are not expected of a service that takes no connections", async () => {
    await using world = await serve({ authenticate: () => ({ kind: "sender" }) as const, submit: () => accepted });
    await using peer = await world.login();
    peer.gcm({ to: "device", message_id: "u-1", message_type: "ack" }, "7");
    expect(await peer.until("</message>")).toMatch(/id="7" type="error".*code="406"/);
  });

  it("are not written to a client that does not read", async () => {
    await using world = await serve(new FakeService());
    await using peer = await world.login();
    peer.socket.pause();
    const [port] = world.service.ports as [UpstreamPort];
    const json = JSON.stringify({ message_id: "u", data: { x: "x".repeat(500_000) } });
    let written = 0;
    while (port.write({ json }) && written < 100) {
      written++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(written).toBeLessThan(100);
  });
});

describe("hostile input to a CCS server", () => {
  it.each([
    ["a message before login", "<message/>", "not-authorized"],
    ["a document type", "<!DOCTYPE a>", "invalid-xml"],
    ["a comment", "<!-- a -->", "restricted-xml"],
    ["markup that is not well-formed", "<a b=c>", "invalid-xml"],
    ["elements that nest too deep", "<a>".repeat(50), "policy-violation"],
    ["a stanza without an end", `<message>${"x".repeat(600_000)}`, "policy-violation"],
  ])("%s ends the stream", async (_what, text, condition) => {
    await using world = await serve(new FakeService());
    await using peer = await world.connect();
    peer.open();
    await peer.until("</stream:features>");
    peer.write(text);
    await peer.until(`<${condition} `);
    await peer.ended();
  });

  it("as JSON ends nothing and never reaches the service as anything but a message", async () => {
    await using world = await serve({
      authenticate: () => ({ kind: "sender" }) as const,
      submit: ({ to, data }: IncomingMessage): Decision => {
        if (typeof to !== "string" || Object.values(data).some((value) => typeof value !== "string")) throw new Error();
        return accepted;
      },
    });
    await using peer = await world.login();
    const anything = fc.jsonValue({ maxDepth: 2 });
    const frame = fc.oneof(
      anything,
      fc.record(
        {
          to: fc.oneof(fc.string(), anything),
          message_id: fc.oneof(fc.string(), anything),
          message_type: fc.oneof(fc.constantFrom("ack", "nack", "receipt", "control"), anything),
          data: fc.oneof(fc.dictionary(fc.string(), anything), anything),
          time_to_live: anything,
          condition: fc.oneof(fc.string(), anything),
          notification: anything,
          registration_ids: anything,
        },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(frame, async (json) => {
        peer.gcm(json);
        peer.write('<iq type="get" id="p"><ping xmlns="urn:xmpp:ping"/></iq>');
        await peer.until('id="p" type="result"');
      }),
      { numRuns: 200 },
    );
    expect(world.failures).toEqual([]);
  });

  it("as bytes costs its connection at most", async () => {
    await using world = await serve({ authenticate: () => ({ kind: "sender" }) as const, submit: () => accepted });
    await using other = await world.login();
    const pieces = fc.array(
      fc.oneof(
        fc.constantFrom(
          "<message>",
          "</message>",
          '<gcm xmlns="google:mobile:data">',
          "</gcm>",
          "</stream:stream>",
          '<auth mechanism="PLAIN" xmlns="urn:ietf:params:xml:ns:xmpp-sasl">AGEAYg==</auth>',
          '<iq type="set" id="b"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>',
          "<![CDATA[",
          "]]>",
          "&#0;",
          "&nbsp;",
          '{"message_id":"m"}',
          "\u0000",
        ),
        fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
      ),
      { minLength: 1, maxLength: 10 },
    );
    await fc.assert(
      fc.asyncProperty(pieces, async (noise) => {
        await using peer = await world.connect();
        peer.open();
        peer.socket.end(noise.join(""));
        await peer.ended();
        other.gcm({ to: "t", message_id: "m" });
        expect(await other.next()).toMatchObject({ message_type: "ack" });
      }),
      { numRuns: 30 },
    );
    expect(world.server.connections).toHaveLength(1);
  });

  it("never reaches the stream as markup: IDs, addresses and resources are escaped", async () => {
    await using world = await serve({ authenticate: () => ({ kind: "sender" }) as const, submit: () => accepted });
    await using peer = await world.connect();
    peer.open();
    await peer.until("</stream:features>");
    peer.auth("1", "good");
    await peer.until("<success");
    peer.open();
    await peer.until("</stream:features>");
    peer.write(
      `<iq type="set" id="&lt;b&quot;&gt;"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>&lt;a&gt;&quot;</resource></bind></iq>`,
    );
    const bound = await peer.until("</iq>");
    expect(bound).toContain('id="&lt;b&quot;&gt;"');
    expect(bound).toMatch(/<jid>1@fcm\.googleapis\.com\/a[0-9A-F]{8}<\/jid>/);
    peer.gcm({ to: "</gcm><x>", message_id: "</message>" });
    expect(await peer.next()).toMatchObject({ from: "</gcm><x>", message_id: "</message>" });
  });
});

describe("a drain", () => {
  it("ends a connection that is not bound yet: its login may not be good any more", async () => {
    const { ca, server: tls } = await certificates;
    const asked = signal();
    const service = {
      // undecided until the drain
      authenticate: () => {
        asked.resolve();
        return new Promise<never>(() => {});
      },
      submit: () => new Promise<never>(() => {}),
    };
    const server = await startCcsServer({ host: "127.0.0.1", port: 0, tls, service });
    try {
      const socket = connectTls({ host: "127.0.0.1", port: server.port, ca });
      const ended = once(socket, "close");
      socket.on("error", () => {});
      socket.resume();
      socket.write(
        '<stream:stream to="fcm.googleapis.com" version="1.0" xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">',
      );
      const credentials = Buffer.from("\u00001\u0000key").toString("base64");
      socket.write(`<auth mechanism="PLAIN" xmlns="urn:ietf:params:xml:ns:xmpp-sasl">${credentials}</auth>`);
      await asked.promise;
      await server.drain();
      await ended;
      expect(server.connections).toEqual([]);
    } finally {
      await server.close();
    }
  });
});

describe("the options of a CCS server", () => {
  it("are refused by name", async () => {
    const bad = { host: "127.0.0.1", port: 0, tls: {}, maxPending: 0, drainTimeoutMs: -1, service: {} };
    const error = await startCcsServer(bad as unknown as CcsServerOptions).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionsError);
    expect((error as InvalidOptionsError).problems.map(({ path }) => path)).toEqual([
      "tls",
      "maxPending",
      "drainTimeoutMs",
    ]);
    for (const none of [undefined, null, 7, "x"]) {
      await expect(startCcsServer(none as unknown as CcsServerOptions)).rejects.toBeInstanceOf(InvalidOptionsError);
    }
  });

  it("limit connections per sender, and a port that is taken is the system's error", async () => {
    await using world = await serve(new FakeService(), { maxConnectionsPerSender: 1 });
    await using _one = await world.login();
    await using two = await world.login();
    expect(two.text).toContain("<resource-constraint");
    await once(two.socket, "close").catch(() => {});
    const { server: tls } = await certificates;
    const taken = { host: "127.0.0.1", port: world.server.port, tls, service: world.service };
    await expect(startCcsServer(taken)).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
