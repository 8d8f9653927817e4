import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, type ManualClock, subscribe } from "@cloud-messaging/core";
import { elapsedMs } from "@cloud-messaging/core/transport";
import { createFcmSender, createGcmSender } from "@cloud-messaging/http-sender";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";
import { acceptAll, answer, hang, json, startFaultServer } from "../support/fault-server.ts";

const HOUR_MS = 3_600_000;
const MESSAGE = { target: { token: "tok-a" }, data: { n: "1" }, timeToLiveSec: 7_200 };
const TRANSPORTS = ["gcm", "fcm-v1", "ccs"] as const;

/** A setting of the wall clock at one of the moments of a send, counted from 0. */
interface Setting {
  readonly at: number;
  readonly byMs: number;
}
const MOMENTS = 9;

/** Course of a send, which must not depend on the wall clock. */
interface Course {
  /** Times at which each copy arrived, and that of the end. Unit: milliseconds on the monotonic clock since the call. */
  readonly times: readonly number[];
  readonly outcome: string;
}

/** The waits of `withRetry`, one after the other. */
function announcements() {
  const told: number[] = [];
  let wake = (): void => undefined;
  const stop = subscribe("cloud-messaging:retry", ({ delayMs }) => {
    told.push(delayMs);
    wake();
  });
  return {
    stop,
    async next(): Promise<number> {
      while (told.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return told.shift() as number;
    },
  };
}

function momentsOf(clock: ManualClock, setting: Setting | undefined) {
  let moment = 0;
  const pass = (): void => {
    if (moment++ === setting?.at) clock.setWallClock(clock.now() + setting.byMs);
  };
  /** Lets time pass, with a moment in the middle. */
  const advance = async (byMs: number): Promise<void> => {
    await clock.advance(byMs / 2);
    pass();
    await clock.advance(byMs / 2);
  };
  return { pass, advance };
}

/** No token or a 503 at first, then no answer within the time limit, then an acceptance. */
async function overHttp(transport: "gcm" | "fcm-v1", setting?: Setting): Promise<Course> {
  await using server = await startFaultServer();
  const clock = createManualClock();
  const { pass, advance } = momentsOf(clock, setting);
  const accepted = transport === "gcm" ? acceptAll() : json({ name: "projects/demo/messages/1" });
  server.script(...(transport === "gcm" ? [answer(503, "")] : []), hang(), accepted);
  let fetches = 0;
  const shared = { clock, random: () => 0.5, requestTimeoutMs: 15_000 };
  const sender =
    transport === "gcm"
      ? createGcmSender({ ...shared, endpoint: `${server.origin}/fcm/send`, apiKey: "AIza-EXAMPLE" })
      : createFcmSender({
          ...shared,
          endpoint: server.origin,
          projectId: "demo",
          async credential() {
            if (++fetches === 1) throw new Error("ENETUNREACH");
            return { token: "ya29.t", expiresAt: clock.now() + HOUR_MS };
          },
        });
  const waits = announcements();
  const start = clock.monotonic();
  const times: number[] = [];
  const sending = sender.send(MESSAGE);
  pass();
  await advance(await waits.next());
  const before = transport === "gcm" ? 1 : 0;
  await server.arrived(before + 1);
  times.push(elapsedMs(clock, start));
  await advance(15_000);
  await advance(await waits.next());
  await server.arrived(before + 2);
  times.push(elapsedMs(clock, start));
  pass();
  const [outcome] = (await sending).outcomes;
  times.push(elapsedMs(clock, start));
  waits.stop();
  // the token that was got is good for whoever comes next
  pass();
  server.otherwise = accepted;
  expect((await sender.send(MESSAGE)).outcomes).toMatchObject([{ kind: "accepted", attempts: 1 }]);
  await sender.close();
  return { times, outcome: `${outcome?.kind} ${outcome?.attempts} ${outcome?.unansweredCopies} ${fetches}` };
}

/** No ack in time, then a refusal for now, then an ack. */
async function overCcs(setting?: Setting): Promise<Course> {
  await using server = await startScriptedServer();
  const clock = createManualClock();
  const { pass, advance } = momentsOf(clock, setting);
  const client = createCcsClient({ ...server.options(), clock, random: () => 0.5, ackTimeoutMs: 20_000 });
  const first = await server.next();
  await client.ready();
  const waits = announcements();
  const start = clock.monotonic();
  const times: number[] = [];
  const sending = client.send(MESSAGE);
  pass();
  await first.until(() => first.messages.length === 1);
  await advance(20_000);
  const second = await server.next();
  await second.until(() => second.messages.length === 1);
  times.push(elapsedMs(clock, start));
  pass();
  second.nack(second.messages[0]?.id ?? "", "SERVICE_UNAVAILABLE");
  await advance(await waits.next());
  await second.until(() => second.messages.length === 2);
  times.push(elapsedMs(clock, start));
  pass();
  second.ack(second.messages[1]?.id ?? "");
  const [outcome] = (await sending).outcomes;
  times.push(elapsedMs(clock, start));
  waits.stop();
  first.ackAll();
  const closing = client.close();
  await clock.advance(60_000);
  await closing;
  return { times, outcome: `${outcome?.kind} ${outcome?.attempts} ${outcome?.unansweredCopies}` };
}

/** A ping that is answered, one that is not, and the connection that takes the place of the silent one. */
async function overPings(setting?: Setting): Promise<Course> {
  await using server = await startScriptedServer();
  const clock = createManualClock();
  const { pass, advance } = momentsOf(clock, setting);
  const client = createCcsClient({ ...server.options(), clock, random: () => 0.5 });
  const first = await server.next();
  first.answersPings = true;
  await client.ready();
  const start = clock.monotonic();
  const times: number[] = [];
  const pinged = async (count: number): Promise<void> => {
    // the ping is not due before the last millisecond, and is then written
    await advance(59_999);
    expect(first.pings).toHaveLength(count - 1);
    await clock.advance(1);
    await first.until(() => first.pings.length === count);
    times.push(elapsedMs(clock, start));
    pass();
  };
  await pinged(1);
  // an ack is read after the answer to the ping
  const sending = client.send(MESSAGE);
  await first.until(() => first.messages.length === 1);
  first.ack(first.messages[0]?.id ?? "");
  const [outcome] = (await sending).outcomes;
  first.answersPings = false;
  await pinged(2);
  await advance(19_999);
  expect(client.connections.map(({ id, phase }) => `${id} ${phase}`)).toEqual(["1 open"]);
  await clock.advance(1);
  await server.next();
  times.push(elapsedMs(clock, start));
  await client.ready();
  pass();
  const closing = client.close();
  await clock.advance(60_000);
  await closing;
  return { times, outcome: `${outcome?.kind}` };
}

const courseOf = (transport: (typeof TRANSPORTS)[number], setting?: Setting): Promise<Course> =>
  transport === "ccs" ? overCcs(setting) : overHttp(transport, setting);

describe("a wall clock that is set by an hour at any moment of a send", () => {
  it.each(TRANSPORTS)(
    "makes nothing wait longer and give up sooner over %s",
    async (transport) => {
      const undisturbed = await courseOf(transport);
      expect(undisturbed.outcome).toMatch(/^accepted/);
      await fc.assert(
        fc.asyncProperty(
          fc.record({ at: fc.nat({ max: MOMENTS - 1 }), byMs: fc.constantFrom(-HOUR_MS, HOUR_MS) }),
          async (setting) => {
            expect(await courseOf(transport, setting)).toEqual(undisturbed);
          },
        ),
        { numRuns: 12 },
      );
    },
    60_000,
  );
});

describe("a wall clock that is set by an hour at any moment of the pings of CCS", () => {
  it("makes none come later or sooner, and no connection last longer", async () => {
    const undisturbed = await overPings();
    expect(undisturbed).toEqual({ times: [60_000, 120_000, 140_000], outcome: "accepted" });
    await fc.assert(
      fc.asyncProperty(
        fc.record({ at: fc.nat({ max: 5 }), byMs: fc.constantFrom(-HOUR_MS, HOUR_MS) }),
        async (setting) => {
          expect(await overPings(setting)).toEqual(undisturbed);
        },
      ),
      { numRuns: 8 },
    );
  }, 60_000);
});

describe("what the CCS client remembers of a message between two attempts", () => {
  it("is found again on a clock whose two readings run apart", async () => {
    const clock = createManualClock();
    // as if the wall clock were slewed by NTP: no difference between the readings is ever the same twice
    let reads = 0;
    const slewed = { ...clock, now: () => clock.now() + ++reads / 3 };
    await using server = await startScriptedServer();
    const client = createCcsClient({ ...server.options(), clock: slewed, random: () => 0, ackTimeoutMs: 20_000 });
    const first = await server.next();
    await client.ready();
    const waits = announcements();
    const sending = client.send({ ...MESSAGE, messageId: "m-1" });
    await first.until(() => first.messages.length === 1);
    await clock.advance(20_000);
    const second = await server.next();
    await second.until(() => second.messages.length === 1);
    second.nack("m-1", "SERVICE_UNAVAILABLE");
    const delayMs = await waits.next();
    first.ack("m-1");
    // the ack is read before the wait is over
    while (client.connections.some(({ id, pending }) => id === 1 && pending > 0)) await clock.advance(0);
    await clock.advance(delayMs);
    expect((await sending).outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(first.messages.length + second.messages.length).toBe(2);
    waits.stop();
    const closing = client.close();
    await clock.advance(60_000);
    await closing;
  });
});
