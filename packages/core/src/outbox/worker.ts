import type { CancelTimer } from "../time/clock.ts";
import type { MonotonicInstant } from "../time/monotonic.ts";
import { type AttemptOutcomes, type AttemptParts, makeAttempt } from "./attempt.ts";
import { ChunkJob, type Slice } from "./chunk-job.ts";
import type { Settled } from "./codec.ts";
import type { ClaimedChunk, LeaseStatus, OutboxEngine } from "./engine.ts";
import { Hold, type HoldChange } from "./hold.ts";
import { createLaneRotation, type LaneRotation } from "./lanes.ts";
import { type TracedClaim, traceClaim } from "./traced-outbox.ts";
import { Writer } from "./writer.ts";

/** Most chunks that one request for work takes. */
const MAX_CLAIM = 32;
/** Wait before a chunk that cannot be read is handed out again. Unit: milliseconds. */
const UNREADABLE_MS = 60_000;

/** Parts and limits of a worker. */
export interface WorkerParts extends AttemptParts {
  readonly engine: OutboxEngine<never>;
  readonly lanes: Readonly<Record<string, number>>;
  readonly concurrency: number;
  /** Recipients per attempt. */
  readonly sliceSize: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  /** Longest wait for what is in flight when the worker ends. Unit: milliseconds. */
  readonly closeTimeoutMs: number;
  /** Ends when no recipient is left unsettled. */
  readonly untilIdle: boolean;
  onRecovered(job: ChunkJob): void;
  onWritten(job: ChunkJob, settled: readonly Settled[]): void;
  onLost(job: ChunkJob): void;
  onHold(change: HoldChange): void;
  onFailure(operation: "claim" | "write" | "renew" | "read" | "send", error: unknown): void;
}

/** A job in the hands of a worker. */
interface Held {
  /** Ends attempts under way: the lease is lost, or the worker's time to end has passed. */
  readonly end: AbortController;
  /** Its last write is under way. */
  finishing: boolean;
  readonly claim: TracedClaim | undefined;
}

/** Claims chunks, sends to their recipients and records the outcomes, until it is stopped. */
export class Worker {
  readonly #parts: WorkerParts;
  readonly #rotation: LaneRotation;
  readonly #sendRotation: LaneRotation;
  readonly #writer: Writer;
  readonly #jobs = new Map<ChunkJob, Held>();
  readonly #hold: Hold;
  /** Ends the writes that fail when the time limit of the end has passed. */
  readonly #giveUp = new AbortController();
  /** Resolves when the worker has ended, and has given its claims back. */
  readonly done: Promise<void>;
  #resolveDone: () => void = () => {};
  #inFlight = 0;
  #claiming = false;
  /** Somebody says that there may be work. */
  #woken = false;
  /** The latest request for work of all lanes found less than it asked for. */
  #drained = false;
  #stopped = false;
  #cancelPoll: CancelTimer = () => {};
  #cancelRenew: CancelTimer = () => {};
  #cancelGiveUp: CancelTimer = () => {};

  constructor(parts: WorkerParts) {
    this.#parts = parts;
    this.#rotation = createLaneRotation(parts.lanes);
    this.#sendRotation = createLaneRotation(parts.lanes);
    this.#writer = new Writer({
      engine: parts.engine,
      clock: parts.clock,
      giveUp: this.#giveUp.signal,
      onWritten: (job, settled) => {
        this.#jobs.get(job)?.claim?.count(settled);
        parts.onWritten(job, settled);
      },
      onFailure: (operation, error) => parts.onFailure(operation, error),
    });
    this.#hold = new Hold({
      ...parts,
      onBegin: () => this.#giveBackAll(),
      onEnd: () => this.wake(),
    });
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** Begins to work. Resolves as `done`. */
  run(): Promise<void> {
    // one that was stopped before it began has ended
    if (!this.#stopped) this.#renewLater();
    this.wake();
    return this.done;
  }

  /** Looks for work now. */
  wake(): void {
    this.#woken = true;
    this.#refill();
  }

  /** Sends nothing further; what is in flight is settled within the time limit, and everything else is given back. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelPoll();
    this.#hold.stop();
    this.#cancelGiveUp = this.#parts.clock.schedule(this.#parts.closeTimeoutMs, () => {
      for (const { end } of this.#jobs.values()) end.abort();
      this.#giveUp.abort();
    });
    this.#leave();
  }

  /** Sends nothing further of what is in hand; each chunk is given back once nothing of it is in flight. */
  #giveBackAll(): void {
    for (const job of this.#jobs.keys()) {
      job.stopped = true;
      this.#advance(job);
    }
  }

  #leave(): void {
    this.#giveBackAll();
    if (this.#jobs.size > 0 || this.#claiming) return;
    this.#cancelGiveUp();
    this.#cancelRenew();
    // the last attempts may have been refused as well
    this.#hold.stop();
    this.#resolveDone();
  }

  get #isLow(): boolean {
    let slices = this.#inFlight;
    for (const job of this.#jobs.keys()) slices += Math.ceil(job.due / this.#parts.sliceSize);
    return slices < 2 * this.#concurrency;
  }

  /** Attempts that may be in flight at once. */
  get #concurrency(): number {
    return this.#hold.limit(this.#parts.concurrency);
  }

  #refill(): void {
    if (this.#claiming || this.#stopped || this.#hold.isOn) return;
    if (this.#woken || (!this.#drained && this.#isLow)) void this.#claim();
  }

  async #claim(): Promise<void> {
    this.#cancelPoll();
    this.#claiming = true;
    let nextInMs = this.#parts.pollMs;
    try {
      do {
        this.#woken = false;
        nextInMs = await this.#claimOnce();
        this.#pump();
      } while (!this.#stopped && !this.#hold.isOn && (this.#woken || (!this.#drained && this.#isLow)));
      if (this.#parts.untilIdle && this.#jobs.size === 0 && !this.#stopped) {
        if ((await this.#parts.engine.backlog()).recipients === 0) this.stop();
      }
    } catch (error) {
      this.#parts.onFailure("claim", error);
    }
    this.#claiming = false;
    // what the engine handed out meanwhile is given back
    if (this.#stopped) this.#leave();
    else this.#cancelPoll = this.#parts.clock.schedule(nextInMs, () => this.#tick());
  }

  /** Makes one request for work. Resolves with the wait before the next one that is worth it. */
  async #claimOnce(): Promise<number> {
    const { clock, engine, leaseMs, pollMs } = this.#parts;
    const isLow = this.#isLow;
    // while enough is in hand, only lanes of which nothing is: urgent work does not wait for a campaign
    const lanes = isLow ? this.#rotation.next() : this.#rotation.next(this.#isIdle());
    if (lanes.length === 0) return pollMs;
    const limit = Math.min(MAX_CLAIM, this.#concurrency);
    const before = clock.monotonic();
    const { chunks, now, nextInMs = pollMs } = await engine.claim({ lanes, limit, leaseMs });
    for (const chunk of chunks) this.#take(chunk, now, before);
    if (isLow) this.#drained = chunks.length < limit;
    return Math.min(pollMs, Math.max(1, nextInMs));
  }

  /** Lanes of which nothing is in hand. */
  #isIdle(): (lane: string) => boolean {
    const busy = new Set<string>();
    for (const job of this.#jobs.keys()) if (job.due > 0) busy.add(job.claimed.submission.lane);
    return (lane) => !busy.has(lane);
  }

  #tick(): void {
    for (const job of this.#jobs.keys()) {
      job.check();
      this.#advance(job);
    }
    this.#pump();
    this.wake();
  }

  #take(chunk: ClaimedChunk, now: number, before: MonotonicInstant): void {
    let job: ChunkJob;
    try {
      job = new ChunkJob(chunk, now, before, this.#parts);
    } catch (error) {
      this.#parts.onFailure("read", error);
      this.#putAway(chunk);
      return;
    }
    const claim = traceClaim(this.#parts.engine.name, job);
    this.#jobs.set(job, { end: new AbortController(), finishing: false, claim });
    if (job.recovered > 0) this.#parts.onRecovered(job);
    this.#advance(job);
  }

  /** Gives back a chunk that cannot be read, unchanged, for later: with the key that it lacks, it will be sent. */
  #putAway({ submission, chunk, lease, state, pending }: ClaimedChunk): void {
    const update = { submission: submission.id, chunk, lease, revision: 1, state, pending };
    this.#parts.engine.write([{ ...update, releaseAfterMs: UNREADABLE_MS }]).catch((failure: unknown) => {
      this.#parts.onFailure("write", failure);
    });
  }

  #renewLater(): void {
    const { clock, leaseMs } = this.#parts;
    this.#cancelRenew = clock.schedule(leaseMs / 3, () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const jobs = [...this.#jobs.keys()];
    if (jobs.length > 0) {
      const leases = jobs.map(({ claimed: { submission, chunk, lease } }) => ({
        submission: submission.id,
        chunk,
        lease,
      }));
      try {
        const statuses = await this.#parts.engine.renew(leases, this.#parts.leaseMs);
        for (const [index, job] of jobs.entries()) this.#renewed(job, statuses[index] ?? "lost");
      } catch (error) {
        this.#parts.onFailure("renew", error);
      }
    }
    if (!this.#stopped || this.#jobs.size > 0) this.#renewLater();
  }

  #renewed(job: ChunkJob, status: LeaseStatus): void {
    const held = this.#jobs.get(job);
    // one that is being finished may have ended its lease itself
    if (held === undefined || held.finishing) return;
    job.status = status;
    job.check();
    this.#advance(job);
  }

  #pump(): void {
    while (!this.#stopped && this.#inFlight < this.#concurrency) {
      const job = this.#pick();
      const slice = job?.next(this.#parts.sliceSize);
      if (job === undefined || slice === undefined) break;
      this.#inFlight++;
      void this.#send(job, slice);
    }
    this.#refill();
  }

  /** The first job of the lane whose turn it is. */
  #pick(): ChunkJob | undefined {
    const first = new Map<string, ChunkJob>();
    for (const job of this.#jobs.keys()) {
      const { lane } = job.claimed.submission;
      if (!first.has(lane) && job.ready > 0) first.set(lane, job);
    }
    const [lane] = this.#sendRotation.next((name) => first.has(name));
    return lane === undefined ? undefined : first.get(lane);
  }

  async #send(job: ChunkJob, slice: Slice): Promise<void> {
    // the mark: durable before the first byte
    await this.#writer.write(job, false);
    if (job.status !== "running" || job.stopped) job.giveBack(slice);
    else this.#settle(job, slice, await makeAttempt(this.#parts, job, slice, this.#tiesOf(job)));
    this.#inFlight--;
    job.check();
    this.#advance(job);
    this.#pump();
  }

  #tiesOf(job: ChunkJob) {
    const held = this.#jobs.get(job);
    return { signal: held?.end.signal, operation: held?.claim?.operation };
  }

  #settle(job: ChunkJob, slice: Slice, outcomes: AttemptOutcomes): void {
    try {
      job.settle(slice, outcomes);
      this.#hold.observe(outcomes);
    } catch (error) {
      // outcomes that break the transport's contract: the slice may have been written
      this.#parts.onFailure("send", error);
      job.settle(slice, []);
    }
  }

  /** Writes what is to be written of a job; ends it when nothing of it is in flight or may be sent now. */
  #advance(job: ChunkJob): void {
    const held = this.#jobs.get(job);
    if (held === undefined || held.finishing) return;
    if (job.status === "lost") {
      this.#lose(job, held);
      return;
    }
    if (job.inFlight > 0 || job.due > 0) {
      if (job.hasResults) void this.#writer.write(job, false).then(() => this.#advance(job));
      return;
    }
    held.finishing = true;
    // its last write gives the lease back: what becomes due meanwhile is the next worker's
    job.stopped = true;
    void this.#writer.write(job, true).then(() => {
      this.#jobs.delete(job);
      held.claim?.end();
      if (job.status === "lost") this.#parts.onLost(job);
      if (this.#stopped) return this.#leave();
      if (this.#parts.untilIdle && this.#jobs.size === 0) this.#woken = true;
      this.#pump();
    });
  }

  /** Another worker has the chunk: attempts under way are ended, and their outcomes are that worker's to find out. */
  #lose(job: ChunkJob, held: Held): void {
    job.stopped = true;
    held.end.abort();
    this.#jobs.delete(job);
    held.claim?.end();
    this.#parts.onLost(job);
    if (this.#stopped) this.#leave();
  }
}
