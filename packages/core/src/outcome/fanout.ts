import { callListener } from "../call-listener.ts";
import { AbortedError, ClosedError } from "../errors.ts";
import { RecentMap } from "../recent-map.ts";
import { isPromiseLike } from "../registrations/maybe-promise.ts";
import type { OutcomeListener } from "../sending/downstream-transport.ts";
import type { SendAllProgress } from "../sending/sender.ts";
import { onAbort } from "../time/abort.ts";
import type { CancelTimer, Clock } from "../time/clock.ts";
import { failureOutcome, type RecipientOutcome } from "./outcome.ts";

/** Longest time that a batch waits to fill, so that a slow source holds up nothing it has given. Unit: milliseconds. */
const MAX_STALL_MS = 100;

/** Something to send to one or more recipients, and where it stands in what the caller gave. */
export interface FanoutItem<Unit> {
  readonly unit: Unit;
  /** Names of its recipients, for the outcomes of what was never sent. */
  readonly recipients: readonly string[];
  /** The same for units that would be the same message to the same device: such a repeat is not sent, and gets the outcome of the first. */
  readonly key?: string;
}

/** Functions and limits of a fanout. */
export interface FanoutOptions<Unit, Told> {
  /** Name of the transport, for notices. */
  readonly transport: string;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Batches under way at once. */
  readonly concurrency: number;
  /** Units per batch. */
  readonly batchSize: number;
  readonly onProgress?: ((progress: SendAllProgress) => void) | undefined;
  /** Reads what the source gave: something to send, or the outcomes of what cannot be sent. */
  read(given: unknown, position: number): FanoutItem<Unit> | readonly RecipientOutcome[];
  /**
   * Sends a batch and resolves with one outcome per recipient.
   *
   * @param retryUntil Aborts with the caller's signal, and when nobody takes outcomes any more: attempts under way end, and no further
   * one begins.
   * @param tell Takes outcomes that are known before the others, by the recipient's place in the batch.
   */
  sendBatch(
    units: readonly Unit[],
    retryUntil: AbortSignal,
    tell: OutcomeListener,
  ): Promise<readonly RecipientOutcome[]>;
  /** Adds to an outcome where it belongs. @param index Place of the recipient within its unit. */
  place(outcome: RecipientOutcome, position: number, index: number): Told;
}

/** Units that a repeat is recognised among, at the least; twice as many at most are remembered, some 0.5 KB each. */
const REMEMBERED_UNITS = 10_000;
/** Repeats that wait for the outcome of the first at most. */
const MAX_WAITING_REPEATS = 10_000;

/** A unit with a key: its outcome, or the positions of the repeats that wait for it. */
interface Remembered {
  outcome: RecipientOutcome | undefined;
  waiting: number[];
}

interface Place {
  readonly position: number;
  readonly index: number;
  readonly recipient: string;
  readonly remembered: Remembered | undefined;
}

/**
 * Takes from a source as fast as outcomes are taken, and no faster: what is under way and what nobody has taken yet is bounded by
 * `concurrency` batches.
 */
export class Fanout<Unit, Told> {
  readonly #options: FanoutOptions<Unit, Told>;
  readonly #iterator: Iterator<unknown> | AsyncIterator<unknown>;
  /** Outcomes that nobody has taken yet. */
  #settled: { readonly outcome: RecipientOutcome; readonly told: Told }[] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #left = new AbortController();
  /** The batch that is being filled, and where each of its recipients stands. */
  #units: Unit[] = [];
  #places: Place[] = [];
  readonly #recent = new RecentMap<string, Remembered>(REMEMBERED_UNITS);
  #waitingRepeats = 0;
  #cancelStall: CancelTimer | undefined;
  #position = 0;
  #reading = false;
  /** The source has ended by itself or has failed: as in any loop, it is not told to end. */
  #over = false;
  /** The source has no more to give, has failed, or is not asked any more. */
  #exhausted = false;
  #stopped = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(source: Iterable<unknown> | AsyncIterable<unknown>, options: FanoutOptions<Unit, Told>) {
    this.#options = options;
    this.#iterator =
      Symbol.asyncIterator in source
        ? source[Symbol.asyncIterator]()
        : (source as Iterable<unknown>)[Symbol.iterator]();
  }

  async *run(): AsyncGenerator<Told, void, undefined> {
    const { transport, signal, onProgress } = this.#options;
    const progress = { settled: 0, accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
    const forget = onAbort(signal, () => {
      this.#left.abort();
      this.#end();
    });
    try {
      for (;;) {
        this.#read();
        if (this.#settled.length > 0) {
          const settled = this.#settled;
          this.#settled = [];
          for (const { outcome } of settled) progress[outcome.kind]++;
          progress.settled += settled.length;
          callListener(transport, "progress-listener-failed", onProgress, { ...progress });
          for (const { told } of settled) yield told;
        } else if (this.#underWay.size > 0 || !this.#exhausted) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        } else break;
      }
      if (this.#failure !== undefined) throw this.#failure.error;
    } finally {
      forget();
      this.#stopped = true;
      this.#left.abort();
      this.#cancelStall?.();
      // the loop over us may end early: what is under way settles, and the caller's iterable is told
      await Promise.all(this.#underWay);
      // as in any loop, the error that ended it goes before one of the source's own end
      if (this.#failure === undefined) await this.#closeSource();
      else await this.#closeSource().catch(() => undefined);
    }
  }

  get #hasRoom(): boolean {
    if (this.#waitingRepeats >= MAX_WAITING_REPEATS) return false;
    const { concurrency, batchSize } = this.#options;
    return this.#underWay.size + this.#settled.length / batchSize < concurrency;
  }

  /** Asks the source while there is room for another batch. */
  #read(): void {
    if (this.#reading || this.#exhausted || !this.#hasRoom) return;
    this.#reading = true;
    // settles whatever the source does
    void this.#readOn().finally(() => {
      this.#reading = false;
      this.#wake();
    });
  }

  async #readOn(): Promise<void> {
    try {
      while (!this.#exhausted && this.#hasRoom) {
        const step = this.#iterator.next();
        // awaited only where the source is async: a million awaits are not free
        const { done, value } = isPromiseLike(step) ? await (step as PromiseLike<IteratorResult<unknown>>) : step;
        if (this.#stopped) return;
        if (done) {
          this.#over = true;
          return this.#end();
        }
        this.#take(value);
        // asked for before the source was over, and given after it
        if (this.#exhausted) this.#flush();
      }
    } catch (error) {
      // the caller's own iterable failed: what it gave is sent and reported, then its error is passed on
      this.#over = true;
      this.#failure ??= { error };
      this.#end();
    }
  }

  #take(value: unknown): void {
    const position = this.#position++;
    let item: FanoutItem<Unit> | readonly RecipientOutcome[];
    try {
      item = this.#options.read(value, position);
    } catch (error) {
      // the caller's own function failed: likewise, but the source is still to be told
      this.#failure ??= { error };
      this.#end();
      return;
    }
    if (!("unit" in item)) {
      for (const [index, outcome] of item.entries()) this.#settle(outcome, position, index);
      this.#wake();
      return;
    }
    const known = item.key === undefined ? undefined : this.#recent.get(item.key);
    if (known !== undefined) {
      this.#repeat(known, position);
      return;
    }
    const remembered = item.key === undefined ? undefined : { outcome: undefined, waiting: [] };
    if (item.key !== undefined && remembered !== undefined) this.#recent.set(item.key, remembered);
    this.#units.push(item.unit);
    for (const [index, recipient] of item.recipients.entries()) {
      this.#places.push({ position, index, recipient, remembered });
    }
    if (this.#units.length >= this.#options.batchSize) this.#flush();
    else this.#cancelStall ??= this.#options.clock.schedule(MAX_STALL_MS, () => this.#flush());
  }

  /** A repeat of a unit that was sent, or will be: the position gets the same outcome. */
  #repeat(known: Remembered, position: number): void {
    if (known.outcome === undefined) {
      known.waiting.push(position);
      this.#waitingRepeats++;
      return;
    }
    this.#settle(known.outcome, position, 0);
    this.#wake();
  }

  #settlePlace(outcome: RecipientOutcome, { position, index, remembered }: Place): void {
    this.#settle(outcome, position, index);
    if (remembered === undefined) return;
    remembered.outcome = outcome;
    for (const repeat of remembered.waiting) this.#settle(outcome, repeat, 0);
    this.#waitingRepeats -= remembered.waiting.length;
    remembered.waiting = [];
  }

  #settle(outcome: RecipientOutcome, position: number, index: number): void {
    this.#settled.push({ outcome, told: this.#options.place(outcome, position, index) });
  }

  /** Nothing more is asked of the source; what it has given goes out. */
  #end(): void {
    this.#exhausted = true;
    this.#flush();
    this.#wake();
  }

  #flush(): void {
    this.#cancelStall?.();
    this.#cancelStall = undefined;
    if (this.#units.length === 0 || this.#stopped) return;
    const units = this.#units;
    const places = this.#places;
    this.#units = [];
    this.#places = [];
    const told = new Set<number>();
    const settle = (at: number, outcome: RecipientOutcome | undefined): void => {
      const place = places[at];
      if (place === undefined || outcome === undefined || told.has(at)) return;
      told.add(at);
      this.#settlePlace(outcome, place);
    };
    const tell: OutcomeListener = (at, outcome) => {
      settle(at, outcome);
      this.#wake();
    };
    const sending = this.#send(units, places, tell).then((outcomes) => {
      this.#underWay.delete(sending);
      for (let at = 0; at < places.length; at++) settle(at, outcomes[at]);
      this.#wake();
    });
    this.#underWay.add(sending);
  }

  /** Settles whatever happens: a batch that could not start has outcomes too. */
  async #send(
    units: readonly Unit[],
    places: readonly Place[],
    tell: OutcomeListener,
  ): Promise<readonly RecipientOutcome[]> {
    try {
      return await this.#options.sendBatch(units, this.#left.signal, tell);
    } catch (error) {
      const code = error instanceof AbortedError ? "aborted" : error instanceof ClosedError ? "closed" : "not-sent";
      if (code === "not-sent") this.#failure ??= { error };
      // what was taken since, and waits for its batch to fill, has an outcome too
      if (code !== "aborted") this.#end();
      const retryAt = Math.round(this.#options.clock.now());
      return places.map(({ recipient }) => ({ ...failureOutcome(code, { recipient, attempts: 0 }), retryAt }));
    }
  }

  async #closeSource(): Promise<void> {
    if (this.#over) return;
    const closing = Promise.resolve(this.#iterator.return?.());
    // a source that has not answered the last request is told to end, and not waited for
    if (this.#reading) closing.catch(() => undefined);
    else await closing;
  }
}
