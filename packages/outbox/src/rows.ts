import { createHash } from "node:crypto";
import { heldBackUntil, type LeaseRef, type NewResult, type Submission } from "@cloud-messaging/core/transport";
import type { SubmissionRow, Tables } from "./tables.ts";

/** Last key of a range. */
export const LAST = Number.MAX_SAFE_INTEGER;
/** No bytes. */
export const EMPTY = new Uint8Array();

/** Rows that change together: steps of the engine's operations, each inside a transaction. */
export class Rows {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  /** Stores a submission, its place in its lane, and its end. @param head As of `place`. */
  save(id: string, row: SubmissionRow, now: number, head?: number | null): void {
    if (row.sealed && row.pending === 0 && row.finishedAt === undefined) {
      row.finishedAt = now;
      this.#tables.finished.put([now, id], null);
    }
    this.place(id, row, head);
  }

  /** @param head Time at which its first waiting chunk is due, where that is known; `null` for none. */
  place(id: string, row: SubmissionRow, head: number | null = this.#head(id)): void {
    const { submissions, lanes } = this.#tables;
    const free = heldBackUntil(row, row.reached);
    const at = head === null || free === Number.POSITIVE_INFINITY ? undefined : Math.ceil(Math.max(head, free));
    if (at !== row.laneAt) {
      if (row.laneAt !== undefined) lanes.remove([row.lane, row.laneAt, id]);
      if (at !== undefined) lanes.put([row.lane, at, id], null);
      row.laneAt = at;
    }
    submissions.put(id, row);
  }

  #head(id: string): number | null {
    const [head] = [...this.#tables.due.getKeys({ start: [id, 0, 0], end: [id, LAST, LAST], limit: 1 })];
    return head === undefined ? null : head[1];
  }

  addResult(id: string, row: SubmissionRow, chunk: number, { body, counts, failed }: NewResult, at: number): void {
    const { meta, results, resultsOf } = this.#tables;
    const sequence = ((meta.get("sequence") as number | undefined) ?? 0) + 1;
    meta.put("sequence", sequence);
    results.put(sequence, { submission: id, chunk, at, failed, body: asBuffer(body) });
    resultsOf.put([id, sequence], failed);
    for (const [name, count] of Object.entries(counts)) row.counts[name] = (row.counts[name] ?? 0) + count;
  }

  count(lane: string, change: number): void {
    const { backlog } = this.#tables;
    if (change !== 0) backlog.put(lane, (backlog.get(lane) ?? 0) + change);
  }

  leased({ submission, chunk, lease: id }: LeaseRef) {
    const { submissions, chunks } = this.#tables;
    const held = chunks.get([submission, chunk]);
    const row = held?.lease?.id === id ? submissions.get(submission) : undefined;
    return held?.lease === undefined || row === undefined ? undefined : { row, held, lease: held.lease };
  }

  /** Makes a chunk whose lease has run out due again. Its lease counts until somebody takes it. */
  expire(until: number, id: string, chunk: number): void {
    const { leases, chunks, due, submissions } = this.#tables;
    leases.remove([until, id, chunk]);
    const held = chunks.get([id, chunk]);
    if (held === undefined || held.waits || held.pending === 0) return;
    chunks.put([id, chunk], { ...held, waits: true });
    due.put([id, held.dueAt, chunk], null);
    const row = submissions.get(id);
    if (row !== undefined) this.place(id, row);
  }

  remove(at: number, id: string): void {
    const { finished, submissions, bodies, keys, chunks, recipients, results, resultsOf } = this.#tables;
    finished.remove([at, id]);
    const key = submissions.get(id)?.key;
    if (key !== undefined) keys.remove(hashOf(key));
    for (const place of [...chunks.getKeys({ start: [id, 0], end: [id, LAST] })]) {
      chunks.remove(place);
      recipients.remove(place);
    }
    for (const place of [...resultsOf.getKeys({ start: [id, 0], end: [id, LAST] })]) {
      resultsOf.remove(place);
      results.remove(place[1]);
    }
    bodies.remove(id);
    submissions.remove(id);
  }

  record(id: string, row: SubmissionRow): Submission {
    const { laneAt: _, reached: __, counts, ...rest } = row;
    return { ...rest, id, counts: { ...counts }, body: this.#tables.bodies.get(id) ?? EMPTY };
  }
}

/** Keys are of any length and characters; LMDB's are not. */
export function hashOf(key: string): string {
  return createHash("sha256").update(key, "utf16le").digest("base64url");
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
