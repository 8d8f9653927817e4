import { onAbort } from "./abort.ts";
import { type CancelTimer, type Clock, wait } from "./clock.ts";
import { AbortedError, ClosedError, RegistrationStoreError } from "./errors.ts";
import { isPromiseLike, type MaybePromise } from "./registration-store.ts";

/** A store that has not taken a report by then is not waited for any longer. Unit: milliseconds. */
export const STORE_TIMEOUT_MS = 30_000;

/** What ends the wait for a store that has to be asked before anything is sent. */
export interface StoreWait {
  readonly clock: Clock;
  /** Unit: milliseconds; `Infinity` for no limit. */
  readonly withinMs: number;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Aborts when the sender is closed. */
  readonly closing: AbortSignal;
}

/**
 * Asks the store something that has to be known before sending. One that cannot be asked stops the send: sending to superseded tokens
 * instead would be a guess.
 *
 * @param limits Made only where the store makes us wait.
 * @throws {RegistrationStoreError} the store failed, or did not answer in time.
 * @throws {AbortedError} the caller's signal aborted first.
 * @throws {ClosedError} the sender was closed first.
 */
export function askStore<T>(ask: () => MaybePromise<T>, limits: () => StoreWait): MaybePromise<T> {
  let answer: MaybePromise<T>;
  try {
    answer = ask();
  } catch (cause) {
    throw new RegistrationStoreError(cause);
  }
  return isPromiseLike(answer) ? awaitAnswer(answer as PromiseLike<T>, limits()) : answer;
}

function awaitAnswer<T>(answer: PromiseLike<T>, { clock, withinMs, signal, closing }: StoreWait): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    let cancel: CancelTimer | undefined;
    const forget: (() => void)[] = [];
    const stop = (): void => {
      over = true;
      cancel?.();
      for (const each of forget) each();
    };
    const fail = (error: Error): void => {
      stop();
      reject(error);
    };
    forget.push(onAbort(signal, () => fail(new AbortedError("The send", signal?.reason))));
    forget.push(onAbort(closing, () => fail(new ClosedError("The sender"))));
    if (over) stop();
    else if (withinMs !== Number.POSITIVE_INFINITY) {
      cancel = clock.schedule(withinMs, () => fail(new RegistrationStoreError(new Error("no answer in time"))));
    }
    answer.then(
      (value) => {
        stop();
        resolve(value);
      },
      (cause: unknown) => fail(new RegistrationStoreError(cause)),
    );
  });
}

/**
 * Waits until the store has taken a report, but not for ever: what the service said must not be lost with a store that hangs.
 *
 * @throws what the store failed with, or an Error when it took too long.
 */
export async function awaitTold(told: PromiseLike<void>, clock: Clock): Promise<void> {
  const done = new AbortController();
  const late = wait(clock, STORE_TIMEOUT_MS, done.signal).then((passed) => {
    if (passed) throw new Error(`The registration store did not take the report within ${STORE_TIMEOUT_MS} ms`);
  });
  try {
    await Promise.race([told, late]);
  } finally {
    done.abort();
  }
}
