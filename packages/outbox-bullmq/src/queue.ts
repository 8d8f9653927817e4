import { type MinimalJob, Queue, QueueKeys, RedisConnection, RedisQueueBackend } from "bullmq";

import type { RedisClient } from "./redis.ts";

/** Least time between two looks for jobs whose locks have run out, over all processes. Unit: milliseconds. */
const STALLED_INTERVAL_MS = 200;
/** Lock of a job between BullMQ's handing it out and the lease. Unit: milliseconds. */
const LOCK_MS = 30_000;
/** Finished jobs of a lane that BullMQ keeps for those who look at its queues. */
const KEPT_JOBS = 1_000;

/** BullMQ's operations on one queue, by the server's clock: BullMQ itself takes the time at which delayed jobs are due from the worker. */
class ServerClockBackend extends RedisQueueBackend {
  now = 0;

  override execCommand(...[client, name, args]: Parameters<RedisQueueBackend["execCommand"]>): unknown {
    // the one number among the arguments is the time
    const own = name === "moveToActive" ? args.map((arg) => (typeof arg === "number" ? this.now : arg)) : args;
    return super.execCommand(client, name, own);
  }
}

/** A job that was handed out, under a lock with this token. */
export interface DrawnJob {
  readonly id: string;
  readonly token: string;
}

/** Answer to a request for a job. */
export interface Draw {
  readonly job?: DrawnJob | undefined;
  /** Time until the next job of this queue may be due, where BullMQ knows it. Unit: milliseconds. */
  readonly nextInMs?: number | undefined;
}

/** A lane's queue. A job's ID names the chunk that it is. */
export class LaneQueue {
  readonly #backend: ServerClockBackend;
  readonly #queue: Queue;
  readonly #client: RedisClient;

  constructor(client: RedisClient, prefix: string, lane: string) {
    this.#client = client;
    const options = {
      connection: client,
      prefix,
      skipVersionCheck: true,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      // BullMQ's default of 1 fails a job when its second worker has died
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    };
    const keys = new QueueKeys(prefix);
    const connection = new RedisConnection(client, {
      shared: true,
      blocking: false,
      skipVersionCheck: true,
      skipWaitingForReady: true,
    });
    const toKey = (type: string): string => keys.toKey(lane, type);
    this.#backend = new ServerClockBackend(connection, lane, keys.getKeys(lane), toKey, options);
    this.#queue = new Queue(lane, options, () => this.#backend);
    // what fails rejects; the events tell it once more
    this.#queue.on("error", () => undefined);
  }

  /** Adds a job, due in `delayMs`; nothing where there is one of this ID. */
  async add(id: string, data: object, now: number, delayMs: number): Promise<void> {
    await this.#queue.add("chunk", data, { jobId: id, timestamp: now, delay: delayMs });
  }

  /** Removes a job in any state. False if it is locked. */
  async remove(id: string): Promise<boolean> {
    return (await this.#backend.remove(id, false)) !== 0;
  }

  /** Puts jobs whose locks have run out back to the front. */
  async recover(): Promise<void> {
    await this.#backend.moveStalledJobsToWait();
  }

  /** Draws the job that is due first, and locks it. */
  async draw(token: string, now: number): Promise<Draw> {
    this.#backend.now = now;
    const [, id, limitedMs, delayedUntil] = await this.#backend.moveToActive(token);
    if (id) return { job: { id, token } };
    if (limitedMs > 0) return { nextInMs: limitedMs };
    return { nextInMs: delayedUntil > 0 ? Math.max(0, delayedUntil - now) : undefined };
  }

  /**
   * Extends the locks of jobs to `leaseMs` from now. They are marked for the next `recover`, which BullMQ's own would do at the one before
   * it: a job goes back as soon as its lock has run out.
   */
  async hold(jobs: readonly DrawnJob[], leaseMs: number): Promise<void> {
    const ids = jobs.map(({ id }) => id);
    const tokens = jobs.map(({ token }) => token);
    // one after the other: extending takes the mark away
    await this.#backend.extendLocks(ids, tokens, leaseMs);
    await this.#client.sadd(this.#backend.keys["stalled"] as string, ...ids);
  }

  /** Ends a job, and keeps it for those who look at the queue. */
  async complete({ id, token }: DrawnJob): Promise<void> {
    await this.#backend.moveToCompleted(minimal(id), null, { count: KEPT_JOBS }, token, false);
  }

  /** Ends a job without a trace. */
  async drop({ id, token }: DrawnJob): Promise<void> {
    await this.#backend.moveToCompleted(minimal(id), null, true, token, false);
  }

  /** Gives a job back: to the front if it is due, else to the delayed ones. */
  async release({ id, token }: DrawnJob, now: number, dueAt: number): Promise<void> {
    if (dueAt > now) await this.#backend.moveToDelayed(id, now, dueAt - now, token, { skipAttempt: true });
    else await this.#backend.moveJobFromActiveToWait(id, token);
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

/** Part of a job that BullMQ reads when it ends it. */
function minimal(id: string): MinimalJob {
  return { id, opts: {} } as MinimalJob;
}
