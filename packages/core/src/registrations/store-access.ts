import { AbortedError, ClosedError, RegistrationStoreError } from "../errors.ts";
import { describeType, type RegistrationToken, tokenProblem } from "../message/token.ts";
import { onAbort } from "../time/abort.ts";
import { type CancelTimer, type Clock, wait } from "../time/clock.ts";
import { isPromiseLike, type MaybePromise, type Registration } from "./registration-store.ts";

const STORE_METHODS = ["register", "registrationsOf", "resolve", "replace", "remove", "suspect"] as const;

/** Names what keeps a value from being a registration store; `undefined` for a store. */
export function storeProblem(store: unknown): string | undefined {
  const given = (store ?? {}) as Partial<Record<(typeof STORE_METHODS)[number], unknown>>;
  const missing = STORE_METHODS.filter((name) => typeof given[name] !== "function");
  return missing.length === 0 ? undefined : `must be a registration store; ${missing.join(", ")} missing`;
}

/** Longest time that a store may take for a report. Unit: milliseconds. */
export const STORE_TIMEOUT_MS = 30_000;

/** Limits of the wait for a store that has to be asked before anything is sent. */
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
 * @param problemOf Names what keeps an answer from being used; `undefined` for one that can be.
 * @param limits Made only where the store makes us wait.
 * @throws {RegistrationStoreError} the store failed, gave an answer that cannot be used, or did not answer in time.
 * @throws {AbortedError} the caller's signal aborted first.
 * @throws {ClosedError} the sender was closed first.
 */
export function askStore<T>(
  ask: () => MaybePromise<T>,
  problemOf: (answer: T) => string | undefined,
  limits: () => StoreWait,
): MaybePromise<T> {
  let answer: MaybePromise<T>;
  try {
    answer = ask();
  } catch (cause) {
    throw new RegistrationStoreError(cause);
  }
  if (isPromiseLike(answer)) return awaitAnswer(answer as PromiseLike<T>, problemOf, limits());
  assertUsable(answer, problemOf);
  return answer;
}

function assertUsable<T>(answer: T, problemOf: (answer: T) => string | undefined): void {
  const problem = problemOf(answer);
  if (problem !== undefined) throw new RegistrationStoreError(undefined, problem);
}

/** The problem of what `resolve()` answered. */
export function resolvedProblem(
  given: readonly RegistrationToken[],
): (resolved: readonly RegistrationToken[]) => string | undefined {
  return (resolved) => {
    if (resolved === given) return undefined;
    const due = `an array with one token for each of the ${given.length} given is due`;
    if (!Array.isArray(resolved)) return `resolve() answered with ${describeType(resolved)}, and ${due}`;
    if (resolved.length !== given.length) return `resolve() answered with ${resolved.length} tokens, and ${due}`;
    for (const [position, token] of (resolved as unknown[]).entries()) {
      const problem = token === given[position] ? undefined : tokenProblem(token);
      if (problem !== undefined) return `entry ${position} of what resolve() answered ${problem}`;
    }
    return undefined;
  };
}

/** The problem of what `registrationsOf()` answered. */
export function registrationsProblem(found: readonly Registration[]): string | undefined {
  if (!Array.isArray(found)) {
    return `registrationsOf() answered with ${describeType(found)}, and an array of registrations is due`;
  }
  for (const [position, registration] of (found as unknown[]).entries()) {
    const problem = tokenProblem((registration as { token?: unknown } | null | undefined)?.token);
    if (problem !== undefined) return `the token of entry ${position} of what registrationsOf() answered ${problem}`;
  }
  return undefined;
}

function awaitAnswer<T>(
  answer: PromiseLike<T>,
  problemOf: (answer: T) => string | undefined,
  { clock, withinMs, signal, closing }: StoreWait,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    let cancel: CancelTimer | undefined;
    const forget: (() => void)[] = [];
    const stop = (): void => {
      over = true;
      cancel?.();
      for (const each of forget) each();
    };
    const fail = (error: unknown): void => {
      stop();
      reject(error);
    };
    forget.push(onAbort(signal, () => fail(new AbortedError("The send", signal?.reason))));
    forget.push(onAbort(closing, () => fail(new ClosedError("The sender"))));
    if (over) stop();
    else if (withinMs !== Number.POSITIVE_INFINITY) {
      cancel = clock.schedule(withinMs, () => fail(new RegistrationStoreError(new Error("no answer in time"))));
    }
    // a thenable of the store's own may throw
    Promise.resolve(answer).then(
      (value) => {
        try {
          assertUsable(value, problemOf);
          stop();
          resolve(value);
        } catch (error) {
          fail(error);
        }
      },
      (cause: unknown) => fail(new RegistrationStoreError(cause)),
    );
  });
}

/**
 * Waits until the store has taken a report, within limits: what the service said must not be lost with a store that hangs.
 *
 * @param withinMs Unit: milliseconds. No wait is longer than 30 s.
 * @param giveUp Aborts when a sender that is being closed waits no longer.
 * @throws what the store failed with, or an Error when it took too long.
 */
export async function awaitTold(
  told: PromiseLike<void>,
  clock: Clock,
  withinMs: number,
  giveUp: AbortSignal,
): Promise<void> {
  const limitMs = Math.max(0, Math.min(withinMs, STORE_TIMEOUT_MS));
  const done = new AbortController();
  const forget = onAbort(giveUp, () => done.abort());
  let taken = false;
  const late = wait(clock, limitMs, done.signal).then((passed) => {
    if (taken) return;
    throw new Error(
      passed
        ? `The registration store did not take the report within ${Math.round(limitMs)} ms`
        : "The registration store did not take the report before the sender was closed",
    );
  });
  try {
    await Promise.race([told, late]);
  } finally {
    taken = true;
    forget();
    done.abort();
    // settled one way or the other, and heard by nobody
    late.catch(() => undefined);
  }
}
