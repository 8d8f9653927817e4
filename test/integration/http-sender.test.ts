import { getEventListeners } from "node:events";
import {
  type CloudMessagingEvents,
  createManualClock,
  createMemoryRegistrationStore,
  type EventName,
  type RegistrationChange,
  type SendReport,
  subscribe,
} from "@cloud-messaging/core";
import { createGcmSender, type GcmSenderOptions } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import {
  acceptAll,
  answer,
  eachToken,
  type FaultServer,
  hang,
  json,
  rawThenReset,
  startFaultServer,
} from "../support/fault-server.ts";

type Retry = CloudMessagingEvents["cloud-messaging:retry"];

function setup(server: FaultServer, options: Partial<GcmSenderOptions> = {}) {
  const clock = createManualClock();
  const registrations = createMemoryRegistrationStore({ clock });
  const changes: RegistrationChange[] = [];
  registrations.onChange((change) => changes.push(change));
  const sender = createGcmSender({
    apiKey: "AIza-EXAMPLE",
    endpoint: `${server.origin}/fcm/send`,
    registrations,
    clock,
    random: () => 0.5,
    ...options,
  });
  /** Lets every wait for another attempt pass, and tells of each, until the send has settled. */
  const settle = async (sending: Promise<SendReport>): Promise<{ report: SendReport; retries: Retry[] }> => {
    const retries: Retry[] = [];
    let moving = Promise.resolve();
    const stop = subscribe("cloud-messaging:retry", (event) => {
      retries.push(event);
      const dueAt = clock.now() + event.delayMs;
      moving = moving.then(() => clock.advance(Math.max(0, dueAt - clock.now())));
    });
    try {
      return { report: await sending, retries };
    } finally {
      stop();
    }
  };
  return { clock, sender, registrations, changes, settle };
}

const idsOf = (server: FaultServer): string[][] => server.requests.map(({ body }) => JSON.parse(body).registration_ids);

describe("the HTTP sender", () => {
  it("sends again only to those who need it, waits as told, and merges by position", async () => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    server.script(
      eachToken((token) => (token === "tok-b" ? { error: "Unavailable" } : { message_id: `1:${token}` }), {
        "retry-after": "9",
      }),
      eachToken((token) => ({ message_id: `2:${token}` })),
    );
    const { report, retries } = await settle(sender.send({ target: { tokens: ["tok-a", "tok-b", "tok-c"] } }));
    expect(report.outcomes).toMatchObject([
      { kind: "accepted", messageId: "1:tok-a", attempts: 1 },
      { kind: "accepted", messageId: "2:tok-b", attempts: 2 },
      { kind: "accepted", messageId: "1:tok-c", attempts: 1 },
    ]);
    expect(idsOf(server)).toEqual([["tok-a", "tok-b", "tok-c"], ["tok-b"]]);
    expect(retries).toMatchObject([{ recipients: 1, attempt: 2, retryAfterMs: 9_000, delayMs: 9_500 }]);
    await sender.close();
  });

  it("backs off with a floor of one second and doubling full jitter, and stops after six attempts", async () => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    server.otherwise = answer(503, "");
    const { report, retries } = await settle(sender.send({ target: { token: "tok-a" } }));
    expect(retries.map(({ delayMs }) => delayMs)).toEqual([1_500, 2_000, 3_000, 5_000, 9_000]);
    expect(report.outcomes).toMatchObject([{ kind: "retryable", code: "unavailable", attempts: 6 }]);
    expect(server.requests).toHaveLength(6);
    await sender.close();
  });

  it("does not wait for a Retry-After beyond the deadline, and says when to try again", async () => {
    await using server = await startFaultServer();
    const { sender, clock } = setup(server);
    server.script(answer(503, "", { "retry-after": "3600" }));
    const { outcomes } = await sender.send({ target: { token: "tok-a" } });
    expect(outcomes).toMatchObject([{ kind: "retryable", retryAfterMs: 3_600_000, attempts: 1 }]);
    expect(outcomes[0]).toHaveProperty("retryAt", clock.now() + 3_600_500);
    expect(server.requests).toHaveLength(1);
    await sender.close();
  });

  it("waits ten seconds and more after a rate-exceeded code, apart from the others", async () => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    server.script(
      eachToken((token) => ({ error: token === "tok-slow" ? "DeviceMessageRateExceeded" : "InternalServerError" })),
      acceptAll(),
      acceptAll(),
    );
    const { report, retries } = await settle(sender.send({ target: { tokens: ["tok-slow", "tok-b"] } }));
    expect(report.outcomes.map(({ kind }) => kind)).toEqual(["accepted", "accepted"]);
    expect(idsOf(server)).toEqual([["tok-slow", "tok-b"], ["tok-b"], ["tok-slow"]]);
    expect(retries.find(({ codes }) => codes.includes("device-message-rate-exceeded"))?.delayMs).toBeGreaterThanOrEqual(
      10_000,
    );
    await sender.close();
  });

  it.each([
    ["tokens, by default", { target: { tokens: ["tok-a", "tok-b"] } }, undefined, 2, "accepted"],
    ["tokens, where the caller wants at most once", { target: { token: "tok-a" } }, "report", 1, "ambiguous"],
    ["a topic, by default", { target: { topic: "news" } }, undefined, 1, "ambiguous"],
    ["a topic, where the caller wants at least once", { target: { topic: "news" } }, "resend", 2, "accepted"],
    ["a group, by default", { target: { notificationKey: "APA91-key" } }, undefined, 1, "ambiguous"],
  ] as const)("a request written and not answered: %s", async (_, message, ambiguous, requests, kind) => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    server.script(rawThenReset(""));
    server.otherwise = (request, socket) =>
      request.body.includes("/topics/") ? json({ message_id: 1 })(request, socket) : acceptAll()(request, socket);
    const { report } = await settle(sender.send(message, ambiguous === undefined ? {} : { ambiguous }));
    expect(report.outcomes.every((outcome) => outcome.kind === kind)).toBe(true);
    expect(server.requests).toHaveLength(requests);
    await sender.close();
  });

  it("writes canonical IDs, removals and suspicions into the store, and uses what it knows", async () => {
    await using server = await startFaultServer();
    const { sender, registrations, changes } = setup(server);
    for (const token of ["tok-old", "tok-dead", "tok-cut", "tok-other", "tok-busy"])
      registrations.register("user-1", token);
    server.script(
      eachToken(
        (token) =>
          ({
            "tok-old": { message_id: "0:1", registration_id: "tok-new" },
            "tok-dead": { error: "NotRegistered" },
            "tok-cut": { error: "InvalidRegistration" },
            "tok-other": { error: "MismatchSenderId" },
            "tok-busy": { error: "MessageTooBig" },
          })[token] ?? {},
      ),
    );
    const report = await sender.sendToUser("user-1", { data: { n: "1" } });
    expect(report.outcomes.map(({ recipient, kind }) => [recipient, kind])).toEqual([
      ["tok-old", "accepted"],
      ["tok-dead", "unregistered"],
      ["tok-cut", "unregistered"],
      ["tok-other", "rejected"],
      ["tok-busy", "rejected"],
    ]);
    expect(changes).toMatchObject([
      { type: "replaced", token: "tok-old", canonicalRegistrationId: "tok-new" },
      { type: "removed", token: "tok-dead", reason: "not-registered" },
      { type: "removed", token: "tok-cut", reason: "invalid-registration" },
      { type: "suspect", token: "tok-other", reason: "mismatch-sender-id" },
    ]);
    // the caller goes on speaking of the token it knows; the wire uses the canonical one, and once
    const again = await sender.send({ target: { tokens: ["tok-old", "tok-new"] } });
    expect(idsOf(server)[1]).toEqual(["tok-new"]);
    expect(again.outcomes).toMatchObject([
      { kind: "accepted", recipient: "tok-old", sentTo: "tok-new" },
      { kind: "accepted", recipient: "tok-new" },
    ]);
    await sender.close();
  });

  it("survives a service that rewrites in a circle", async () => {
    await using server = await startFaultServer();
    const { sender, registrations } = setup(server);
    registrations.register("user-1", "tok-a");
    server.otherwise = eachToken((token) => ({
      message_id: "0:1",
      registration_id: { "tok-a": "tok-b", "tok-b": "tok-c", "tok-c": "tok-a" }[token],
    }));
    for (let n = 0; n < 7; n++) {
      const { outcomes } = await sender.sendToUser("user-1", { data: { n: String(n) } });
      expect(outcomes).toMatchObject([{ kind: "accepted", attempts: 1 }]);
    }
    expect(await registrations.registrationsOf("user-1")).toHaveLength(1);
    expect(server.requests).toHaveLength(7);
    await sender.close();
  });

  it("does not let a late NotRegistered take away a registration that is newer than the send", async () => {
    await using server = await startFaultServer();
    const { sender, registrations, clock } = setup(server);
    registrations.register("user-1", "tok-a");
    server.script(async (request, socket) => {
      await clock.advance(1);
      registrations.register("user-1", "tok-a"); // the app reports the same token again
      await eachToken(() => ({ error: "NotRegistered" }))(request, socket);
    });
    const { outcomes } = await sender.send({ target: { token: "tok-a" } });
    expect(outcomes[0]?.kind).toBe("unregistered");
    expect(await registrations.registrationsOf("user-1")).toHaveLength(1);
    await sender.close();
  });

  it("keeps the outcomes it has when a later attempt fails for good", async () => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    server.script(
      eachToken((token) => (token === "tok-a" ? { message_id: "0:1" } : { error: "Unavailable" })),
      answer(401, "<html>"),
    );
    const { report } = await settle(sender.send({ target: { tokens: ["tok-a", "tok-b"] } }));
    expect(report.outcomes).toMatchObject([
      { kind: "accepted", attempts: 1 },
      { kind: "rejected", code: "authentication-failed", attempts: 2 },
    ]);
    await sender.close();
  });

  it("lets pending sends settle when it is closed, and refuses new ones", async () => {
    await using server = await startFaultServer();
    const { sender } = setup(server);
    const sends = Array.from({ length: 200 }, (_, n) => sender.send({ target: { token: `tok-${n}` } }));
    const closed = sender.close();
    await expect(sender.send({ target: { token: "tok-late" } })).rejects.toMatchObject({ code: "ERR_CLOSED" });
    const reports = await Promise.all(sends);
    expect(reports.every(({ outcomes }) => outcomes[0]?.kind === "accepted")).toBe(true);
    await closed;
    await server.quiet();
  });

  it("rejects what a signal aborts before a byte was written, and settles what was written", async () => {
    await using server = await startFaultServer();
    const { sender } = setup(server, { maxConnections: 1 });
    server.script(hang());
    const abort = new AbortController();
    const written = sender.send({ target: { token: "tok-a" } }, { signal: abort.signal });
    const waiting = sender.send({ target: { token: "tok-b" } }, { signal: abort.signal });
    await server.arrived(1);
    abort.abort(new Error("enough"));
    expect((await written).outcomes).toMatchObject([{ kind: "ambiguous", code: "aborted" }]);
    await expect(waiting).rejects.toMatchObject({ name: "AbortError", code: "ERR_ABORTED" });
    await sender.close();
  });

  it("leaves no more than one listener on a signal that is used for many sends", async () => {
    await using server = await startFaultServer();
    const { sender } = setup(server, { maxConnections: 2 });
    const { signal } = new AbortController();
    const sends = Array.from({ length: 50 }, (_, n) => sender.send({ target: { token: `tok-${n}` } }, { signal }));
    expect((await Promise.all(sends)).every(({ outcomes }) => outcomes[0]?.kind === "accepted")).toBe(true);
    expect(getEventListeners(signal, "abort").length).toBeLessThanOrEqual(1);
    await sender.close();
  });

  it("tells of requests, retries and sends, without a key or a whole token", async () => {
    await using server = await startFaultServer();
    const { sender, settle } = setup(server);
    const events: [EventName, unknown][] = [];
    const stops = (["cloud-messaging:http-request", "cloud-messaging:retry", "cloud-messaging:send"] as const).map(
      (name) => subscribe(name, (event) => events.push([name, event])),
    );
    server.script(answer(503, ""), rawThenReset(""), acceptAll());
    await settle(sender.send({ target: { tokens: ["tok-a-secret", "tok-b-secret"] } }));
    for (const stop of stops) stop();
    expect(events).toMatchObject([
      ["cloud-messaging:http-request", { transport: "gcm-http", origin: server.origin, recipients: 2, status: 503 }],
      ["cloud-messaging:retry", { transport: "gcm-http", recipients: 2, attempt: 2, codes: ["unavailable"] }],
      ["cloud-messaging:http-request", { recipients: 2, code: "connection-lost" }],
      ["cloud-messaging:retry", { recipients: 2, attempt: 3, codes: ["connection-lost"] }],
      ["cloud-messaging:http-request", { recipients: 2, status: 200 }],
      ["cloud-messaging:send", { transport: "gcm-http", attempts: 3, counts: { accepted: 2 } }],
    ]);
    expect(JSON.stringify(events)).not.toMatch(/secret|AIza/);
    await sender.close();
  });

  it("streams any number of tokens through, with the position of each outcome", async () => {
    await using server = await startFaultServer();
    const { sender } = setup(server);
    server.otherwise = eachToken((token) =>
      token.endsWith("7") ? { error: "NotRegistered" } : { message_id: `0:${token}` },
    );
    async function* tokens() {
      for (let n = 0; n < 5_000; n++) yield `tok-${n}`;
      yield "not a token";
    }
    const seen = new Map<number, string>();
    let progress = 0;
    for await (const outcome of sender.sendAll({ data: { n: "1" } }, tokens(), {
      onProgress: ({ settled }) => (progress = settled),
    })) {
      seen.set(outcome.position, outcome.kind);
    }
    expect(seen.size).toBe(5_001);
    expect(seen.get(17)).toBe("unregistered");
    expect(seen.get(18)).toBe("accepted");
    expect(seen.get(5_000)).toBe("rejected");
    expect(progress).toBe(5_001);
    await sender.close();
  });
});
