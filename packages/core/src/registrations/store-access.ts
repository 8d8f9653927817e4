import { AbortedError, ClosedError, RegistrationStoreError } from "../errors.ts";
import { describeType, type RegistrationToken, tokenProblem } from "../message/token.ts";
import { onAbort } from "../time/abort.ts";
import { type CancelTimer, type Clock, wait } from "../time/clock.ts";
import { isPromiseLike, type MaybePromise } from "./maybe-promise.ts";
import type { Registration } from "./registration.ts";
import type { RegistrationStore, Resolution } from "./registration-store.ts";

const STORE_METHODS = [
  "register",
  "unregister",
  "touch",
  "registrationsOf",
  "resolve",
  "apply",
  "registrations",
  "users",
  "counts",
  "removeUnseen",
  "changes",
] as const satisfies readonly (keyof RegistrationStore)[];

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
export function resolvedProblem(given: readonly RegistrationToken[]): (resolution: Resolution) => string | undefined {
  return (resolution) => {
    const { tokens, states } = (resolution ?? {}) as Partial<Record<keyof Resolution, unknown>>;
    // put into words for a mistake only: every send comes by here
    const due = (): string => `one for each of the ${given.length} tokens given is due`;
    if (!Array.isArray(tokens) || !Array.isArray(states)) {
      return `resolve() answered with ${describeType(resolution)} and not with the arrays tokens and states: ${due()}`;
    }
    if (tokens.length !== given.length) return `resolve() answered with ${tokens.length} tokens, and ${due()}`;
    if (states.length !== given.length) return `resolve() answered with ${states.length} states, and ${due()}`;
    for (let position = 0; position < given.length; position++) {
      const token: unknown = tokens[position];
      const problem = token === given[position] ? undefined : tokenProblem(token);
      if (problem !== undefined) return `entry ${position} of the tokens that resolve() answered ${problem}`;
      const state = states[position] as { revision?: unknown } | null | undefined;
      if (state?.revision === undefined)
        return `entry ${position} of the states that resolve() answered has no revision`;
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
    const { token, revision } = (registration ?? {}) as { token?: unknown; revision?: unknown };
    const problem = tokenProblem(token);
    if (problem !== undefined) return `the token of entry ${position} of what registrationsOf() answered ${problem}`;
    if (revision === undefined) return `entry ${position} of what registrationsOf() answered has no revision`;
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
