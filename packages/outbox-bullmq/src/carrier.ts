import { randomUUID } from "node:crypto";
import type { ChunkUpdate, ClaimedChunk, LeaseRef } from "@cloud-messaging/core/transport";
import { type DrawnJob, LaneQueue } from "./queue.ts";
import type { RedisClient, Reply } from "./redis.ts";
import { claimedOf, listOf, numberOf, textOf } from "./replies.ts";
import type { AskScript } from "./scripts.ts";

/** Chunks that become jobs with one script. */
const HANDED_AT_ONCE = 100;

/** Work of one lane. */
export interface LaneClaim {
  readonly now: number;
  readonly chunks: readonly ClaimedChunk[];
  readonly nextInMs: number | undefined;
}

/**
 * Carries chunks as jobs of BullMQ, a queue for each lane. The scripts know which chunk is due and who has its lease; a job hands the chunk out.
 * A job that tells otherwise than the scripts is put right when it is drawn, so whatever ends in the midst of a call is made up for later.
 */
export class Carrier {
  readonly #client: RedisClient;
  readonly #prefix: string;
  readonly #ask: AskScript;
  readonly #queues = new Map<string, LaneQueue>();

  constructor(client: RedisClient, prefix: string, ask: AskScript) {
    this.#client = client;
    this.#prefix = prefix;
    this.#ask = ask;
  }

  #queue(lane: string): LaneQueue {
    const known = this.#queues.get(lane);
    if (known !== undefined) return known;
    const queue = new LaneQueue(this.#client, this.#prefix, lane);
    this.#queues.set(lane, queue);
    return queue;
  }

  /** Makes jobs of the chunks that the scripts have listed. Resolves with the server's time and the number of jobs. */
  async handOver(lane: string): Promise<{ readonly now: number; readonly added: number }> {
    const queue = this.#queue(lane);
    let added = 0;
    for (;;) {
      const [time, found] = listOf(await this.#ask("look", [JSON.stringify({ lane, limit: HANDED_AT_ONCE })]));
      const now = numberOf(time);
      const entries = listOf(found);
      if (entries.length === 0) return { now, added };
      const done: string[] = [];
      const locked: string[] = [];
      const add = async (entry: Reply): Promise<void> => {
        const [name, submission, chunk, kind, dueAt, size] = listOf(entry);
        const id = jobId(textOf(submission), numberOf(chunk));
        // settled meanwhile
        const isOpen = textOf(dueAt) !== "";
        if (isOpen && textOf(kind) === "again" && !(await queue.remove(id))) {
          locked.push(textOf(name));
          return;
        }
        done.push(textOf(name));
        if (!isOpen) return;
        const data = { submission: textOf(submission), chunk: numberOf(chunk), recipients: numberOf(size) };
        await queue.add(id, data, now, Math.max(0, numberOf(dueAt) - now));
        added++;
      };
      await Promise.all(entries.map(add));
      await this.#ask("handed", [JSON.stringify({ lane, done, locked })]);
      if (entries.length < HANDED_AT_ONCE || done.length === 0) return { now, added };
    }
  }

  /** Draws jobs of a lane and leases their chunks, until there are `limit` or nothing is due. Draws nothing further once `isOver`. */
  async claim(lane: string, limit: number, leaseMs: number, isOver: () => boolean): Promise<LaneClaim> {
    const queue = this.#queue(lane);
    let [{ now }] = await Promise.all([this.handOver(lane), queue.recover()]);
    const chunks: ClaimedChunk[] = [];
    let nextInMs: number | undefined;
    let isChanged = false;
    // one at first: most requests find nothing
    let wanted = 1;
    while (chunks.length < limit && !isOver()) {
      const draws = await Promise.all(Array.from({ length: wanted }, () => queue.draw(randomUUID(), now)));
      const jobs = draws.flatMap(({ job }) => job ?? []);
      nextInMs = draws.at(-1)?.nextInMs;
      if (jobs.length > 0 && !isOver()) {
        chunks.push(...(await this.#lease(queue, jobs, leaseMs, now)));
        isChanged = true;
      }
      if (jobs.length < wanted) {
        // what was leased or put away may have given the turn to another chunk
        if (!isChanged) break;
        isChanged = false;
        const handed = await this.handOver(lane);
        now = handed.now;
        if (handed.added === 0) break;
      }
      wanted = limit - chunks.length;
    }
    return { now, chunks, nextInMs: chunks.length === limit ? 0 : nextInMs };
  }

  async #lease(queue: LaneQueue, jobs: readonly DrawnJob[], leaseMs: number, now: number): Promise<ClaimedChunk[]> {
    const asked = jobs.map(({ id, token }) => ({ ...chunkOfJob(id), token }));
    const [answers] = await Promise.all([
      this.#ask("lease", [JSON.stringify({ leaseMs, jobs: asked })]),
      queue.hold(jobs, leaseMs),
    ]);
    const leased: ClaimedChunk[] = [];
    const putAway: Promise<void>[] = [];
    for (const [index, answer] of listOf(answers).entries()) {
      const job = jobs[index] as DrawnJob;
      if (Array.isArray(answer)) leased.push(claimedOf(asked[index]?.submission as string, answer));
      else if (textOf(answer) === "drop") putAway.push(queue.drop(job));
      else putAway.push(queue.release(job, now, numberOf(answer)));
    }
    // one that fails is drawn again when its lock has run out
    await Promise.allSettled(putAway);
    return leased;
  }

  /** Extends the locks of leased chunks' jobs. A lease without one has its end in the scripts all the same. */
  async hold(lane: string, leases: readonly LeaseRef[], leaseMs: number): Promise<void> {
    await this.#queue(lane).hold(leases.map(jobOf), leaseMs);
  }

  /** Puts the job of a chunk whose lease has ended where the chunk is: among the finished ones, to the front, or among the delayed ones. */
  async place(lane: string, update: ChunkUpdate, now: number, place: string): Promise<void> {
    const queue = this.#queue(lane);
    const job = jobOf(update);
    const dueAt = Number(place);
    try {
      if (place === "done") await queue.complete(job);
      else await queue.release(job, now, dueAt);
    } catch {
      // its lock has run out, or the chunk was leased without a job
      if (!(await queue.remove(job.id)) || place === "done") return;
      const { submission, chunk } = update;
      await queue.add(job.id, { submission, chunk }, now, Math.max(0, dueAt - now));
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }
}

function jobId(submission: string, chunk: number): string {
  return `${submission}.${chunk}`;
}

function jobOf({ submission, chunk, lease }: LeaseRef): DrawnJob {
  return { id: jobId(submission, chunk), token: lease };
}

function chunkOfJob(id: string): { readonly submission: string; readonly chunk: number } {
  const at = id.lastIndexOf(".");
  return { submission: id.slice(0, at), chunk: Number(id.slice(at + 1)) };
}
