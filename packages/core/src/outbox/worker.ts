import { isCloudMessagingError } from "../errors.ts";
import { type DownstreamMessage, MAX_TIME_TO_LIVE_SEC, type MessageContent } from "../message/downstream.ts";
import { describeError } from "../outcome/describe-error.ts";
import type { ErrorCode } from "../outcome/error-code.ts";
import { failureOutcome, type RecipientOutcome } from "../outcome/outcome.ts";
import type { AttemptOptions, DownstreamTransport } from "../sending/downstream-transport.ts";
import { merged } from "../sending/merged.ts";
import { tracedAttempt } from "../sending/traced-send.ts";
import type { CancelTimer } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import { ChunkJob, type JobParts, NOW_MS, type Slice } from "./chunk-job.ts";
import { messageTo, type Settled } from "./codec.ts";
import type { ClaimedChunk, LeaseStatus, OutboxEngine } from "./engine.ts";
import { createLaneRotation, type LaneRotation } from "./lanes.ts";
import { type TracedClaim, traceClaim } from "./traced-outbox.ts";
import { Writer } from "./writer.ts";

/** Most chunks that one request for work takes. */
const MAX_CLAIM = 32;
/** Wait before a chunk that cannot be read is handed out again. Unit: milliseconds. */
const UNREADABLE_MS = 60_000;

/** Parts and limits of a worker. */
export interface WorkerParts extends JobParts {
  readonly engine: OutboxEngine<never>;
  /** With the registration store, without retries. */
  readonly transport: DownstreamTransport;
  readonly lanes: Readonly<Record<string, number>>;
  readonly concurrency: number;
  /** Recipients per attempt. */
  readonly sliceSize: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  /** Time limit of one attempt. Unit: milliseconds. */
  readonly attemptTimeoutMs: number;
  /** Longest wait for what is in flight when the worker ends. Unit: milliseconds. */
  readonly closeTimeoutMs: number;
  /** Ends when no recipient is left unsettled. */
  readonly untilIdle: boolean;
  onRecovered(job: ChunkJob): void;
  onWritten(job: ChunkJob, settled: readonly Settled[]): void;
  onLost(job: ChunkJob): void;
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
    this.done = new Promise((resolve) => {
      this.#resolveDone = resolve;
    });
  }

  /** Begins to work. Resolves as `done`. */
  run(): Promise<void> {
    this.#renewLater();
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
    this.#cancelGiveUp = this.#parts.clock.schedule(this.#parts.closeTimeoutMs, () => {
      for (const { end } of this.#jobs.values()) end.abort();
      this.#giveUp.abort();
    });
    this.#leave();
  }

  #leave(): void {
    for (const job of this.#jobs.keys()) {
      job.stopped = true;
      this.#advance(job);
    }
    if (this.#jobs.size > 0 || this.#claiming) return;
    this.#cancelGiveUp();
    this.#cancelRenew();
    this.#resolveDone();
  }

  get #isLow(): boolean {
    let slices = this.#inFlight;
    for (const job of this.#jobs.keys()) slices += Math.ceil(job.due / this.#parts.sliceSize);
    return slices < 2 * this.#parts.concurrency;
  }

  #refill(): void {
    if (this.#claiming || this.#stopped) return;
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
      } while (!this.#stopped && (this.#woken || (!this.#drained && this.#isLow)));
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
    const { clock, engine, leaseMs, concurrency, pollMs } = this.#parts;
    const isLow = this.#isLow;
    // while enough is in hand, only lanes of which nothing is: urgent work does not wait for a campaign
    const lanes = isLow ? this.#rotation.next() : this.#rotation.next(this.#isIdle());
    if (lanes.length === 0) return pollMs;
    const limit = Math.min(MAX_CLAIM, concurrency);
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
    while (!this.#stopped && this.#inFlight < this.#parts.concurrency) {
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
    else this.#settle(job, slice, await this.#attempt(job, slice));
    this.#inFlight--;
    job.check();
    this.#advance(job);
    this.#pump();
  }

  #settle(job: ChunkJob, slice: Slice, outcomes: readonly (RecipientOutcome | undefined)[]): void {
    try {
      job.settle(slice, outcomes);
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

  async #attempt(job: ChunkJob, slice: Slice): Promise<readonly (RecipientOutcome | undefined)[]> {
    const { places } = slice;
    const names = job.names(places);
    const options = this.#attemptOptions(job, slice);
    const made = slice.attempts + 1;
    const { timeToLiveSec } = job;
    const life = timeToLiveSec === undefined ? {} : { timeToLiveSec: Math.min(timeToLiveSec, MAX_TIME_TO_LIVE_SEC) };
    if (!job.isPersonal) return this.#sendOne(job, { ...messageTo(job.payload, names), ...life }, options, names, made);
    const sent = places.map((place, index) => {
      const one = [names[index] as string];
      const { content } = job.payload;
      const personal = { ...job.payload, content: merged(content, job.changesFor(place) ?? {}) as MessageContent };
      const messageIds = options.messageIds?.slice(index, index + 1);
      return this.#sendOne(job, { ...messageTo(personal, one), ...life }, { ...options, messageIds }, one, made);
    });
    return (await Promise.all(sent)).flat();
  }

  #attemptOptions(job: ChunkJob, { places, attempts, unanswered }: Slice): AttemptOptions {
    const { clock, attemptTimeoutMs, transport, rules } = this.#parts;
    const { submission, chunk } = job.claimed;
    const { content } = job.payload;
    const now = clock.monotonic();
    const lifeLeftMs = job.lifeLeftMs();
    const held = this.#jobs.get(job);
    const idOf = (place: number): string => content.messageId ?? `${submission.id}.${chunk}.${place}`;
    return {
      signal: held?.end.signal,
      operation: held?.claim?.operation,
      deadline: plusMs(now, attemptTimeoutMs),
      // of this attempt alone: the outbox counts the copies of earlier ones itself
      sendId: `${submission.id}.${chunk}.${places[0]}.${attempts}`,
      messageIds: transport.usesMessageIds ? places.map(idOf) : undefined,
      ambiguous: this.#parts.resends(job.payload) ? "resend" : "report",
      maxResends: Math.max(0, rules.policy.maxResends - unanswered),
      expiresAt: Number.isFinite(lifeLeftMs)
        ? plusMs(now, lifeLeftMs - (content.timeToLiveSec === 0 ? NOW_MS : 0))
        : undefined,
    };
  }

  async #sendOne(
    job: ChunkJob,
    message: DownstreamMessage,
    options: AttemptOptions,
    names: readonly string[],
    attempt: number,
  ): Promise<readonly (RecipientOutcome | undefined)[]> {
    try {
      const { submission } = job.claimed;
      return (await tracedAttempt(this.#parts.transport, message, options, attempt, submission.id)).outcomes;
    } catch (error) {
      const code = CODES_OF_ERRORS[(isCloudMessagingError(error) && error.code) || ""];
      this.#parts.onFailure("send", error);
      // any other breaks the transport's contract: it may have been written
      if (code === undefined) return names.map(() => undefined);
      return names.map((recipient) => failureOutcome(code, { recipient, attempts: 0, detail: describeError(error) }));
    }
  }
}

/** Errors of a transport that has sent nothing. */
const CODES_OF_ERRORS: Readonly<Record<string, ErrorCode>> = {
  ERR_INVALID_MESSAGE: "invalid-argument",
  ERR_REGISTRATION_STORE: "not-sent",
  ERR_CLOSED: "closed",
  ERR_ABORTED: "aborted",
};
