import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, type RecipientOutcome, type SendOptions } from "@cloud-messaging/core";
import { parseDownstreamMessage, plusMs } from "@cloud-messaging/core/transport";
import { createFcmSender, createGcmHttpTransport, createGcmSender } from "@cloud-messaging/http-sender";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";
import { acceptAll, answer, json, startFaultServer } from "../support/fault-server.ts";

const V1_ACCEPTED = json({ name: "projects/demo/messages/1" });
const LATER = answer(503, "", { "retry-after": "20" });

interface Sent {
  /** Times to live as they were written, in the words of the wire. */
  readonly lives: readonly unknown[];
  readonly outcome: RecipientOutcome;
}

/** Sends over HTTP to a service that asks for 20 s of patience once. */
async function refusedOnce(
  transport: "gcm" | "fcm-v1",
  timeToLiveSec: number,
  options: SendOptions = {},
): Promise<Sent> {
  await using server = await startFaultServer();
  const clock = createManualClock();
  server.script(LATER);
  server.otherwise = transport === "gcm" ? acceptAll() : V1_ACCEPTED;
  const shared = { clock, random: () => 0 };
  const sender =
    transport === "gcm"
      ? createGcmSender({ ...shared, endpoint: `${server.origin}/fcm/send`, apiKey: "AIza-EXAMPLE" })
      : createFcmSender({
          ...shared,
          endpoint: server.origin,
          projectId: "demo",
          quota: false,
          credential: async () => "t",
        });
  const sending = sender.send({ target: { token: "tok-a" }, data: { n: "1" }, timeToLiveSec }, options);
  await server.arrived(1);
  let settled = false;
  void sending.then(() => {
    settled = true;
  });
  // in small steps: the answer comes over a socket, and the wait begins with it
  while (!settled && server.requests.length < 2) await clock.advance(100);
  const [outcome] = (await sending).outcomes;
  await sender.close();
  const lives = server.requests.map(({ body }) => {
    const request = JSON.parse(body) as { time_to_live?: number; message?: { android?: { ttl?: string } } };
    return request.time_to_live ?? request.message?.android?.ttl;
  });
  return { lives, outcome: outcome as RecipientOutcome };
}

describe("a message's time to live", () => {
  it("is written with what is left of it at each attempt", async () => {
    const gcm = await refusedOnce("gcm", 3_600);
    expect(gcm.outcome).toMatchObject({ kind: "accepted", attempts: 2 });
    expect(gcm.lives[0]).toBe(3_600);
    expect(gcm.lives[1]).toBeLessThanOrEqual(3_580);
    const v1 = await refusedOnce("fcm-v1", 3_600);
    expect(v1.lives[0]).toBe("3600s");
    expect(Number.parseInt(String(v1.lives[1]), 10)).toBeLessThanOrEqual(3_580);
  });

  it.each(["gcm", "fcm-v1"] as const)(
    "ends a send over %s as expired when another attempt would come too late",
    async (transport) => {
      for (const timeToLiveSec of [0, 2, 20]) {
        const { lives, outcome } = await refusedOnce(transport, timeToLiveSec);
        expect(lives).toHaveLength(1);
        expect(outcome).toMatchObject({ kind: "rejected", code: "expired", attempts: 1 });
        expect(outcome.unansweredCopies).toBeUndefined();
      }
    },
  );

  it("is written whole at each attempt where the caller wants that", async () => {
    const { lives, outcome } = await refusedOnce("gcm", 2, { lifeFrom: "attempt" });
    expect(lives).toEqual([2, 2]);
    expect(outcome).toMatchObject({ kind: "accepted", attempts: 2 });
  });

  it("passes while a message waits for the project's quota", async () => {
    await using server = await startFaultServer();
    server.otherwise = V1_ACCEPTED;
    const clock = createManualClock();
    const sender = createFcmSender({
      clock,
      endpoint: server.origin,
      projectId: "demo",
      quota: { perMinute: 2 },
      credential: async () => "t",
    });
    const message = { target: { token: "tok-a" }, data: { n: "1" } };
    await sender.send(message);
    const short = sender.send({ ...message, timeToLiveSec: 30 });
    const now = sender.send({ ...message, timeToLiveSec: 0 });
    const long = sender.send({ ...message, timeToLiveSec: 100 });
    await clock.advance(1_000);
    expect((await now).outcomes).toMatchObject([{ kind: "rejected", code: "expired" }]);
    await clock.advance(29_000);
    expect((await short).outcomes).toMatchObject([{ kind: "rejected", code: "expired" }]);
    await clock.advance(30_000);
    await server.arrived(2);
    expect((await long).outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(JSON.parse(server.requests[1]?.body ?? "")).toMatchObject({ message: { android: { ttl: "40s" } } });
    await sender.close();
  });

  it("passes over CCS from one write of a message to the next, and while it waits for a connection", async () => {
    const clock = createManualClock();
    await using server = await startScriptedServer();
    const client = createCcsClient({ ...server.options(), clock, random: () => 0, ackTimeoutMs: 20_000 });
    const first = await server.next();
    await client.ready();
    const message = { target: { token: "tok-a" }, data: { n: "1" } };
    const long = client.send({ ...message, messageId: "long", timeToLiveSec: 100 });
    const short = client.send({ ...message, messageId: "short", timeToLiveSec: 15 });
    const now = client.send({ ...message, messageId: "now", timeToLiveSec: 0 });
    await first.until(() => first.messages.length === 3);
    first.ack("now");
    expect((await now).outcomes).toMatchObject([{ kind: "accepted" }]);
    await clock.advance(20_000);
    const second = await server.next();
    await second.until(() => second.messages.length === 1);
    expect(second.messages).toMatchObject([{ id: "long", json: { time_to_live: 80 } }]);
    // its only copy was never answered: it may have been accepted
    expect((await short).outcomes).toMatchObject([{ kind: "ambiguous", code: "expired" }]);
    second.ackAll();
    expect((await long).outcomes).toMatchObject([{ kind: "accepted", unansweredCopies: 1 }]);
    server.script = () => undefined;
    second.socket.destroy();
    first.socket.destroy();
    await Promise.all([first.until(() => first.closed), second.until(() => second.closed)]);
    // until the client has noticed
    while (client.connections.some(({ phase }) => phase !== "connecting")) await clock.advance(0);
    const waiting = client.send({ ...message, timeToLiveSec: 5 });
    await clock.advance(5_000);
    expect((await waiting).outcomes).toMatchObject([{ kind: "rejected", code: "expired" }]);
    const closing = client.close();
    await clock.advance(120_000);
    await closing;
  });

  it("passes while a connection is being made", async () => {
    await using server = await startFaultServer();
    const manual = createManualClock();
    let passedMs = 0;
    const clock = { ...manual, monotonic: () => plusMs(manual.monotonic(), passedMs) };
    const transport = createGcmHttpTransport({ clock, endpoint: `${server.origin}/fcm/send`, apiKey: "AIza-EXAMPLE" });
    const send = (timeToLiveSec: number) =>
      transport.send(parseDownstreamMessage({ target: { token: "tok-a" }, timeToLiveSec }), {
        expiresAt: plusMs(clock.monotonic(), timeToLiveSec * 1_000),
      });
    const sending = [send(10), send(2)];
    // handed over by now, and not connected yet
    passedMs = 3_000;
    const [long, short] = await Promise.all(sending);
    expect(long?.outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(short?.outcomes).toMatchObject([{ kind: "rejected", code: "expired" }]);
    expect(server.requests.map(({ body }) => JSON.parse(body))).toMatchObject([{ time_to_live: 7 }]);
    await transport.close();
  });
});
