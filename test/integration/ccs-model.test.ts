import { createCcsClient } from "@cloud-messaging/ccs-client";
import { createManualClock, type RecipientOutcome } from "@cloud-messaging/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ScriptedConnection, startScriptedServer, upstreamStanza } from "../support/ccs-scripted-server.ts";

/** One thing that happens. Numbers choose among what there is, modulo how much there is. */
type Step =
  | { readonly do: "send"; readonly count: number; readonly ambiguous: "resend" | "report"; readonly timeoutMs: number }
  | { readonly do: "answer"; readonly connection: number; readonly message: number; readonly word: Word }
  | { readonly do: "answer-again"; readonly connection: number; readonly message: number }
  | { readonly do: "drain" | "drop" | "end-stream" | "ack-and-drop"; readonly connection: number }
  | { readonly do: "upstream"; readonly connection: number; readonly device: number }
  | { readonly do: "redeliver"; readonly connection: number; readonly message: number }
  | { readonly do: "abort"; readonly message: number }
  | { readonly do: "handler-done"; readonly handler: number; readonly fails: boolean }
  | { readonly do: "close" }
  | { readonly do: "wait" };
type Word = "ack" | "INVALID_JSON" | "DEVICE_UNREGISTERED" | "CONNECTION_DRAINING" | "SERVICE_UNAVAILABLE";

const any = fc.nat({ max: 1_000 });
const steps: readonly [weight: number, arbitrary: fc.Arbitrary<Step>][] = [
  [
    12,
    fc.record({
      do: fc.constant("send" as const),
      count: fc.integer({ min: 1, max: 8 }),
      ambiguous: fc.constantFrom("resend" as const, "report" as const),
      // the second one passes with a step that waits
      timeoutMs: fc.constantFrom(1e9, 1e9, 60_500),
    }),
  ],
  [
    24,
    fc.record({
      do: fc.constant("answer" as const),
      connection: any,
      message: any,
      word: fc.constantFrom<Word>(
        "ack",
        "ack",
        "ack",
        "INVALID_JSON",
        "DEVICE_UNREGISTERED",
        "CONNECTION_DRAINING",
        "SERVICE_UNAVAILABLE",
      ),
    }),
  ],
  [3, fc.record({ do: fc.constant("answer-again" as const), connection: any, message: any })],
  [
    6,
    fc.record({
      do: fc.constantFrom("drain" as const, "drop" as const, "end-stream" as const, "ack-and-drop" as const),
      connection: any,
    }),
  ],
  [9, fc.record({ do: fc.constant("upstream" as const), connection: any, device: fc.nat({ max: 3 }) })],
  [6, fc.record({ do: fc.constant("redeliver" as const), connection: any, message: any })],
  [3, fc.record({ do: fc.constant("abort" as const), message: any })],
  [5, fc.record({ do: fc.constant("handler-done" as const), handler: any, fails: fc.boolean() })],
  // about every second run; what comes after it meets a client that closes, or has closed
  [2, fc.record({ do: fc.constant("close" as const) })],
  // long enough for messages, pings, draining connections and close() to run into their time limits
  [3, fc.record({ do: fc.constant("wait" as const) })],
];
const step = fc.oneof(...steps.map(([weight, arbitrary]) => ({ weight, arbitrary })));

/** State of one connection at the server. */
interface Seen {
  readonly connection: ScriptedConnection;
  /** The client has logged in: nothing else may be said to it before. */
  loggedIn: boolean;
  /** IDs received and not answered here. */
  readonly open: Set<string>;
  readonly answered: string[];
  /** Deliveries of each upstream message on this connection. */
  readonly delivered: Map<string, number>;
  /** Client sends that had their outcome when this connection was accepted. */
  readonly settledBefore: ReadonlySet<string>;
}

const WINDOW = 5;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pick = <T>(from: readonly T[], index: number): T | undefined => from[index % Math.max(1, from.length)];

/** Runs the steps against a client and a server, checks every rule on the way, and returns what the client reported. */
async function play(
  steps: readonly Step[],
  connectionCount: number,
  breathe: readonly boolean[],
  silent: boolean,
  retry: boolean,
): Promise<void> {
  const server = await startScriptedServer();
  const settled = new Set<string>();
  const seen = new Map<ScriptedConnection, Seen>();
  const answers = new Map<string, Set<Word>>();
  const received = new Map<string, number>();
  const refused = new Map<string, number>();
  const problems: string[] = [];
  const handled = new Map<string, number>();
  /** Handlers that run, and how each of them ends. */
  const running = new Map<string, (fails: boolean) => void>();
  const runningDevices = new Set<string>();
  let handlersWait = true;

  const { script } = server;
  server.script = async (connection) => {
    const state: Seen = {
      connection,
      loggedIn: false,
      open: new Set(),
      answered: [],
      delivered: new Map(),
      settledBefore: new Set(settled),
    };
    seen.set(connection, state);
    connection.onMessage = ({ id }) => {
      if (state.settledBefore.has(id)) problems.push(`${id} was sent again after its outcome`);
      if (state.open.has(id)) problems.push(`${id} was sent twice on one connection`);
      state.open.add(id);
      received.set(id, (received.get(id) ?? 0) + 1);
      if (state.open.size > WINDOW) problems.push(`${state.open.size} messages were pending on one connection`);
    };
    await script(connection);
    state.loggedIn = true;
  };
  const clock = createManualClock();
  const client = createCcsClient({
    ...server.options(),
    clock,
    ...(retry ? {} : { retry: false as const }),
    // short waits between attempts, and some all the same
    random: () => 0.01,
    connections: connectionCount,
    maxPendingMessages: WINDOW,
    onUpstream: async ({ from, messageId }, { deliveryAttempt, signal }) => {
      const key = `${from} ${messageId}`;
      if (runningDevices.has(from)) problems.push(`two messages of ${from} were handled at once`);
      runningDevices.add(from);
      try {
        const number = Number(messageId.slice(2));
        if (number % 3 === 1 && handlersWait) {
          await new Promise<void>((resolve, reject) => {
            running.set(key, (fails) => (fails ? reject(new Error("no")) : resolve()));
            signal.addEventListener("abort", reject);
          });
        } else if (deliveryAttempt === 1 && number % 3 === 0) throw new Error("not today");
        handled.set(key, (handled.get(key) ?? 0) + 1);
      } finally {
        running.delete(key);
        runningDevices.delete(from);
      }
    },
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= client.close().then(() => {
      // there and then, before the event loop turns
      const left = { connections: client.connections.length, pending: client.pending, timers: clock.scheduled };
      if (left.connections + left.pending + left.timers > 0) problems.push(`close() left ${JSON.stringify(left)}`);
    });
    return closing;
  };

  const live = (): Seen[] => [...seen.values()].filter(({ connection, loggedIn }) => loggedIn && !connection.closed);
  const answer = (state: Seen, id: string, word: Word): void => {
    state.open.delete(id);
    state.answered.push(id);
    answers.set(id, (answers.get(id) ?? new Set()).add(word));
    if (word === "ack") state.connection.ack(id);
    else {
      refused.set(id, (refused.get(id) ?? 0) + 1);
      state.connection.nack(id, word);
    }
  };
  const deliver = (state: Seen, key: string): void => {
    const [from, id] = key.split(" ") as [string, string];
    state.delivered.set(key, (state.delivered.get(key) ?? 0) + 1);
    state.connection.write(upstreamStanza({ from, message_id: id, data: {} }));
  };
  interface Sent {
    readonly id: string;
    readonly ambiguous: string;
    /** Its caller would not wait any longer: the signal, the deadline, or close(). */
    readonly givenUp: boolean;
    /** The client was closed when it was sent. */
    readonly tooLate: boolean;
    readonly outcome: RecipientOutcome | undefined;
  }
  const sends: Promise<Sent>[] = [];
  const upstream: string[] = [];
  const aborts: AbortController[] = [];
  let lastId = 0;

  const run = async (now: Step): Promise<void> => {
    switch (now.do) {
      case "send":
        for (let i = 0; i < now.count; i++) {
          const id = `m-${++lastId}`;
          const tooLate = closing !== undefined;
          const abort = new AbortController();
          aborts.push(abort);
          const sending = client.send(
            { target: { token: `tok-${id}` }, messageId: id },
            { ambiguous: now.ambiguous, timeoutMs: now.timeoutMs, signal: abort.signal },
          );
          const settle = (outcome: RecipientOutcome | undefined) => {
            if (settled.has(id)) problems.push(`${id} settled twice`);
            settled.add(id);
            const code = outcome !== undefined && "code" in outcome ? outcome.code : undefined;
            const late = now.timeoutMs < 1e9 && (code === "timeout" || code === "connection-failed");
            const givenUp = abort.signal.aborted || late || (closing !== undefined && code === "closed");
            return { id, ambiguous: now.ambiguous, givenUp, tooLate, outcome };
          };
          sends.push(
            sending.then(
              ({ outcomes }) => settle(outcomes[0]),
              (error: { code?: string }) => {
                if (error.code !== (tooLate ? "ERR_CLOSED" : "ERR_ABORTED")) throw error;
                return settle(undefined);
              },
            ),
          );
        }
        break;
      case "answer": {
        const state = pick(live(), now.connection);
        const id = state && pick([...state.open], now.message);
        if (state !== undefined && id !== undefined) answer(state, id, now.word);
        break;
      }
      case "answer-again": {
        const state = pick(live(), now.connection);
        const id = state && pick(state.answered, now.message);
        // an answer to what is not pending here is nobody's: it must not settle a copy that waits elsewhere
        if (state === undefined || id === undefined || state.open.has(id)) break;
        // but with retries its next copy may be on its way here
        if (!retry) state.connection.nack(id, "INVALID_JSON");
        break;
      }
      case "drain":
        pick(live(), now.connection)?.connection.drain();
        break;
      case "drop":
        pick(live(), now.connection)?.connection.socket.destroy();
        break;
      case "end-stream":
        pick(live(), now.connection)?.connection.write("</stream:stream>");
        break;
      case "ack-and-drop": {
        const state = pick(live(), now.connection);
        const [id] = state?.open ?? [];
        if (state !== undefined && id !== undefined) answer(state, id, "ack");
        state?.connection.socket.end();
        break;
      }
      case "upstream": {
        const state = pick(live(), now.connection);
        if (state === undefined) break;
        const key = `tok-${now.device} u-${upstream.length}`;
        upstream.push(key);
        deliver(state, key);
        break;
      }
      case "redeliver": {
        const state = pick(live(), now.connection);
        const key = pick(upstream, now.message);
        if (state !== undefined && key !== undefined) deliver(state, key);
        break;
      }
      case "abort":
        pick(aborts, now.message)?.abort();
        break;
      case "handler-done":
        pick([...running.values()], now.handler)?.(now.fails);
        break;
      case "close":
        void close();
        break;
      case "wait":
        await clock.advance(61_000);
        break;
    }
  };

  try {
    await client.ready();
    for (const [index, now] of steps.entries()) {
      await run(now);
      if (breathe[index % breathe.length]) await turn();
    }
    // from here on the server behaves: everything it sees is acked, and what was never acked upstream is delivered again. Or it says
    // nothing more, which a client that closes has to bear
    let over = false;
    const behave = (async () => {
      while (!over) {
        if (closing === undefined || !silent) {
          for (const state of live()) for (const id of [...state.open]) answer(state, id, "ack");
          handlersWait = false;
          for (const done of running.values()) done(false);
        }
        await clock.advance(10);
      }
    })();
    const results = await Promise.all(sends);
    const unacked = (): string[] => {
      const acked = new Set(
        [...seen.values()].flatMap(({ connection }) => connection.acks.map(({ id, to }) => `${to} ${id}`)),
      );
      return upstream.filter((key) => !acked.has(key));
    };
    if (closing === undefined) await client.ready();
    while (closing === undefined && unacked().length > 0) {
      const state = live().findLast(({ connection }) => !connection.socket.writableEnded);
      for (const key of unacked()) if (state !== undefined) deliver(state, key);
      // what fails is not acked: it has to be delivered again
      for (let i = 0; i < 20 && unacked().length > 0; i++) await turn();
    }
    const closedEarly = closing !== undefined;
    await close();
    expect(await client.closed).toBeUndefined();
    over = true;
    await behave;
    // the client has let go of every socket: none is left for this side to end. And nobody handles anything any more
    expect([...running.keys()]).toEqual([]);
    await Promise.all([...seen.values()].map(({ connection }) => connection.until(() => connection.closed)));

    expect(problems).toEqual([]);
    for (const { id, ambiguous, givenUp, tooLate, outcome } of results) {
      const words = answers.get(id) ?? new Set<Word>();
      const what = `${id} ${JSON.stringify(outcome)} ${[...words]}`;
      if (tooLate) {
        expect([outcome, received.get(id)], what).toEqual([undefined, undefined]);
        continue;
      }
      switch (outcome?.kind) {
        case "accepted":
          expect(words, what).toContain("ack");
          break;
        case "rejected":
          expect(words, what).toContain("INVALID_JSON");
          break;
        case "unregistered":
          expect(words, what).toContain("DEVICE_UNREGISTERED");
          break;
        case "ambiguous":
          expect(
            ambiguous === "report" || givenUp || outcome.refused || isEnough(outcome, refused.get(id) ?? 0),
            what,
          ).toBe(true);
          // written is not received: it may have been on its way when the connection went
          break;
        case "retryable":
        case undefined:
          expect(givenUp || (outcome?.code === "unavailable" && words.has("SERVICE_UNAVAILABLE")), what).toBe(true);
          // nothing the service could have taken was out: it was never written, or CCS refused every copy
          expect(received.get(id) ?? 0, what).toBe(refused.get(id) ?? 0);
          break;
        default:
          throw new Error(`an outcome that nothing explains: ${what}`);
      }
      if (ambiguous === "report") {
        const copies = (received.get(id) ?? 0) - (refused.get(id) ?? 0);
        expect(copies, `${what}: written again, and not because it was refused`).toBeLessThanOrEqual(1);
      }
    }
    for (const { connection, delivered } of seen.values()) {
      const acks = new Map<string, number>();
      for (const { id, to } of connection.acks) acks.set(`${to} ${id}`, (acks.get(`${to} ${id}`) ?? 0) + 1);
      for (const [key, count] of acks) {
        expect(count, `acks of ${key} on one connection`).toBeLessThanOrEqual(delivered.get(key) ?? 0);
      }
    }
    const left = new Set(unacked());
    for (const key of upstream) {
      const times = handled.get(key) ?? 0;
      // closed early, a message may be left to CCS; acked and not handled, or handled twice, it never is
      if (!(closedEarly && left.has(key))) expect(times, `${key} was acked, and handled`).toBe(1);
      else expect(times, `${key} was handled`).toBeLessThanOrEqual(1);
    }
  } finally {
    for (const { connection } of seen.values()) connection.socket.destroy();
    await server.close();
  }
}

describe("any interleaving of sends, answers, drains, drops, closes and upstream messages", () => {
  it("loses nothing, sends nothing after its outcome, keeps to the window, acks only where it belongs, leaves nothing behind", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
        fc.boolean(),
        fc.boolean(),
        play,
      ),
      { numRuns: Number(process.env["CCS_MODEL_RUNS"] ?? 100), endOnFailure: true },
    );
  }, 300_000);
});

/** A service that leaves a second copy unanswered too is not sent a third, nor one that has refused the first in the meantime. */
function isEnough(
  { code, unansweredCopies = 0 }: RecipientOutcome & { kind: "ambiguous" },
  refusedCopies: number,
): boolean {
  return code === "timeout" && unansweredCopies + refusedCopies >= 1;
}
