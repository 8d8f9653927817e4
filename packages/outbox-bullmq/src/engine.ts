import { randomUUID } from "node:crypto";
import { ClosedError, OutboxStorageError } from "@cloud-messaging/core";
import {
  type ClaimedChunk,
  checkResultCursor,
  type LeaseRef,
  type LeaseStatus,
  type OutboxEngine,
  systemClock,
} from "@cloud-messaging/core/transport";
import { Carrier } from "./carrier.ts";
import { listenForWork } from "./listen.ts";
import { type BullmqEngineOptions, checkOptions } from "./options.ts";
import { appendParameters, hashOf, parameters, submitParameters, writeParameters } from "./parameters.ts";
import { described, refuseEviction, runScript } from "./redis.ts";
import { chunkOf, claimedOf, fieldsOf, listOf, numberOf, resultOf, submissionOf, textOf } from "./replies.ts";
import { type AskScript, SCRIPTS } from "./scripts.ts";

/**
 * Keeps an outbox in Redis 6.2 or later, or Valkey, with BullMQ: a lane is a queue, a chunk of recipients is a job. Leases end by the
 * server's clock. `maxmemory-policy` must be `noeviction`; what a call confirmed survives the end of the server as far as its `appendfsync`
 * says. After the server was lost the engine goes on by itself; until then its calls reject with `OutboxStorageError`, and one that was
 * under way may have been made.
 *
 * @throws {InvalidOptionsError} naming every wrong option. Its calls reject with it where the server may evict keys.
 *
 * @example
 * ```ts
 * import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
 * import { createBullmqEngine, createOutbox } from "@cloud-messaging/outbox-bullmq";
 * import { Redis } from "ioredis";
 *
 * const client = new Redis("redis://127.0.0.1:6379");
 * const engine = createBullmqEngine({ client });
 * await using outbox = createOutbox({ engine, transport: createGcmHttpTransport({ apiKey: "AIza…" }) });
 *
 * await outbox.enqueue({ target: { token: "of-a-device" }, notification: { title: "On its way" } }, { key: "order-17" });
 * await outbox.work({ untilIdle: true });
 * ```
 */
export function createBullmqEngine(options: BullmqEngineOptions): OutboxEngine {
  checkOptions(options);
  const { client, prefix = "cloud-messaging-outbox", timeoutMs = 5_000, clock = systemClock } = options;
  const base = `{${prefix}}.`;
  let closed = false;
  let accepted: Promise<void> | undefined;
  const forget = (): void => {
    accepted = undefined;
  };
  // another server, or another setting of it, may be what answers next
  client.on("close", forget);

  const ask: AskScript = (name, args) => runScript(client, SCRIPTS[name], base, args);
  const carrier = new Carrier(client, `{${prefix}}`, ask);
  const listening = listenForWork(client, `${base}work`);

  /** Makes a call of the engine, within its time limit. */
  function call<T>(make: (isOver: () => boolean) => Promise<T>): Promise<T> {
    if (closed) return Promise.reject(new ClosedError("The outbox's engine"));
    return new Promise((resolve, reject) => {
      let over = false;
      // the client may hold a command back for as long as it does not reach the server
      const cancel = clock.schedule(timeoutMs, () => {
        over = true;
        reject(new OutboxStorageError(`Redis did not answer within ${timeoutMs} ms`));
      });
      accepted ??= refuseEviction(client);
      accepted
        .then(() => make(() => over))
        .then(resolve, (error: unknown) => {
          forget();
          reject(described(error));
        })
        .finally(cancel);
    });
  }

  const engine: OutboxEngine = {
    name: "bullmq",

    submit: (submissions) =>
      call(async () => {
        const [answers, lanes] = listOf(await ask("submit", submitParameters(submissions)));
        // stored: a claim hands over what this does not
        await Promise.allSettled(listOf(lanes).map((lane) => carrier.handOver(textOf(lane))));
        return listOf(answers).map((answer) => {
          const [id, created] = listOf(answer);
          return { id: textOf(id), created: created === 1 };
        });
      }),

    append: (addition) =>
      call(async () => {
        const [stored, record, id] = listOf(await ask("append", appendParameters(addition)));
        const submission = submissionOf(textOf(id), record);
        if (submission !== undefined) await carrier.handOver(submission.lane).catch(() => undefined);
        return { stored: stored === 1, submission };
      }),

    claim: ({ lanes, limit, leaseMs, submission }) =>
      call(async (isOver) => {
        if (submission !== undefined) {
          const args = parameters({ submission, limit, leaseMs, token: randomUUID() });
          const [now, found] = listOf(await ask("sweep", args));
          return { now: numberOf(now), chunks: listOf(found).map((each) => claimedOf(submission, each)) };
        }
        let now = 0;
        const chunks: ClaimedChunk[] = [];
        const next: number[] = [];
        for (const lane of lanes) {
          if (chunks.length === limit || isOver()) break;
          const claimed = await carrier.claim(lane, limit - chunks.length, leaseMs, isOver);
          now = claimed.now;
          chunks.push(...claimed.chunks);
          if (claimed.nextInMs !== undefined) next.push(claimed.nextInMs);
        }
        return { now, chunks, nextInMs: next.length > 0 ? Math.min(...next) : undefined };
      }),

    write: (updates) =>
      call(async () => {
        if (updates.length === 0) return [];
        const [now, answers] = listOf(await ask("write", writeParameters(updates)));
        const places: Promise<void>[] = [];
        const statuses = listOf(answers).map((answer, at) => {
          const [status, lane, place] = listOf(answer).map(textOf) as [LeaseStatus, string, string];
          const update = updates[at];
          if (place !== "" && update !== undefined) places.push(carrier.place(lane, update, numberOf(now), place));
          return status;
        });
        // stored: a job in a wrong place is put right when it is drawn
        await Promise.allSettled(places);
        return statuses;
      }),

    renew: (leases, leaseMs) =>
      call(async () => {
        if (leases.length === 0) return [];
        const refs = leases.map(({ submission, chunk, lease }) => ({ submission, chunk, lease }));
        const held = new Map<string, LeaseRef[]>();
        const statuses = listOf(await ask("renew", parameters({ leaseMs, leases: refs }))).map((answer, at) => {
          const [status, lane] = listOf(answer).map(textOf) as [LeaseStatus, string];
          if (status !== "lost") held.set(lane, [...(held.get(lane) ?? []), refs[at] as LeaseRef]);
          return status;
        });
        await Promise.allSettled([...held].map(([lane, of]) => carrier.hold(lane, of, leaseMs)));
        return statuses;
      }),

    control: (submission, change) =>
      call(async () => {
        const [record, id, lane] = listOf(await ask("control", parameters({ submission, ...change })));
        if (lane !== undefined) await carrier.handOver(textOf(lane)).catch(() => undefined);
        return submissionOf(textOf(id), record);
      }),

    find: (by) =>
      call(async () => {
        const [record, id] = listOf(await ask("find", parameters("id" in by ? by : { keyHash: hashOf(by.key) })));
        return submissionOf(textOf(id), record);
      }),

    chunks: (submission, from, limit) =>
      call(async () => listOf(await ask("chunks", parameters({ submission, from, limit }))).map(chunkOf)),

    async results({ after = "0", ...query }) {
      checkResultCursor(after);
      return call(async () => listOf(await ask("results", parameters({ after, ...query }))).map(resultOf));
    },

    backlog: () =>
      call(async () => {
        const fields = [...fieldsOf(await ask("backlog", parameters({})))];
        const lanes = Object.fromEntries(fields.map(([lane, recipients]) => [lane, numberOf(recipients)]));
        return { recipients: Object.values(lanes).reduce((sum, count) => sum + count, 0), lanes };
      }),

    prune: (olderThanMs, limit) =>
      call(async (isOver) => {
        let removed = 0;
        while (removed < limit && !isOver() && (await ask("prune", [String(olderThanMs)])) === 1) removed++;
        return removed;
      }),

    onWork(listener) {
      if (closed) throw new ClosedError("The outbox's engine");
      return listening.watch(listener);
    },

    async close() {
      if (closed) return;
      closed = true;
      client.removeListener("close", forget);
      listening.close();
      await carrier.close();
    },

    [Symbol.asyncDispose]: () => engine.close(),
  };
  return engine;
}
