import { randomUUID } from "node:crypto";
import type { Clock } from "@cloud-messaging/core";
import {
  type ChunkUpdate,
  type ClaimedChunk,
  type ClaimRequest,
  heldBackUntil,
  type LeaseRef,
  type LeaseStatus,
  paceAfterClaim,
} from "@cloud-messaging/core/transport";
import type { MachineClock } from "./boot.ts";
import { asBuffer, EMPTY, LAST, type Rows } from "./rows.ts";
import type { ChunkRow, SubmissionRow, Tables } from "./tables.ts";

/** Sorts after every ID. */
const AFTER_IDS = "~";

/** Chunks in the hands of workers: handed out, recorded and renewed. Each operation runs inside a transaction. */
export class Leases {
  readonly #tables: Tables;
  readonly #rows: Rows;
  readonly #clock: Clock;
  readonly #machine: MachineClock;

  /** @param machine Clock of the leases, which the wall clock does not move. */
  constructor(tables: Tables, rows: Rows, clock: Clock, machine: MachineClock) {
    this.#tables = tables;
    this.#rows = rows;
    this.#clock = clock;
    this.#machine = machine;
  }

  /** Makes the chunks of all leases due again: no worker survives a boot. */
  expireAll(): void {
    for (const [until, id, chunk] of [...this.#tables.leases.getKeys()]) this.#rows.expire(until, id, chunk);
  }

  /** The answer to a request for work while nothing is due: without a transaction, since workers ask often. */
  nothingDue(lanes: readonly string[]) {
    const { leases } = this.#tables;
    const now = this.#clock.now();
    const [lease] = [...leases.getKeys({ limit: 1 })];
    let nextInMs = Number.POSITIVE_INFINITY;
    if (lease !== undefined) nextInMs = Math.min(nextInMs, lease[0] - this.#machine.now());
    for (const lane of lanes) {
      const first = this.#firstOf(lane);
      if (first !== undefined) nextInMs = Math.min(nextInMs, first[1] - now);
    }
    if (nextInMs <= 0) return undefined;
    return { now, chunks: [], nextInMs: Number.isFinite(nextInMs) ? nextInMs : undefined };
  }

  /** Time since the earliest chunk that a claim would hand out was due, by lane. */
  oldestDueMs(lanes: readonly string[]): Record<string, number> {
    const { leases, submissions, chunks } = this.#tables;
    const now = this.#clock.now();
    const oldest = new Map<string, number>();
    const look = (lane: string, at: number): void => {
      if (at <= now) oldest.set(lane, Math.max(oldest.get(lane) ?? 0, now - at));
    };
    for (const lane of lanes) {
      const first = this.#firstOf(lane);
      if (first !== undefined) look(lane, first[1]);
    }
    // in the hands of workers that have ended: the next claim makes them due again
    for (const [, id, chunk] of leases.getKeys({ end: [this.#machine.now(), AFTER_IDS, 0] })) {
      const row = submissions.get(id);
      const held = chunks.get([id, chunk]);
      if (row !== undefined && held !== undefined)
        look(row.lane, Math.max(held.dueAt, heldBackUntil(row, row.reached)));
    }
    return Object.fromEntries(oldest);
  }

  /** The first submission of a lane with work, by the time at which that is due. */
  #firstOf(lane: string): [lane: string, at: number, id: string] | undefined {
    const [first] = [...this.#tables.lanes.getKeys({ start: [lane, 0, ""], end: [lane, LAST, ""], limit: 1 })];
    return first;
  }

  /** Hands out chunks that are due, those of leases that have run out first made due again. */
  claim({ lanes, limit, leaseMs, submission }: ClaimRequest) {
    const now = this.#clock.now();
    const until = this.#machine.now();
    const { leases, lanes: table, submissions, due, chunks } = this.#tables;
    for (const [at, id, chunk] of [...leases.getKeys({ end: [until, AFTER_IDS, 0] })]) this.#rows.expire(at, id, chunk);
    const claimed: ClaimedChunk[] = [];
    const takeFrom = (id: string, row: SubmissionRow, latest: number): void => {
      for (const [, dueAt, chunk] of [...due.getKeys({ start: [id, 0, 0], end: [id, latest, LAST] })]) {
        if (claimed.length >= limit || (submission === undefined && heldBackUntil(row, row.reached) > now)) break;
        const held = chunks.get([id, chunk]);
        if (held === undefined) due.remove([id, dueAt, chunk]);
        else claimed.push(this.#lease(id, row, { chunk, dueAt, held, leaseMs, now }));
      }
      this.#rows.save(id, row, now);
    };
    if (submission !== undefined) {
      const row = submissions.get(submission);
      if (row !== undefined) takeFrom(submission, row, LAST);
      return { now, chunks: claimed };
    }
    let nextAt = Number.POSITIVE_INFINITY;
    for (const lane of lanes) {
      while (claimed.length < limit) {
        const first = this.#firstOf(lane);
        if (first === undefined) break;
        const [, at, id] = first;
        if (at > now) {
          nextAt = Math.min(nextAt, at);
          break;
        }
        const row = submissions.get(id);
        if (row === undefined) table.remove(first);
        else takeFrom(id, row, now);
      }
    }
    if (claimed.length === limit) nextAt = now;
    return { now, chunks: claimed, nextInMs: Number.isFinite(nextAt) ? nextAt - now : undefined };
  }

  #lease(
    id: string,
    row: SubmissionRow,
    {
      chunk,
      dueAt,
      held,
      leaseMs,
      now,
    }: { chunk: number; dueAt: number; held: ChunkRow; leaseMs: number; now: number },
  ): ClaimedChunk {
    const { due, leases, chunks, recipients } = this.#tables;
    const lease = { id: randomUUID(), until: this.#machine.now() + leaseMs, revision: 0 };
    let spreadMs: number | undefined;
    if (row.pace !== undefined) {
      const { startedAt, nextAt, spreadMs: spread } = paceAfterClaim(row.pace, row.reached, now, held.pending);
      row.reached = { startedAt, nextAt };
      spreadMs = spread;
    }
    due.remove([id, dueAt, chunk]);
    leases.put([lease.until, id, chunk], null);
    chunks.put([id, chunk], { ...held, waits: false, lease });
    return {
      chunk,
      lease: lease.id,
      submission: this.#rows.record(id, row),
      recipients: recipients.get([id, chunk]) ?? EMPTY,
      size: held.size,
      pending: held.pending,
      spreadMs,
      state: held.state,
    };
  }

  /** Records what a worker has done with a chunk, if it has the lease still. */
  write(update: ChunkUpdate): LeaseStatus {
    const { submission: id, chunk, state, pending, result, releaseAfterMs, revision } = update;
    const { submissions, chunks, due, leases } = this.#tables;
    const found = this.#rows.leased(update);
    if (found === undefined) return "lost";
    const { row, held, lease } = found;
    if (revision <= lease.revision) return row.state;
    const now = this.#clock.now();
    const ends = pending === 0 || releaseAfterMs !== undefined;
    if (ends) {
      if (held.waits) due.remove([id, held.dueAt, chunk]);
      else leases.remove([lease.until, id, chunk]);
    }
    const dueAt = releaseAfterMs !== undefined && releaseAfterMs > 0 ? now + releaseAfterMs : held.dueAt;
    const waits = ends ? pending > 0 : held.waits;
    if (ends && waits) due.put([id, dueAt, chunk], null);
    chunks.put([id, chunk], {
      size: held.size,
      pending,
      state: asBuffer(state),
      dueAt,
      waits,
      lease: ends ? undefined : { ...lease, revision },
    });
    this.#rows.count(row.lane, pending - held.pending);
    row.pending += pending - held.pending;
    if (result !== undefined) this.#rows.addResult(id, row, chunk, result, now);
    if (ends) this.#rows.save(id, row, now);
    else submissions.put(id, row);
    return row.state;
  }

  /** Gives a worker more time with a chunk. */
  renew(ref: LeaseRef, leaseMs: number): LeaseStatus {
    const found = this.#rows.leased(ref);
    if (found === undefined) return "lost";
    const { submission: id, chunk } = ref;
    const { held, lease, row } = found;
    const { due, leases, chunks } = this.#tables;
    if (held.waits) due.remove([id, held.dueAt, chunk]);
    else leases.remove([lease.until, id, chunk]);
    const until = this.#machine.now() + leaseMs;
    leases.put([until, id, chunk], null);
    chunks.put([id, chunk], { ...held, waits: false, lease: { ...lease, until } });
    if (held.waits) this.#rows.place(id, row);
    return row.state;
  }
}
