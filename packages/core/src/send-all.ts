import { onAbort } from "./abort.ts";
import type { CancelTimer, Clock } from "./clock.ts";
import { AbortedError, ClosedError, InvalidOptionsError } from "./errors.ts";
import { describeType, type RegistrationToken, tokenProblem } from "./message/token.ts";
import { failureOutcome, type RecipientOutcome, type SendReport } from "./outcome.ts";
import { isPromiseLike } from "./registration-store.ts";
import type { SendAllOptions, SendAllOutcome, SendAllProgress } from "./sender.ts";

/** A batch that does not fill goes out after so long, so that a slow source of tokens holds up no token it has given. Unit: milliseconds. */
const MAX_STALL_MS = 100;

interface BatchOptions extends SendAllOptions {
  readonly clock: Clock;
  readonly concurrency: number;
  readonly batchSize: number;
  /** @param retryUntil Aborts with the caller's signal, and when nobody takes outcomes any more: attempts under way end, and no further one begins. */
  sendBatch(tokens: readonly RegistrationToken[], retryUntil: AbortSignal): Promise<SendReport>;
}

/**
 * Takes tokens as fast as outcomes are taken, and no faster: at most `concurrency` batches are under way or waiting to be yielded.
 *
 * @throws {InvalidOptionsError} at once, when a number is out of range.
 */
export function sendInBatches(
  tokens: Iterable<string> | AsyncIterable<string>,
  options: BatchOptions,
): AsyncGenerator<SendAllOutcome, void, undefined> {
  const problems = [];
  for (const name of ["concurrency", "batchSize"] as const) {
    if (!Number.isInteger(options[name]) || options[name] < 1) {
      problems.push({ path: name, problem: `must be a whole number of at least 1, not ${options[name]}` });
    }
  }
  if (typeof tokens === "string" || !(Symbol.iterator in Object(tokens) || Symbol.asyncIterator in Object(tokens))) {
    problems.push({ path: "tokens", problem: "must be an array, an iterable or an async iterable of tokens" });
  }
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return new Fanout(tokens, options).run();
}

/** One `sendAll` under way. */
class Fanout {
  readonly #options: BatchOptions;
  readonly #iterator: Iterator<string> | AsyncIterator<string>;
  /** Outcomes that nobody has taken yet, a batch at a time. */
  readonly #settled: SendAllOutcome[][] = [];
  readonly #underWay = new Set<Promise<void>>();
  readonly #left = new AbortController();
  /** The batch that is being filled: tokens, and where each stands in what the caller gave. */
  #tokens: RegistrationToken[] = [];
  #positions: number[] = [];
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

  constructor(tokens: Iterable<string> | AsyncIterable<string>, options: BatchOptions) {
    this.#options = options;
    this.#iterator =
      Symbol.asyncIterator in tokens ? tokens[Symbol.asyncIterator]() : (tokens as Iterable<string>)[Symbol.iterator]();
  }

  async *run(): AsyncGenerator<SendAllOutcome, void, undefined> {
    const { signal, onProgress } = this.#options;
    const progress = { settled: 0, accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
    const forget = onAbort(signal, () => {
      this.#left.abort();
      this.#end();
    });
    try {
      for (;;) {
        this.#read();
        const outcomes = this.#settled.shift();
        if (outcomes !== undefined) {
          for (const { kind } of outcomes) progress[kind]++;
          progress.settled += outcomes.length;
          onProgress?.({ ...progress } satisfies SendAllProgress);
          yield* outcomes;
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
      await this.#closeSource();
    }
  }

  get #hasRoom(): boolean {
    return this.#underWay.size + this.#settled.length < this.#options.concurrency;
  }

  /** Asks the source for tokens while there is room for another batch. */
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
        const { done, value } = isPromiseLike(step) ? await (step as PromiseLike<IteratorResult<string>>) : step;
        if (this.#stopped) return;
        if (done) {
          this.#over = true;
          return this.#end();
        }
        this.#take(value);
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
    const problem = tokenProblem(value);
    if (problem !== undefined) {
      const recipient = typeof value === "string" ? value : describeType(value);
      const refused = failureOutcome("invalid-argument", { recipient, attempts: 0, detail: `The token ${problem}` });
      this.#settled.push([{ ...refused, position }]);
      this.#wake();
      return;
    }
    this.#tokens.push(value as RegistrationToken);
    this.#positions.push(position);
    if (this.#tokens.length >= this.#options.batchSize) this.#flush();
    else this.#cancelStall ??= this.#options.clock.schedule(MAX_STALL_MS, () => this.#flush());
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
    if (this.#tokens.length === 0 || this.#stopped) return;
    const tokens = this.#tokens;
    const positions = this.#positions;
    this.#tokens = [];
    this.#positions = [];
    const sending = this.#send(tokens).then((outcomes) => {
      this.#settled.push(outcomes.map((outcome, index) => ({ ...outcome, position: positions[index] as number })));
      this.#underWay.delete(sending);
      this.#wake();
    });
    this.#underWay.add(sending);
  }

  /** Settles whatever happens: a batch that could not start has outcomes too. */
  async #send(tokens: readonly RegistrationToken[]): Promise<readonly RecipientOutcome[]> {
    try {
      return (await this.#options.sendBatch(tokens, this.#left.signal)).outcomes;
    } catch (error) {
      const code = error instanceof AbortedError ? "aborted" : error instanceof ClosedError ? "closed" : "not-sent";
      if (code === "not-sent") this.#failure ??= { error };
      if (code !== "aborted") this.#exhausted = true;
      return tokens.map((recipient) => failureOutcome(code, { recipient, attempts: 0 }));
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
