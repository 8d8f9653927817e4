import { AbortedError, ClosedError, InvalidOptionsError } from "./errors.ts";
import { type RegistrationToken, tokenProblem } from "./message/token.ts";
import { failureOutcome, type RecipientOutcome, type SendReport } from "./outcome.ts";
import type { SendAllOptions, SendAllOutcome, SendAllProgress } from "./sender.ts";

interface BatchOptions extends SendAllOptions {
  readonly concurrency: number;
  readonly batchSize: number;
  sendBatch(tokens: readonly RegistrationToken[]): Promise<SendReport>;
}

/** Tokens that go out together, and where each stood in what the caller gave. */
interface Batch {
  readonly tokens: RegistrationToken[];
  readonly positions: number[];
  /** Outcomes that need no sending: malformed tokens. */
  readonly refused: SendAllOutcome[];
  readonly last: boolean;
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
  return run(tokens, options);
}

async function* run(
  tokens: Iterable<string> | AsyncIterable<string>,
  options: BatchOptions,
): AsyncGenerator<SendAllOutcome, void, undefined> {
  const { concurrency, signal, onProgress } = options;
  const source = createSource(tokens, options.batchSize);
  const progress = { settled: 0, accepted: 0, unregistered: 0, retryable: 0, ambiguous: 0, rejected: 0 };
  const settled: SendAllOutcome[][] = [];
  const underWay = new Set<Promise<void>>();
  let reading: Promise<void> | undefined;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let wake: () => void = () => {};

  const read = async (): Promise<void> => {
    try {
      const batch = await source.next();
      if (batch.last) ended = true;
      if (batch.refused.length > 0) settled.push(batch.refused);
      if (batch.tokens.length > 0) start(batch);
    } catch (error) {
      // the caller's own iterable failed: what is under way is still reported, then its error is passed on
      failure = { error };
      ended = true;
    } finally {
      reading = undefined;
      wake();
    }
  };
  const start = (batch: Batch): void => {
    const sending = send(batch, options.sendBatch).then((outcomes) => {
      settled.push(outcomes);
      underWay.delete(sending);
      wake();
    });
    underWay.add(sending);
  };

  const onAbort = (): void => wake();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      if (signal?.aborted) ended = true;
      if (!ended && reading === undefined && underWay.size + settled.length < concurrency) reading = read();
      const outcomes = settled.shift();
      if (outcomes !== undefined) {
        for (const { kind } of outcomes) progress[kind]++;
        progress.settled += outcomes.length;
        onProgress?.({ ...progress } satisfies SendAllProgress);
        yield* outcomes;
      } else if (underWay.size > 0 || (reading !== undefined && !signal?.aborted)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else if (ended) break;
    }
    if (failure !== undefined) throw failure.error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    // the loop over us may end early: what is under way settles, and the caller's iterable is told
    await Promise.all(underWay);
    if (!source.finished) await source.close(reading !== undefined);
  }
}

/** Settles whatever happens: a batch that could not start has outcomes too. */
async function send(batch: Batch, sendBatch: BatchOptions["sendBatch"]): Promise<SendAllOutcome[]> {
  let outcomes: readonly RecipientOutcome[];
  try {
    outcomes = (await sendBatch(batch.tokens)).outcomes;
  } catch (error) {
    const code = error instanceof AbortedError ? "aborted" : error instanceof ClosedError ? "closed" : "internal-error";
    const description = error instanceof Error ? error.message : undefined;
    outcomes = batch.tokens.map((recipient) =>
      failureOutcome(code, {
        recipient,
        attempts: 0,
        service: description === undefined ? undefined : { description },
      }),
    );
  }
  return outcomes.map((outcome, index) => ({ ...outcome, position: batch.positions[index] as number }));
}

/** Reads any kind of iterable in batches; awaits only where the iterable is async. */
function createSource(tokens: Iterable<string> | AsyncIterable<string>, batchSize: number) {
  const iterator =
    Symbol.asyncIterator in tokens ? tokens[Symbol.asyncIterator]() : (tokens as Iterable<string>)[Symbol.iterator]();
  let position = 0;
  let finished = false;
  return {
    get finished() {
      return finished;
    },
    async next(): Promise<Batch> {
      const batch = { tokens: [] as RegistrationToken[], positions: [] as number[], refused: [] as SendAllOutcome[] };
      while (!finished && batch.tokens.length + batch.refused.length < batchSize) {
        const step = iterator.next();
        const { done, value } = step instanceof Promise ? await step : step;
        if (done) {
          finished = true;
          break;
        }
        const problem = tokenProblem(value);
        if (problem === undefined) {
          batch.tokens.push(value as RegistrationToken);
          batch.positions.push(position);
        } else {
          const refused = failureOutcome("invalid-argument", {
            recipient: String(value),
            attempts: 0,
            detail: `The token ${problem}`,
          });
          batch.refused.push({ ...refused, position });
        }
        position++;
      }
      return { ...batch, last: finished };
    },
    /** @param stuck It has not answered the last request for a token: it is told to end and not waited for. */
    async close(stuck: boolean): Promise<void> {
      finished = true;
      const closing = Promise.resolve(iterator.return?.());
      if (stuck) closing.catch(() => undefined);
      else await closing;
    },
  };
}
