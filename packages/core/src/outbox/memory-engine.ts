import { type Clock, systemClock } from "../time/clock.ts";
import type {
  ChunkUpdate,
  ClaimedChunk,
  ClaimRequest,
  LeaseRef,
  LeaseStatus,
  NewChunk,
  NewResult,
  NewSubmission,
  OutboxEngine,
  StoredResult,
  Submission,
  SubmissionChange,
} from "./engine.ts";
import { heldBackUntil, type PaceState, paceAfterClaim } from "./pace.ts";
import { checkResultCursor } from "./results.ts";

/** Options of `createMemoryOutboxEngine`. */
export interface MemoryOutboxEngineOptions {
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
}

interface HeldChunk {
  readonly chunk: number;
  readonly recipients: Uint8Array;
  readonly size: number;
  state: Uint8Array;
  pending: number;
  dueAt: number;
  lease: { readonly id: string; until: number; revision: number } | undefined;
}

interface HeldSubmission {
  record: Submission;
  readonly order: number;
  readonly chunks: HeldChunk[];
  pace: PaceState | undefined;
}

const EMPTY = new Uint8Array();

/**
 * Creates an outbox engine that keeps everything in the memory of this process: for tests, and as the reference model of the contract.
 * Nothing survives the process. Instances of `createOutbox` over one engine are its workers.
 *
 * @example
 * ```ts
 * import { createMemoryOutboxEngine, createOutbox, type DownstreamTransport } from "@cloud-messaging/core/transport";
 *
 * declare const transport: DownstreamTransport;
 * await using outbox = createOutbox({ engine: createMemoryOutboxEngine(), transport });
 * ```
 */
export function createMemoryOutboxEngine({ clock = systemClock }: MemoryOutboxEngineOptions = {}): OutboxEngine {
  return new MemoryEngine(clock);
}

class MemoryEngine implements OutboxEngine {
  readonly name = "memory";
  readonly #clock: Clock;
  readonly #submissions = new Map<string, HeldSubmission>();
  readonly #keys = new Map<string, string>();
  #results: (StoredResult & { readonly sequence: number })[] = [];
  readonly #listeners = new Set<() => void>();
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async submit(submissions: readonly NewSubmission[]) {
    const answers = submissions.map((submission) => {
      const { id, key, lane, body, sendAt, pace, chunks, sealed } = submission;
      if (this.#submissions.has(id)) return { id, created: true };
      const known = key === undefined ? undefined : this.#keys.get(key);
      if (known !== undefined) return { id: known, created: false };
      if (key !== undefined) this.#keys.set(key, id);
      const record: Submission = {
        id,
        key,
        lane,
        body: body.slice(),
        state: "running",
        sealed: false,
        pace,
        createdAt: this.#clock.now(),
        sendAt,
        chunks: 0,
        recipients: 0,
        pending: 0,
        counts: {},
      };
      const held: HeldSubmission = { record, order: this.#sequence++, chunks: [], pace: undefined };
      this.#submissions.set(id, held);
      this.#add(held, chunks, sealed);
      return { id, created: true };
    });
    this.#wake();
    return answers;
  }

  async append({ submission, after, chunks, seal }: Parameters<OutboxEngine["append"]>[0]) {
    const held = this.#submissions.get(submission);
    if (held === undefined) return { stored: false, submission: undefined };
    const { record } = held;
    const fits = record.chunks === after && !record.sealed && record.state !== "cancelled";
    if (fits) this.#add(held, chunks, seal);
    if (fits) this.#wake();
    return { stored: fits, submission: held.record };
  }

  #add(held: HeldSubmission, chunks: readonly NewChunk[], seal: boolean): void {
    const now = this.#clock.now();
    for (const { recipients, size, pending, result, state = EMPTY } of chunks) {
      const chunk = held.chunks.length;
      const dueAt = Math.max(now, held.record.sendAt ?? 0);
      held.chunks.push({
        chunk,
        recipients: recipients.slice(),
        size,
        state: state.slice(),
        pending,
        dueAt,
        lease: undefined,
      });
      const { record } = held;
      held.record = {
        ...record,
        chunks: record.chunks + 1,
        recipients: record.recipients + size,
        pending: record.pending + pending,
      };
      if (result !== undefined) this.#record(held, chunk, result);
    }
    if (seal) held.record = { ...held.record, sealed: true };
    this.#finish(held);
  }

  async claim({ lanes, limit, leaseMs, submission }: ClaimRequest) {
    const now = this.#clock.now();
    const claimed: ClaimedChunk[] = [];
    const take = (held: HeldSubmission, chunk: HeldChunk): void => {
      chunk.lease = { id: `lease-${this.#sequence++}`, until: now + leaseMs, revision: 0 };
      const { pace } = held.record;
      if (pace !== undefined) held.pace = paceAfterClaim(pace, held.pace, now, chunk.pending);
      const { recipients, size, pending, state } = chunk;
      claimed.push({
        chunk: chunk.chunk,
        lease: chunk.lease.id,
        submission: held.record,
        recipients,
        size,
        pending,
        spreadMs: held.pace?.spreadMs,
        state,
      });
    };
    if (submission !== undefined) {
      const held = this.#submissions.get(submission);
      for (const chunk of held?.chunks ?? []) {
        if (claimed.length < limit && isFree(chunk, now)) take(held as HeldSubmission, chunk);
      }
      return { now, chunks: claimed };
    }
    let nextAt = Number.POSITIVE_INFINITY;
    for (const lane of lanes) {
      const waiting = [...this.#submissions.values()]
        .filter(({ record }) => record.lane === lane && record.pending > 0)
        .flatMap((held) => held.chunks.filter(({ pending }) => pending > 0).map((chunk) => ({ held, chunk })))
        .sort((one, other) => one.chunk.dueAt - other.chunk.dueAt || one.held.order - other.held.order);
      for (const { held, chunk } of waiting) {
        const at = Math.max(chunk.dueAt, chunk.lease?.until ?? 0, heldBackUntil(held.record, held.pace));
        if (at > now) nextAt = Math.min(nextAt, at);
        else if (claimed.length < limit) take(held, chunk);
        else nextAt = now;
      }
    }
    return { now, chunks: claimed, nextInMs: Number.isFinite(nextAt) ? nextAt - now : undefined };
  }

  async write(updates: readonly ChunkUpdate[]) {
    const now = this.#clock.now();
    const statuses = updates.map((update): LeaseStatus => {
      const found = this.#leased(update);
      if (found === undefined) return "lost";
      const { held, chunk } = found;
      const { record } = held;
      if (chunk.lease === undefined || update.revision <= chunk.lease.revision) return record.state;
      chunk.lease.revision = update.revision;
      held.record = { ...record, pending: record.pending - chunk.pending + update.pending };
      chunk.state = update.state.slice();
      chunk.pending = update.pending;
      if (update.releaseAfterMs !== undefined) {
        chunk.lease = undefined;
        if (update.releaseAfterMs > 0) chunk.dueAt = now + update.releaseAfterMs;
      }
      if (update.pending === 0) chunk.lease = undefined;
      if (update.result !== undefined) this.#record(held, chunk.chunk, update.result);
      this.#finish(held);
      return held.record.state;
    });
    if (updates.some(({ releaseAfterMs }) => releaseAfterMs !== undefined)) this.#wake();
    return statuses;
  }

  async renew(leases: readonly LeaseRef[], leaseMs: number) {
    const until = this.#clock.now() + leaseMs;
    return leases.map((lease): LeaseStatus => {
      const found = this.#leased(lease);
      if (found?.chunk.lease === undefined) return "lost";
      found.chunk.lease.until = until;
      return found.held.record.state;
    });
  }

  #leased({ submission, chunk: number, lease }: LeaseRef) {
    const held = this.#submissions.get(submission);
    const chunk = held?.chunks[number];
    return held === undefined || chunk?.lease?.id !== lease ? undefined : { held, chunk };
  }

  async control(submission: string, { state, pace }: SubmissionChange) {
    const held = this.#submissions.get(submission);
    if (held === undefined) return undefined;
    if (held.record.state === "cancelled" || held.record.finishedAt !== undefined) return held.record;
    if (state !== undefined) held.record = { ...held.record, state };
    if (pace !== undefined) {
      held.record = { ...held.record, pace: pace ?? undefined };
      held.pace = undefined;
    }
    if (state === "cancelled") held.record = { ...held.record, sealed: true };
    this.#finish(held);
    this.#wake();
    return held.record;
  }

  async find(by: Parameters<OutboxEngine["find"]>[0]) {
    const id = "id" in by ? by.id : this.#keys.get(by.key);
    return id === undefined ? undefined : this.#submissions.get(id)?.record;
  }

  async chunks(submission: string, from: number, limit: number) {
    const held = this.#submissions.get(submission)?.chunks ?? [];
    return held.slice(from, from + limit).map(({ chunk, recipients, size }) => ({ chunk, recipients, size }));
  }

  async results({ after, submission, failedOnly, limit }: Parameters<OutboxEngine["results"]>[0]) {
    if (after !== undefined) checkResultCursor(after);
    return this.#results
      .filter(
        (result) =>
          (after === undefined || result.sequence > Number(after)) &&
          (submission === undefined || result.submission === submission) &&
          (!failedOnly || result.failed > 0),
      )
      .slice(0, limit)
      .map(({ sequence: _, ...result }) => result);
  }

  async backlog() {
    const now = this.#clock.now();
    const lanes = new Map<string, number>();
    const oldestDueMs = new Map<string, number>();
    let recipients = 0;
    for (const held of this.#submissions.values()) {
      const { lane, pending } = held.record;
      recipients += pending;
      if (pending > 0) lanes.set(lane, (lanes.get(lane) ?? 0) + pending);
      for (const chunk of held.chunks) {
        const at = Math.max(chunk.dueAt, heldBackUntil(held.record, held.pace));
        if (isFree(chunk, now) && at <= now) oldestDueMs.set(lane, Math.max(oldestDueMs.get(lane) ?? 0, now - at));
      }
    }
    return { recipients, lanes: Object.fromEntries(lanes), oldestDueMs: Object.fromEntries(oldestDueMs) };
  }

  async prune(olderThanMs: number, limit: number) {
    const before = this.#clock.now() - olderThanMs;
    const old = [...this.#submissions.values()]
      .filter(({ record: { finishedAt } }) => finishedAt !== undefined && finishedAt < before)
      .slice(0, limit);
    for (const { record } of old) {
      this.#submissions.delete(record.id);
      if (record.key !== undefined) this.#keys.delete(record.key);
      this.#results = this.#results.filter((result) => result.submission !== record.id);
    }
    return old.length;
  }

  onWork(listener: () => void) {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async close() {
    // nothing was opened
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #record(held: HeldSubmission, chunk: number, { body, counts, failed }: NewResult): void {
    const sequence = this.#sequence++;
    const { record } = held;
    const submission = record.id;
    const at = this.#clock.now();
    this.#results.push({ cursor: String(sequence), submission, chunk, at, body: body.slice(), failed, sequence });
    const sums = { ...record.counts };
    for (const [key, count] of Object.entries(counts)) sums[key] = (sums[key] ?? 0) + count;
    held.record = { ...record, counts: sums };
  }

  #finish(held: HeldSubmission): void {
    const { record } = held;
    if (record.sealed && record.pending === 0 && record.finishedAt === undefined) {
      held.record = { ...record, finishedAt: this.#clock.now() };
    }
  }
}

function isFree({ pending, lease }: HeldChunk, now: number): boolean {
  return pending > 0 && (lease === undefined || lease.until <= now);
}
