import { type Clock, InvalidOptionsError, OutboxStorageError } from "@cloud-messaging/core";
import {
  type Addition,
  type ChunkUpdate,
  type ClaimRequest,
  checkResultCursor,
  type LeaseRef,
  type NewChunk,
  type NewSubmission,
  type OutboxEngine,
  type ResultQuery,
  type StoredResult,
  type SubmissionChange,
  systemClock,
} from "@cloud-messaging/core/transport";
import { type Environment, openEnvironment } from "@cloud-messaging/lmdb";
import { isSameBoot, type MachineClock, machineClock } from "./boot.ts";
import { Leases } from "./leases.ts";
import type { EmbeddedEngineOptions } from "./options.ts";
import { asBuffer, EMPTY, hashOf, LAST, Rows } from "./rows.ts";
import { FORMAT, openTables, type SubmissionRow, type Tables } from "./tables.ts";

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
  readonly #environment: Environment;
  readonly #tables: Tables;
  readonly #rows: Rows;
  readonly #leases: Leases;
  readonly #listeners = new Set<() => void>();

  constructor(path: string, clock: Clock, machine: MachineClock) {
    this.#clock = clock;
    this.#environment = openEnvironment(path, {
      owner: "The outbox",
      toError: (_, message, cause) => new OutboxStorageError(message, cause),
    });
    this.#tables = this.#environment.begin(() => {
      const tables = openTables(this.#environment);
      const { meta } = tables;
      const format = meta.get("format");
      if (format === undefined) meta.put("format", FORMAT);
      else if (format !== FORMAT) throw this.#environment.otherFormat(`version ${format}, not ${FORMAT}`);
      const boot = meta.get("boot") as string | undefined;
      if (boot !== undefined && isSameBoot(boot, machine.boot)) return tables;
      meta.put("boot", machine.boot);
      new Leases(tables, new Rows(tables), clock, machine).expireAll();
      return tables;
    });
    this.#rows = new Rows(this.#tables);
    this.#leases = new Leases(this.#tables, this.#rows, clock, machine);
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
    const idle =
      request.submission === undefined
        ? this.#environment.read(() => this.#leases.nothingDue(request.lanes))
        : undefined;
    return idle ?? this.#environment.change(() => this.#leases.claim(request));
  }

  write(updates: readonly ChunkUpdate[]) {
    return this.#changing(() => updates.map((update) => this.#leases.write(update)));
  }

  renew(leases: readonly LeaseRef[], leaseMs: number) {
    return this.#environment.change(() => leases.map((lease) => this.#leases.renew(lease, leaseMs)));
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

  async results({ after = "0", submission, failedOnly, limit }: ResultQuery) {
    checkResultCursor(after);
    return this.#read(({ results, resultsOf }) => {
      const from = Number(after) + 1;
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
      return { recipients, lanes, oldestDueMs: this.#leases.oldestDueMs(Object.keys(lanes)) };
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
