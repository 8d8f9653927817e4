import { OutboxFullError } from "../errors.ts";
import { type Clock, elapsedMs } from "../time/clock.ts";
import { LONG_AGO, type MonotonicInstant } from "../time/monotonic.ts";
import { nextTurn } from "../time/next-turn.ts";
import type { NewSubmission, OutboxEngine, Submitted } from "./engine.ts";

/** Most submissions of one call of the engine. */
const MAX_BATCH = 500;
/** Age at which the count of the backlog is read anew. Unit: milliseconds. */
const BACKLOG_AGE_MS = 1_000;

interface Waiting {
  readonly submission: NewSubmission;
  readonly resolve: (submitted: Submitted) => void;
  readonly reject: (error: unknown) => void;
}

/** Stores submissions, those of concurrent calls in one call of the engine, and keeps the backlog within its limit. */
export class Submitter<Client> {
  readonly #engine: OutboxEngine<Client>;
  readonly #clock: Clock;
  readonly #maxBacklog: number;
  #queue: Waiting[] = [];
  #flushing = false;
  #backlog = { recipients: 0, readAt: LONG_AGO as MonotonicInstant };
  #counting = false;

  constructor(engine: OutboxEngine<Client>, clock: Clock, maxBacklog: number) {
    this.#engine = engine;
    this.#clock = clock;
    this.#maxBacklog = maxBacklog;
  }

  /** Stores a submission. A transaction of the caller's takes no other's with it. */
  async submit(submission: NewSubmission, client: Client | undefined): Promise<Submitted> {
    if (client === undefined) {
      return new Promise((resolve, reject) => {
        this.#queue.push({ submission, resolve, reject });
        if (this.#flushing) return;
        this.#flushing = true;
        nextTurn(() => void this.#flush());
      });
    }
    const [submitted] = await this.#engine.submit([submission], client);
    return submitted as Submitted;
  }

  async #flush(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH);
      try {
        const submitted = await this.#engine.submit(batch.map(({ submission }) => submission));
        for (const [index, { resolve }] of batch.entries()) resolve(submitted[index] as Submitted);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#flushing = false;
  }

  /**
   * Counts recipients that are going to be stored. Does not wait for the engine's count in a transaction of the caller's, which may have the last
   * connection of the pool that the count needs: the one before decides.
   *
   * @throws {OutboxFullError} they would pass the limit.
   */
  async reserve(recipients: number, client: Client | undefined): Promise<void> {
    if (this.#maxBacklog === Number.POSITIVE_INFINITY) return;
    const fits = (): boolean => this.#backlog.recipients + recipients <= this.#maxBacklog;
    const isOld = elapsedMs(this.#clock, this.#backlog.readAt) > BACKLOG_AGE_MS;
    if (isOld || !fits()) {
      if (client === undefined) await this.#count();
      else if (!this.#counting) this.#countLater();
    }
    if (!fits()) throw new OutboxFullError(this.#maxBacklog);
    this.#backlog = { ...this.#backlog, recipients: this.#backlog.recipients + recipients };
  }

  async #count(): Promise<void> {
    const readAt = this.#clock.monotonic();
    const { recipients } = await this.#engine.backlog();
    this.#backlog = { recipients, readAt };
  }

  /** Counts for the calls after this one. A failure is told by the call that stores. */
  #countLater(): void {
    this.#counting = true;
    const end = (): void => {
      this.#counting = false;
    };
    this.#count().then(end, end);
  }
}
