import {
  type Addition,
  type ChunkUpdate,
  type ClaimedChunk,
  type LeaseRef,
  type LeaseStatus,
  type NewChunk,
  type NewResult,
  type NewSubmission,
  type Pace,
  type PaceState,
  paceAfterClaim,
  type SubmissionChange,
  type SubmissionState,
} from "@cloud-messaging/core/transport";

/** A chunk of the model. */
export interface ModelChunk {
  readonly size: number;
  readonly recipients: string;
  state: string;
  pending: number;
  dueAt: number;
  lease: { readonly id: string; until: number; revision: number } | undefined;
}

/** A submission of the model. */
export interface ModelSubmission {
  readonly id: string;
  readonly key: string | undefined;
  readonly lane: string;
  readonly body: string;
  readonly sendAt: number | undefined;
  state: SubmissionState;
  sealed: boolean;
  pace: Pace | undefined;
  reached: PaceState | undefined;
  finishedAt: number | undefined;
  readonly chunks: ModelChunk[];
  readonly counts: Record<string, number>;
}

/** Text of bytes. */
export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** The contract of outbox engines as a plain program: what any engine has to answer, apart from the order of a claim. */
export class OutboxModel {
  readonly submissions = new Map<string, ModelSubmission>();
  results: { readonly submission: string; readonly chunk: number; readonly body: string; readonly failed: number }[] =
    [];

  submit(list: readonly NewSubmission[], now: number) {
    return list.map(({ id, key, lane, body, sendAt, pace, chunks, sealed }) => {
      if (this.submissions.has(id)) return { id, created: true };
      const taken = key === undefined ? undefined : [...this.submissions.values()].find((one) => one.key === key);
      if (taken !== undefined) return { id: taken.id, created: false };
      const submission: ModelSubmission = {
        id,
        key,
        lane,
        body: textOf(body),
        sendAt,
        state: "running",
        sealed: false,
        pace,
        reached: undefined,
        finishedAt: undefined,
        chunks: [],
        counts: {},
      };
      this.submissions.set(id, submission);
      this.#add(submission, chunks, sealed, now);
      return { id, created: true };
    });
  }

  append({ submission: id, after, chunks, seal }: Addition, now: number): boolean | undefined {
    const submission = this.submissions.get(id);
    if (submission === undefined) return undefined;
    const fits = submission.chunks.length === after && !submission.sealed;
    if (fits) this.#add(submission, chunks, seal, now);
    return fits;
  }

  #add(submission: ModelSubmission, chunks: readonly NewChunk[], seal: boolean, now: number): void {
    for (const { recipients, size, pending, state, result } of chunks) {
      submission.chunks.push({
        size,
        recipients: textOf(recipients),
        state: state === undefined ? "" : textOf(state),
        pending,
        dueAt: Math.max(now, submission.sendAt ?? 0),
        lease: undefined,
      });
      if (result !== undefined) this.#record(submission, submission.chunks.length - 1, result);
    }
    submission.sealed ||= seal;
    this.#finish(submission, now);
  }

  /** Chunks that a claim of these lanes may hand out. */
  claimable(lane: string, now: number): { readonly submission: ModelSubmission; readonly chunk: number }[] {
    return [...this.submissions.values()]
      .filter((submission) => submission.lane === lane && !isHeldBack(submission, now))
      .flatMap((submission) =>
        submission.chunks.flatMap((chunk, number) =>
          isFree(chunk, now) && chunk.dueAt <= now ? [{ submission, chunk: number }] : [],
        ),
      );
  }

  /** Time since the earliest of those chunks was due, or its pace allowed it; `undefined` where there is none. */
  oldestDueMs(lane: string, now: number): number | undefined {
    const due = this.claimable(lane, now).map(({ submission: { chunks, state, pace, reached }, chunk }) => {
      const allowed = pace === undefined || state === "cancelled" ? 0 : (reached?.nextAt ?? 0);
      return now - Math.max(chunks[chunk]?.dueAt ?? now, allowed);
    });
    return due.length === 0 ? undefined : Math.max(...due);
  }

  /** Chunks of a submission that a claim of it may hand out. */
  sweepable(id: string, now: number): number[] {
    const chunks = this.submissions.get(id)?.chunks ?? [];
    return chunks.flatMap((chunk, number) => (isFree(chunk, now) ? [number] : []));
  }

  /** Takes note that an engine has handed out a chunk. */
  lease({ submission, chunk, lease }: ClaimedChunk, leaseMs: number, now: number): number | undefined {
    const held = this.submissions.get(submission.id) as ModelSubmission;
    const taken = held.chunks[chunk] as ModelChunk;
    taken.lease = { id: lease, until: now + leaseMs, revision: 0 };
    if (held.pace === undefined) return undefined;
    held.reached = paceAfterClaim(held.pace, held.reached, now, taken.pending);
    return held.reached.spreadMs;
  }

  write(updates: readonly ChunkUpdate[], now: number): LeaseStatus[] {
    return updates.map((update) => {
      const found = this.#leased(update);
      if (found === undefined) return "lost";
      const { submission, chunk } = found;
      const { lease } = chunk;
      if (lease === undefined || update.revision <= lease.revision) return submission.state;
      lease.revision = update.revision;
      chunk.state = textOf(update.state);
      chunk.pending = update.pending;
      const { releaseAfterMs } = update;
      if (releaseAfterMs !== undefined || update.pending === 0) chunk.lease = undefined;
      if (releaseAfterMs !== undefined && releaseAfterMs > 0) chunk.dueAt = now + releaseAfterMs;
      if (update.result !== undefined) this.#record(submission, update.chunk, update.result);
      this.#finish(submission, now);
      return submission.state;
    });
  }

  renew(leases: readonly LeaseRef[], leaseMs: number, now: number): LeaseStatus[] {
    return leases.map((ref) => {
      const found = this.#leased(ref);
      if (found?.chunk.lease === undefined) return "lost";
      found.chunk.lease.until = now + leaseMs;
      return found.submission.state;
    });
  }

  #leased({ submission: id, chunk: number, lease }: LeaseRef) {
    const submission = this.submissions.get(id);
    const chunk = submission?.chunks[number];
    return submission === undefined || chunk?.lease?.id !== lease ? undefined : { submission, chunk };
  }

  control(id: string, { state, pace }: SubmissionChange, now: number): void {
    const submission = this.submissions.get(id);
    if (submission === undefined || submission.state === "cancelled" || submission.finishedAt !== undefined) return;
    if (state !== undefined) submission.state = state;
    if (state === "cancelled") submission.sealed = true;
    if (pace !== undefined) {
      submission.pace = pace ?? undefined;
      submission.reached = undefined;
    }
    this.#finish(submission, now);
  }

  prune(olderThanMs: number, now: number): string[] {
    const old = [...this.submissions.values()].filter(
      ({ finishedAt }) => finishedAt !== undefined && finishedAt < now - olderThanMs,
    );
    for (const { id } of old) {
      this.submissions.delete(id);
      this.results = this.results.filter(({ submission }) => submission !== id);
    }
    return old.map(({ id }) => id);
  }

  #record(submission: ModelSubmission, chunk: number, { body, counts, failed }: NewResult): void {
    this.results.push({ submission: submission.id, chunk, body: textOf(body), failed });
    for (const [name, count] of Object.entries(counts)) {
      submission.counts[name] = (submission.counts[name] ?? 0) + count;
    }
  }

  #finish(submission: ModelSubmission, now: number): void {
    if (submission.sealed && pendingOf(submission) === 0) submission.finishedAt ??= now;
  }
}

/** Number of unsettled recipients. */
export function pendingOf({ chunks }: ModelSubmission): number {
  return chunks.reduce((sum, { pending }) => sum + pending, 0);
}

function isFree({ pending, lease }: ModelChunk, now: number): boolean {
  return pending > 0 && (lease === undefined || lease.until <= now);
}

/** True while no chunk of a submission is handed out. */
function isHeldBack({ state, pace, reached }: ModelSubmission, now: number): boolean {
  if (state === "cancelled") return false;
  return state === "paused" || (pace !== undefined && (reached?.nextAt ?? 0) > now);
}
