import { randomUUID } from "node:crypto";
import { type Clock, InvalidOptionsError, OutboxStorageError, systemClock } from "@cloud-messaging/core";
import {
  type Addition,
  type ChunkUpdate,
  type ClaimedChunk,
  type ClaimRequest,
  type LeaseRef,
  type LeaseStatus,
  type NewChunk,
  type NewSubmission,
  type OutboxEngine,
  paceAfterClaim,
  type ResultQuery,
  type StoredResult,
  type SubmissionChange,
} from "@cloud-messaging/core/transport";
import { type Environment, openEnvironment } from "@cloud-messaging/lmdb";
import { isSameBoot, type MachineClock, machineClock } from "./boot.ts";
import type { EmbeddedEngineOptions } from "./options.ts";
import { asBuffer, EMPTY, hashOf, heldBackUntil, LAST, Rows } from "./rows.ts";
import { type ChunkRow, FORMAT, openTables, type SubmissionRow, type Tables } from "./tables.ts";

/** Sorts after every ID. */
const AFTER_IDS = "~";

/**
 * Creates an engine in a folder of this machine, on LMDB. Any number of processes of the machine may use it at once. A call that writes
 * resolves when the disk has it.
 * @example
 * ```ts
 * import { createEmbeddedEngine } from "@cloud-messaging/outbox";
 * const engine = createEmbeddedEngine({ path: "/var/lib/my-app/outbox" });
 * ```
 * @throws {OutboxStorageError} the folder cannot be used: its message says why.
 */
export function createEmbeddedEngine(options: EmbeddedEngineOptions): OutboxEngine {
  const { path, clock = systemClock, machine = machineClock } = options ?? {};
  if (typeof path !== "string" || path === "") {
    throw new InvalidOptionsError([
      { path: "path", problem: "must be the path of a folder on a disk of this machine" },
    ]);
  }
  return new EmbeddedEngine(path, clock, machine);
}

class EmbeddedEngine implements OutboxEngine {
  readonly name = "embedded";
  readonly #clock: Clock;
  readonly #machine: MachineClock;
  readonly #environment: Environment;
  readonly #tables: Tables;
  readonly #rows: Rows;
  readonly #listeners = new Set<() => void>();

  constructor(path: string, clock: Clock, machine: MachineClock) {
    this.#clock = clock;
    this.#machine = machine;
    this.#environment = openEnvironment(path, {
      owner: "The outbox",
      toError: (_, message, cause) => new OutboxStorageError(message, cause),
    });
    let tables: Tables | undefined;
    this.#environment.begin(() => {
      tables = openTables(this.#environment);
      const rows = new Rows(tables);
      const { meta, leases } = tables;
      const format = meta.get("format");
      if (format === undefined) meta.put("format", FORMAT);
      else if (format !== FORMAT) throw this.#environment.otherFormat(`version ${format}, not ${FORMAT}`);
      const boot = meta.get("boot") as string | undefined;
      if (boot !== undefined && isSameBoot(boot, machine.boot)) return;
      meta.put("boot", machine.boot);
      // no worker survives a boot
      for (const [until, id, chunk] of [...leases.getKeys()]) rows.expire(until, id, chunk);
    });
    this.#tables = tables as unknown as Tables;
    this.#rows = new Rows(this.#tables);
  }

  submit(submissions: readonly NewSubmission[]) {
    return this.#changing(() =>
      submissions.map(({ id, key, lane, body, sendAt, pace, chunks, sealed }) => {
        const { submissions: rows, bodies, keys } = this.#tables;
        if (rows.doesExist(id)) return { id, created: true };
        const hash = key === undefined ? undefined : hashOf(key);
        const known = hash === undefined ? undefined : keys.get(hash);
        if (known !== undefined) return { id: known, created: false };
        if (hash !== undefined) keys.put(hash, id);
        bodies.put(id, asBuffer(body));
        const row: SubmissionRow = {
          key,
          lane,
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
        this.#add(id, row, chunks, sealed);
        return { id, created: true };
      }),
    );
  }

  append({ submission: id, after, chunks, seal }: Addition) {
    return this.#changing(() => {
      const row = this.#tables.submissions.get(id);
      if (row === undefined) return { stored: false, submission: undefined };
      const stored = row.chunks === after && !row.sealed && row.state !== "cancelled";
      if (stored) this.#add(id, row, chunks, seal);
      return { stored, submission: this.#rows.record(id, row) };
    });
  }

  #add(id: string, row: SubmissionRow, chunks: readonly NewChunk[], seal: boolean): void {
    const { recipients: blobs, chunks: rows, due } = this.#tables;
    const now = this.#clock.now();
    const dueAt = Math.max(now, row.sendAt ?? 0);
    const isFirst = row.chunks === 0;
    let pendingAdded = 0;
    for (const { recipients, size, pending, result, state = EMPTY } of chunks) {
      const chunk = row.chunks++;
      blobs.put([id, chunk], asBuffer(recipients));
      rows.put([id, chunk], { size, pending, state: asBuffer(state), dueAt, waits: pending > 0 });
      if (pending > 0) due.put([id, dueAt, chunk], null);
      row.recipients += size;
      row.pending += pending;
      pendingAdded += pending;
      if (result !== undefined) this.#rows.addResult(id, row, chunk, result, now);
    }
    this.#rows.count(row.lane, pendingAdded);
    if (seal) row.sealed = true;
    // nothing else of it waits: no need to look
    this.#rows.save(id, row, now, isFirst ? (pendingAdded > 0 ? dueAt : null) : undefined);
  }

  async claim(request: ClaimRequest) {
    const idle = request.submission === undefined ? this.#nothingDue(request.lanes) : undefined;
    return idle ?? this.#environment.change(() => this.#claim(request));
  }

  /** The answer to a request for work while nothing is due: without a transaction, since workers ask often. */
  #nothingDue(lanes: readonly string[]) {
    return this.#environment.read(() => {
      const { leases, lanes: table } = this.#tables;
      const now = this.#clock.now();
      const [lease] = [...leases.getKeys({ limit: 1 })];
      let nextInMs = Number.POSITIVE_INFINITY;
      if (lease !== undefined) nextInMs = Math.min(nextInMs, lease[0] - this.#machine.now());
      for (const lane of lanes) {
        const [first] = [...table.getKeys({ start: [lane, 0, ""], end: [lane, LAST, ""], limit: 1 })];
        if (first !== undefined) nextInMs = Math.min(nextInMs, first[1] - now);
      }
      if (nextInMs <= 0) return undefined;
      return { now, chunks: [], nextInMs: Number.isFinite(nextInMs) ? nextInMs : undefined };
    });
  }

  #claim({ lanes, limit, leaseMs, submission }: ClaimRequest) {
    const now = this.#clock.now();
    const until = this.#machine.now();
    const { leases, lanes: table, submissions, due, chunks } = this.#tables;
    for (const [at, id, chunk] of [...leases.getKeys({ end: [until, AFTER_IDS, 0] })]) this.#rows.expire(at, id, chunk);
    const claimed: ClaimedChunk[] = [];
    const takeFrom = (id: string, row: SubmissionRow, latest: number): void => {
      for (const [, dueAt, chunk] of [...due.getKeys({ start: [id, 0, 0], end: [id, latest, LAST] })]) {
        if (claimed.length >= limit || (submission === undefined && heldBackUntil(row) > now)) break;
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
        const [first] = [...table.getKeys({ start: [lane, 0, ""], end: [lane, LAST, ""], limit: 1 })];
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

  write(updates: readonly ChunkUpdate[]) {
    return this.#changing(() => updates.map((update) => this.#write(update)));
  }

  #write(update: ChunkUpdate): LeaseStatus {
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

  renew(leases: readonly LeaseRef[], leaseMs: number) {
    return this.#environment.change(() =>
      leases.map((ref): LeaseStatus => {
        const found = this.#rows.leased(ref);
        if (found === undefined) return "lost";
        const { submission: id, chunk } = ref;
        const { held, lease, row } = found;
        const { due, leases: table, chunks } = this.#tables;
        if (held.waits) due.remove([id, held.dueAt, chunk]);
        else table.remove([lease.until, id, chunk]);
        const until = this.#machine.now() + leaseMs;
        table.put([until, id, chunk], null);
        chunks.put([id, chunk], { ...held, waits: false, lease: { ...lease, until } });
        if (held.waits) this.#rows.place(id, row);
        return row.state;
      }),
    );
  }

  control(id: string, { state, pace }: SubmissionChange) {
    return this.#changing(() => {
      const row = this.#tables.submissions.get(id);
      if (row === undefined) return undefined;
      if (row.state !== "cancelled" && row.finishedAt === undefined) {
        if (state !== undefined) row.state = state;
        if (state === "cancelled") row.sealed = true;
        if (pace !== undefined) {
          row.pace = pace ?? undefined;
          row.reached = undefined;
        }
        this.#rows.save(id, row, this.#clock.now());
      }
      return this.#rows.record(id, row);
    });
  }

  async find(by: { readonly id: string } | { readonly key: string }) {
    return this.#read(({ keys, submissions }) => {
      const id = "id" in by ? by.id : keys.get(hashOf(by.key));
      const row = id === undefined || id === "" ? undefined : submissions.get(id);
      return row === undefined ? undefined : this.#rows.record(id as string, row);
    });
  }

  async chunks(id: string, from: number, limit: number) {
    return this.#read(({ chunks, recipients }) =>
      [...chunks.getRange({ start: [id, from], end: [id, LAST], limit })].map(
        ({ key: [, chunk], value: { size } }) => ({
          chunk,
          size,
          recipients: recipients.get([id, chunk]) ?? EMPTY,
        }),
      ),
    );
  }

  async results({ after, submission, failedOnly, limit }: ResultQuery) {
    return this.#read(({ results, resultsOf }) => {
      const from = after === undefined ? 0 : Number(after) + 1;
      const found: StoredResult[] = [];
      const add = (sequence: number): void => {
        const row = results.get(sequence);
        if (row === undefined) return;
        found.push({ ...row, cursor: String(sequence) });
      };
      if (submission !== undefined) {
        for (const { key, value } of resultsOf.getRange({ start: [submission, from], end: [submission, LAST] })) {
          if (found.length >= limit) break;
          if (!failedOnly || value > 0) add(key[1]);
        }
        return found;
      }
      for (const { key, value } of results.getRange({ start: from })) {
        if (found.length >= limit) break;
        if (!failedOnly || value.failed > 0) found.push({ ...value, cursor: String(key) });
      }
      return found;
    });
  }

  async backlog() {
    return this.#read(({ backlog }) => {
      const lanes: Record<string, number> = {};
      let recipients = 0;
      for (const { key, value } of backlog.getRange()) {
        if (value > 0) lanes[key] = value;
        recipients += value;
      }
      return { recipients, lanes };
    });
  }

  prune(olderThanMs: number, limit: number) {
    return this.#environment.change(() => {
      const before = this.#clock.now() - olderThanMs;
      const old = [...this.#tables.finished.getKeys({ end: [before, ""], limit })];
      for (const [at, id] of old) this.#rows.remove(at, id);
      return old.length;
    });
  }

  onWork(listener: () => void) {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  close() {
    return this.#environment.close();
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  // shared by the operations above

  async #changing<T>(run: () => T): Promise<T> {
    const answer = await this.#environment.change(run);
    for (const listener of [...this.#listeners]) listener();
    return answer;
  }

  #read<T>(run: (tables: Tables) => T): T {
    return this.#environment.read(() => run(this.#tables));
  }
}
