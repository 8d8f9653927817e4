import type {
  ChunkUpdate,
  ClaimedChunk,
  LeaseRef,
  NewChunk,
  NewSubmission,
  OutboxEngine,
  Submission,
} from "@cloud-messaging/core/transport";
import { expect } from "vitest";
import {
  bytes,
  type ChunkPlan,
  type Command,
  LANES,
  S,
  type SubmissionPlan,
  type WritePlan,
} from "./outbox-engine.commands.ts";
import { type ModelSubmission, OutboxModel, pendingOf, textOf } from "./outbox-engine.model.ts";

/** An engine under test: a storage that is empty at first. */
export interface EngineUnderTest {
  /** Opens the storage, as another process would. */
  open(): Promise<OutboxEngine>;
  /** Lets time pass on the engine's clock. Multiples of ten seconds; a few milliseconds more do no harm. */
  pass(ms: number): Promise<void>;
  /** Removes the storage, after every engine was closed. */
  end(): Promise<void>;
}

/** A run of commands on an engine and on the model, compared after each. */
export class Run {
  readonly #under: EngineUnderTest;
  readonly #model = new OutboxModel();
  #engine: OutboxEngine;
  /** Claims of this run, the latest of each chunk or not. */
  readonly #claims: (LeaseRef & { readonly pending: number; revision: number; settled: number })[] = [];
  readonly #ids: string[] = [];
  #now: number;
  #count = 0;
  /** Cursor and results of a reader that reads along. */
  #cursor: string | undefined;
  readonly #read: string[] = [];
  readonly #written: string[] = [];

  constructor(under: EngineUnderTest, engine: OutboxEngine, now: number) {
    this.#under = under;
    this.#engine = engine;
    this.#now = now;
  }

  async play(list: readonly Command[]): Promise<void> {
    for (const command of list) {
      await this.#do(command);
      await this.#compare();
    }
    await this.#compareResults();
    await this.#engine.close();
  }

  async #do(command: Command): Promise<void> {
    switch (command.do) {
      case "submit": {
        const list = command.of.map((plan) => this.#submission(plan));
        expect(await this.#engine.submit(list)).toEqual(this.#model.submit(list, this.#now));
        return;
      }
      case "append": {
        const submission = this.#pick(command.which);
        const chunks = command.chunks.map((plan) => this.#chunk(plan));
        const after = Math.max(0, (submission?.chunks.length ?? 0) + command.off);
        const addition = { submission: submission?.id ?? "none", after, chunks, seal: command.seal };
        const { stored, submission: record } = await this.#engine.append(addition);
        const fits = this.#model.append(addition, this.#now);
        expect(stored).toBe(fits ?? false);
        expect(record?.id).toBe(submission?.id);
        if (submission !== undefined) this.#same(record, submission);
        return;
      }
      case "claim":
        return this.#claim(command.lanes, command.limit, command.leaseS * S);
      case "sweep": {
        const id = this.#pick(command.which)?.id ?? "none";
        const free = this.#model.sweepable(id, this.#now);
        const { chunks } = await this.#engine.claim({
          lanes: [],
          limit: command.limit,
          leaseMs: 10 * S,
          submission: id,
        });
        expect(chunks).toHaveLength(Math.min(command.limit, free.length));
        for (const chunk of chunks) expect(free).toContain(chunk.chunk);
        this.#lease(chunks, 10 * S);
        return;
      }
      case "write": {
        const updates = command.of.flatMap((plan) => this.#update(plan));
        expect(await this.#engine.write(updates)).toEqual(this.#model.write(updates, this.#now));
        return;
      }
      case "renew": {
        const leases = command.which.flatMap((which) => this.#claimAt(which) ?? []);
        const refs = [...new Set(leases)];
        expect(await this.#engine.renew(refs, command.leaseS * S)).toEqual(
          this.#model.renew(refs, command.leaseS * S, this.#now),
        );
        return;
      }
      case "control": {
        const submission = this.#pick(command.which);
        const record = await this.#engine.control(submission?.id ?? "none", command.change);
        if (submission === undefined) expect(record).toBeUndefined();
        else {
          this.#model.control(submission.id, command.change, this.#now);
          this.#same(record, submission);
        }
        return;
      }
      case "pass":
        await this.#under.pass(command.s * S);
        this.#now += command.s * S;
        return;
      case "crash":
        // what another process finds is what was stored; leases are what they were
        await this.#engine.close();
        this.#engine = await this.#under.open();
        return;
      case "prune": {
        await this.#compareResults();
        const removed = this.#model.prune(command.s * S, this.#now);
        expect(await this.#engine.prune(command.s * S, 100)).toBe(removed.length);
        for (const id of removed) expect(await this.#engine.find({ id })).toBeUndefined();
        return;
      }
    }
  }

  async #claim(lanes: readonly string[], limit: number, leaseMs: number): Promise<void> {
    const { chunks } = await this.#engine.claim({ lanes, limit, leaseMs });
    // chunk by chunk: a pace may hold a submission back after the first
    const taken = new Set<string>();
    let lane = 0;
    for (const claimed of chunks) {
      const nameOf = (id: string, chunk: number): string => `${id}/${chunk}`;
      for (; lane < lanes.length; lane++) {
        const free = this.#model
          .claimable(lanes[lane] as string, this.#now)
          .map(({ submission, chunk }) => nameOf(submission.id, chunk));
        if (free.includes(nameOf(claimed.submission.id, claimed.chunk))) break;
        // a later lane is asked only when the earlier ones have nothing
        expect(free).toEqual([]);
      }
      expect(lane).toBeLessThan(lanes.length);
      expect(taken).not.toContain(nameOf(claimed.submission.id, claimed.chunk));
      taken.add(nameOf(claimed.submission.id, claimed.chunk));
      this.#lease([claimed], leaseMs);
    }
    if (chunks.length < limit) {
      for (const name of lanes) expect(this.#model.claimable(name, this.#now)).toEqual([]);
    }
    expect(chunks.length).toBeLessThanOrEqual(limit);
  }

  #lease(chunks: readonly ClaimedChunk[], leaseMs: number): void {
    for (const claimed of chunks) {
      const submission = this.#model.submissions.get(claimed.submission.id) as ModelSubmission;
      const held = submission.chunks[claimed.chunk];
      expect({ ...claimed, state: textOf(claimed.state), recipients: textOf(claimed.recipients) }).toMatchObject({
        size: held?.size,
        pending: held?.pending,
        state: held?.state,
        recipients: held?.recipients,
      });
      expect(textOf(claimed.submission.body)).toBe(submission.body);
      expect(this.#claims.every(({ lease }) => lease !== claimed.lease)).toBe(true);
      const spreadMs = this.#model.lease(claimed, leaseMs, this.#now);
      if (spreadMs === undefined) expect(claimed.spreadMs).toBeUndefined();
      else expect(claimed.spreadMs).toBeCloseTo(spreadMs, 3);
      const { chunk, lease, pending } = claimed;
      this.#claims.push({ submission: submission.id, chunk, lease, pending, revision: 0, settled: 0 });
    }
  }

  /** Latest claims first: those are live most often. */
  #claimAt(which: number) {
    return this.#claims.at(-1 - which);
  }

  #update({ which, settle, failed, end }: WritePlan): ChunkUpdate[] {
    const claim = this.#claimAt(which);
    if (claim === undefined) return [];
    const { submission, chunk, lease } = claim;
    const settled = end === "repeat" ? 0 : Math.min(settle, claim.pending - claim.settled);
    if (end !== "repeat" || claim.revision === 0) claim.revision++;
    claim.settled += settled;
    const count = this.#count++;
    const name = failed ? "rejected:invalid-argument" : "accepted";
    return [
      {
        submission,
        chunk,
        lease,
        revision: claim.revision,
        state: bytes(`state ${count}`),
        pending: claim.pending - claim.settled,
        result:
          settled === 0
            ? undefined
            : { body: bytes(`result ${count}`), counts: { [name]: settled }, failed: failed ? settled : 0 },
        releaseAfterMs: end === "release" ? 0 : end === "later" ? 20 * S : undefined,
      },
    ];
  }

  #submission({ again, key, lane, inS, perMinute, chunks, sealed }: SubmissionPlan): NewSubmission {
    const old = again ? this.#ids.at(-1) : undefined;
    const id = old ?? `id-${this.#ids.length}`;
    if (old === undefined) this.#ids.push(id);
    return {
      id,
      key: key < 3 ? `key ${key} ü` : undefined,
      lane,
      body: bytes(`body ${id}`),
      sendAt: inS === 0 ? undefined : this.#now + inS * S,
      pace: perMinute === 0 ? undefined : { perMinute, rampMs: 0 },
      chunks: chunks.map((plan) => this.#chunk(plan)),
      sealed,
    };
  }

  #chunk({ size, refused }: ChunkPlan): NewChunk {
    const count = this.#count++;
    const recipients = bytes(`recipients ${count}`);
    if (refused === 0) return { recipients, size, pending: size };
    const result = { body: bytes(`refused ${count}`), counts: { "rejected:invalid-argument": 1 }, failed: 1 };
    return { recipients, size, pending: size - 1, result, state: bytes(`state ${count}`) };
  }

  #pick(which: number): ModelSubmission | undefined {
    return [...this.#model.submissions.values()].at(-1 - which);
  }

  #same(record: Submission | undefined, submission: ModelSubmission): void {
    const { id, key, lane, body, state, sealed, pace, sendAt, counts, chunks, finishedAt } = submission;
    expect(record).toMatchObject({ id, lane, state, sealed });
    expect(textOf(record?.body ?? bytes(""))).toBe(body);
    expect(record?.key).toBe(key);
    expect(record?.pace).toEqual(pace);
    expect(record?.sendAt).toBe(sendAt);
    expect(record?.chunks).toBe(chunks.length);
    expect(record?.recipients).toBe(chunks.reduce((sum, { size }) => sum + size, 0));
    expect(record?.pending).toBe(pendingOf(submission));
    expect(record?.counts).toEqual(counts);
    expect(record?.finishedAt === undefined).toBe(finishedAt === undefined);
  }

  async #compare(): Promise<void> {
    const lanes: Record<string, number> = {};
    for (const submission of this.#model.submissions.values()) {
      this.#same(await this.#engine.find({ id: submission.id }), submission);
      if (submission.key !== undefined)
        expect((await this.#engine.find({ key: submission.key }))?.id).toBe(submission.id);
      lanes[submission.lane] = (lanes[submission.lane] ?? 0) + pendingOf(submission);
    }
    const backlog = await this.#engine.backlog();
    for (const lane of LANES) expect(backlog.lanes[lane] ?? 0).toBe(lanes[lane] ?? 0);
    expect(backlog.recipients).toBe(Object.values(lanes).reduce((sum, count) => sum + count, 0));
    if (backlog.oldestDueMs !== undefined) this.#sameAges(backlog.oldestDueMs);
    await this.#readAlong();
  }

  /** Ages by lane, all multiples of ten seconds; the engine's clock may be a few milliseconds further. */
  #sameAges(ages: Readonly<Record<string, number>>): void {
    for (const lane of LANES) {
      const expected = this.#model.oldestDueMs(lane, this.#now);
      const age = ages[lane];
      if (expected === undefined) expect(age, lane).toBeUndefined();
      else expect(Math.abs((age ?? Number.NaN) - expected), lane).toBeLessThan(S);
    }
  }

  /** A reader that goes on from its cursor sees each result once, in the order in which they were written. */
  async #readAlong(): Promise<void> {
    for (const { body } of this.#model.results) if (!this.#written.includes(body)) this.#written.push(body);
    for (;;) {
      const page = await this.#engine.results({ after: this.#cursor, limit: 2 });
      for (const { body, cursor } of page) {
        this.#read.push(textOf(body));
        this.#cursor = cursor;
      }
      if (page.length === 0) break;
    }
    expect([...this.#read].sort()).toEqual([...this.#written].sort());
  }

  async #compareResults(): Promise<void> {
    const plain = (list: readonly { submission: string; chunk: number; body: string; failed: number }[]) =>
      list.map(({ submission, chunk, body, failed }) => ({ submission, chunk, body, failed }));
    const read = async (query: { submission?: string; failedOnly?: boolean }) =>
      plain(
        (await this.#engine.results({ ...query, limit: 1_000 })).map((result) => ({
          ...result,
          body: textOf(result.body),
        })),
      );
    const { results } = this.#model;
    const byBody = (one: { body: string }, other: { body: string }): number => (one.body < other.body ? -1 : 1);
    expect((await read({})).sort(byBody)).toEqual(plain(results).sort(byBody));
    expect((await read({ failedOnly: true })).sort(byBody)).toEqual(
      plain(results.filter(({ failed }) => failed > 0)).sort(byBody),
    );
    for (const { id, chunks } of this.#model.submissions.values()) {
      const own = results.filter(({ submission }) => submission === id);
      expect(await read({ submission: id })).toEqual(plain(own));
      expect(await read({ submission: id, failedOnly: true })).toEqual(plain(own.filter(({ failed }) => failed > 0)));
      const stored = await this.#engine.chunks(id, 1, 10);
      expect(stored.map((chunk) => ({ ...chunk, recipients: textOf(chunk.recipients) }))).toEqual(
        chunks.slice(1).map(({ recipients, size }, at) => ({ chunk: at + 1, recipients, size })),
      );
    }
  }
}
