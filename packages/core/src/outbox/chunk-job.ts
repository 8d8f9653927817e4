import type { MessageContent } from "../message/downstream.ts";
import { ambiguousOutcome, failureOutcome, type RecipientOutcome } from "../outcome/outcome.ts";
import type { DeadCause } from "../retry/disposition.ts";
import { NOW_MS } from "../retry/lifetime.ts";
import { type Clock, elapsedMs } from "../time/clock.ts";
import type { MonotonicInstant } from "../time/monotonic.ts";
import { decodeState, encodeState, type Group } from "./chunk-state.ts";
import type { Codec, Payload, Recipients, Settled } from "./codec.ts";
import { type Decision, type DecisionContext, decide } from "./decide.ts";
import type { ChunkUpdate, ClaimedChunk, LeaseStatus } from "./engine.ts";

/** Recipients of a chunk that are sent to together. */
export interface Slice {
  readonly places: readonly number[];
  readonly attempts: number;
  readonly unanswered: number;
}

/** Rules of the outbox that a chunk is worked by. */
export interface JobParts {
  readonly codec: Codec;
  readonly clock: Clock;
  /** Limits of a decision, but for those of the time. */
  readonly rules: Pick<DecisionContext, "policy" | "settlesAmbiguous" | "random">;
  /** True where a copy in doubt may be followed by another, for this payload. */
  resends(payload: Payload): boolean;
}

const EMPTY = new Uint8Array();
/** Shortest time that a chunk is spread over. Unit: milliseconds. */
const SPREAD_FROM_MS = 1_000;

/** A leased chunk in the hands of a worker: its unsettled recipients, and the outcomes that are not written yet. */
export class ChunkJob {
  readonly claimed: ClaimedChunk;
  readonly payload: Payload;
  readonly #parts: JobParts;
  readonly #recipients: Recipients;
  readonly #claimedAt: MonotonicInstant;
  readonly #now: number;
  #waiting: Group[] = [];
  readonly #sending = new Set<Slice>();
  #inDoubt: Group[] = [];
  #settled: Settled[] = [];
  #revision = 0;
  /** Recipients taken so far. */
  #taken = 0;
  /** Number of recipients that were in doubt at the claim. */
  recovered = 0;
  /** Latest status of the lease. */
  status: LeaseStatus;
  /** No further slice is taken: the worker ends, or the lease is lost. */
  stopped = false;

  /**
   * @param now The engine's clock at the claim. @param claimedAt The same moment on the monotonic clock, or a little before.
   * @throws {OutboxStorageError} the chunk cannot be read.
   */
  constructor(claimed: ClaimedChunk, now: number, claimedAt: MonotonicInstant, parts: JobParts) {
    this.claimed = claimed;
    this.#parts = parts;
    this.#now = now;
    this.#claimedAt = claimedAt;
    const { submission, chunk, recipients, state, size } = claimed;
    this.status = submission.state;
    this.payload = parts.codec.readBody(submission.body, submission.id);
    this.#recipients = parts.codec.readRecipients(recipients, submission.id, chunk);
    this.#waiting = decodeState(state, size);
    this.#recover();
    this.check();
  }

  /** Number of slices in flight. */
  get inFlight(): number {
    return this.#sending.size;
  }

  /** Number of recipients that are due, and not in flight. */
  get due(): number {
    if (this.stopped || this.status !== "running") return 0;
    const now = this.now();
    return this.#waiting.reduce((sum, { places, dueAt }) => sum + (dueAt <= now ? places.length : 0), 0);
  }

  /** Number of them that the pace of the submission lets go now. */
  get ready(): number {
    return Math.min(this.due, this.#allowed());
  }

  /** A chunk of a slow submission is spread over its time; one that takes less than a second goes at once. */
  #allowed(): number {
    const { spreadMs = 0, pending } = this.claimed;
    if (spreadMs <= SPREAD_FROM_MS) return Number.POSITIVE_INFINITY;
    const passedMs = elapsedMs(this.#parts.clock, this.#claimedAt) + SPREAD_FROM_MS;
    return Math.max(1, Math.floor((passedMs * pending) / spreadMs)) - this.#taken;
  }

  /** Number of recipients that are not settled. */
  get pending(): number {
    return (
      this.#waiting.reduce((sum, { places }) => sum + places.length, 0) +
      this.#inDoubt.reduce((sum, { places }) => sum + places.length, 0) +
      [...this.#sending].reduce((sum, { places }) => sum + places.length, 0)
    );
  }

  /** True if outcomes wait to be written. */
  get hasResults(): boolean {
    return this.#settled.length > 0;
  }

  /** The engine's clock. */
  now(): number {
    return this.#now + elapsedMs(this.#parts.clock, this.#claimedAt);
  }

  /** Names of the recipients at these places. */
  names(places: readonly number[]): readonly string[] {
    const { names } = this.#recipients;
    return places.length === names.length ? names : places.map((place) => names[place] ?? "");
  }

  /** Changes of the content for the recipient at a place. */
  changesFor(place: number): MessageContent | undefined {
    return this.#recipients.changes?.[place] ?? undefined;
  }

  /** True if recipients differ in their content. */
  get isPersonal(): boolean {
    return this.#recipients.changes !== undefined;
  }

  /** Time left of the message's life; `Infinity` without an end. Unit: milliseconds. */
  lifeLeftMs(): number {
    return this.#lifeEndsAt() - this.now();
  }

  /** Whole time to live on the wire. Unit: seconds. */
  get timeToLiveSec(): number | undefined {
    const { content, expiresAt } = this.payload;
    if (expiresAt === undefined) return content.timeToLiveSec;
    const left = Math.max(1, Math.ceil((expiresAt - this.#lifeStartsAt()) / 1000));
    return Math.min(content.timeToLiveSec ?? left, left);
  }

  #lifeStartsAt(): number {
    const { createdAt, sendAt } = this.claimed.submission;
    return Math.max(createdAt, sendAt ?? 0);
  }

  #lifeEndsAt(): number {
    const { content, expiresAt = Number.POSITIVE_INFINITY } = this.payload;
    const { timeToLiveSec } = content;
    if (timeToLiveSec === undefined) return expiresAt;
    const lifeMs = timeToLiveSec === 0 ? NOW_MS : timeToLiveSec * 1000;
    return Math.min(expiresAt, this.#lifeStartsAt() + lifeMs);
  }

  /** Settles what is not sent any more: everything of a cancelled submission, and of a message whose life has ended. */
  check(): void {
    const code = this.status === "cancelled" ? "cancelled" : this.lifeLeftMs() <= 0 ? "expired" : undefined;
    if (code === undefined) return;
    for (const { places, attempts, unanswered } of this.#waiting.splice(0)) {
      for (const [index, recipient] of this.names(places).entries()) {
        const outcome = failureOutcome(code, { recipient, attempts: 0 });
        this.#place(places[index] as number, this.#decide(outcome, { attempts, unanswered }));
      }
    }
  }

  /** Takes up to `size` recipients that are due, of one history; marks them. `undefined` where none is. */
  next(size: number): Slice | undefined {
    const most = Math.min(size, this.ready);
    if (most <= 0) return undefined;
    const now = this.now();
    const index = this.#waiting.findIndex(({ dueAt }) => dueAt <= now);
    const group = this.#waiting[index];
    if (group === undefined) return undefined;
    const { places, attempts, unanswered } = group;
    const slice = { places: places.length <= most ? places : places.slice(0, most), attempts, unanswered };
    if (places.length <= most) this.#waiting.splice(index, 1);
    else this.#waiting[index] = { ...group, places: places.slice(most) };
    this.#taken += slice.places.length;
    this.#sending.add(slice);
    return slice;
  }

  /** Puts a slice back that was not sent. */
  giveBack(slice: Slice): void {
    if (this.#sending.delete(slice)) this.#waiting.push({ ...slice, dueAt: 0, sending: false });
  }

  /**
   * Takes the outcomes of a slice, by its places; a recipient without one is in doubt.
   *
   * @throws an outcome breaks the contract of transports: nothing has changed.
   */
  settle(slice: Slice, outcomes: readonly (RecipientOutcome | undefined)[]): void {
    if (!this.#sending.has(slice)) return;
    // recipients of one slice that were told the same go on together: one draw for all
    let drawn: number | undefined;
    const random = (): number => {
      drawn ??= this.#parts.rules.random();
      return drawn;
    };
    const decisions = slice.places.map((_, index): Decision => {
      const outcome = outcomes[index];
      return outcome === undefined ? { kind: "in-doubt" } : this.#decide(outcome, slice, random);
    });
    this.#sending.delete(slice);
    const groups = new Map<string, { readonly places: number[]; readonly decided: Decision }>();
    for (const [index, place] of slice.places.entries()) {
      const decided = decisions[index] as Decision;
      if (decided.kind === "final") this.#place(place, decided);
      else {
        const key = JSON.stringify(decided);
        const group = groups.get(key);
        if (group === undefined) groups.set(key, { places: [place], decided });
        else group.places.push(place);
      }
    }
    for (const { places, decided } of groups.values()) this.#regroup({ ...slice, places }, decided);
    this.check();
  }

  #regroup(slice: Slice, decided: Decision): void {
    const { places } = slice;
    if (decided.kind === "again") {
      const { attempts, unanswered, afterMs } = decided;
      this.#waiting.push({ places, attempts, unanswered, dueAt: Math.ceil(this.now() + afterMs), sending: false });
    } else if (decided.kind === "untouched") this.#waiting.push({ ...slice, dueAt: 0, sending: false });
    else if (decided.kind === "in-doubt") this.#inDoubt.push({ ...slice, dueAt: 0, sending: true });
  }

  /** Treats recipients that an earlier worker had marked, and said no more of, as ambiguous. */
  #recover(): void {
    const marked = this.#waiting.filter(({ sending }) => sending);
    this.#waiting = this.#waiting.filter(({ sending }) => !sending);
    for (const { places, attempts, unanswered } of marked) {
      const slice = { places, attempts, unanswered };
      this.#sending.add(slice);
      const outcomes = this.names(places).map((recipient) => ambiguousOutcome("worker-lost", { recipient }));
      this.recovered += places.length;
      this.settle(slice, outcomes);
    }
  }

  #decide(outcome: RecipientOutcome, before: { attempts: number; unanswered: number }, random = Math.random): Decision {
    const { rules, clock } = this.#parts;
    return decide(outcome, before, () => ({
      ...rules,
      random,
      // what an earlier worker wrote, this transport knows nothing of
      settlesAmbiguous: rules.settlesAmbiguous && !("code" in outcome && outcome.code === "worker-lost"),
      resend: this.#parts.resends(this.payload),
      timeLeftMs: rules.policy.totalMs - (this.now() - this.#lifeStartsAt()),
      lifeLeftMs: this.lifeLeftMs(),
      timeToLiveSec: this.timeToLiveSec,
      now: clock.now(),
    }));
  }

  #place(at: number, decided: Decision): void {
    if (decided.kind !== "final") return;
    const { outcome, dead } = decided;
    this.#settled.push({ at, outcome, dead: dead as DeadCause | undefined });
  }

  /**
   * Makes the update that writes the chunk as it stands now, once.
   *
   * @param release True to end the lease.
   */
  update(release: boolean): { readonly update: ChunkUpdate; readonly settled: readonly Settled[] } {
    const { submission, chunk, lease } = this.claimed;
    const settled = this.#settled;
    this.#settled = [];
    this.#revision++;
    const sending = [...this.#sending].map((slice): Group => ({ ...slice, dueAt: 0, sending: true }));
    const groups = [...this.#waiting, ...this.#inDoubt, ...sending];
    const { pending } = this;
    const update: ChunkUpdate = {
      submission: submission.id,
      chunk,
      lease,
      revision: this.#revision,
      state: pending === 0 ? EMPTY : encodeState(groups),
      pending,
      result: settled.length === 0 ? undefined : this.#parts.codec.result(settled, submission.id, chunk),
      releaseAfterMs: release && pending > 0 ? this.#releaseAfterMs() : undefined,
    };
    return { update, settled };
  }

  #releaseAfterMs(): number {
    // a copy in doubt is decided about by the next worker, at once
    if (this.#inDoubt.length > 0) return 0;
    const dueAt = Math.min(...this.#waiting.map((group) => group.dueAt));
    return Math.max(0, Math.ceil(dueAt - this.now()));
  }
}
