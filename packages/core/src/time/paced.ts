import { AbortedError } from "../errors.ts";
import { type Clock, elapsedMs, wait } from "./clock.ts";

/** Rate of a paced iteration. */
export interface PacedOptions {
  /** Items per second. Above 0. */
  readonly perSec: number;
  readonly clock: Clock;
  /** Ends the iteration with `AbortedError`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Gives at most so many items a second, evenly over tenths of a second.
 *
 * @throws {AbortedError} the signal aborted during a wait.
 */
export async function* paced<T>(
  source: AsyncIterable<T> | Iterable<T>,
  { perSec, clock, signal }: PacedOptions,
): AsyncGenerator<T, void, undefined> {
  const startedAt = clock.monotonic();
  let given = 0;
  for await (const item of source) {
    const earlyMs = (given * 1_000) / perSec - elapsedMs(clock, startedAt);
    if (earlyMs >= 100 && !(await wait(clock, earlyMs, signal))) {
      throw new AbortedError("The sweep", signal?.reason, "it was through");
    }
    given++;
    yield item;
  }
}
