import { type Clock, CloudMessagingError, InvalidOptionsError } from "@cloud-messaging/core";
import { type CancelTimer, callListener, requireOptions, systemClock } from "@cloud-messaging/core/transport";
import type { Decision, IncomingMessage, Login, MaybePromise, MessagingService, Refusal, Sender } from "./service.ts";

/** Limits of the calls to a service, and the receiver of its failures. */
export interface CallOptions {
  /** Time limit of a decision. Unit: milliseconds; `Infinity`: none. @defaultValue 60000 */
  readonly decisionTimeoutMs?: number;
  /** Called once for each failure of the service: an error it threw, an answer of the wrong form, or a {@link DecisionTimeoutError}. */
  readonly onServiceFailure?: (error: unknown) => void;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock;
}

/** Options shared by all connection servers. */
export interface ServerOptions extends CallOptions {
  readonly service: MessagingService;
}

/** The service has not answered in time. */
export class DecisionTimeoutError extends CloudMessagingError<"ERR_DECISION_TIMEOUT"> {
  override readonly name = "DecisionTimeoutError";

  constructor(call: string, timeoutMs: number) {
    super("ERR_DECISION_TIMEOUT", `The service has not answered ${call}() within ${timeoutMs} ms`);
  }
}

const DEFAULT_TIMEOUT_MS = 60_000;
const FAILED: Refusal = { kind: "refused", code: "internal-error", detail: "Internal server error" };

/** One call of a service: its name, the call itself, and the check of its answer. */
interface Call<T> {
  readonly name: string;
  readonly run: () => MaybePromise<T>;
  readonly isAnswer: (value: T) => boolean;
}

/** Calls something that may throw, answer late, or never: the outcome comes exactly once, unless the call is cancelled. */
export function createCaller({
  decisionTimeoutMs = DEFAULT_TIMEOUT_MS,
  onServiceFailure,
  clock = systemClock,
}: CallOptions) {
  const report = (error: unknown): void =>
    callListener("connection-server", "failure-listener-failed", onServiceFailure, error);
  /**
   * Makes a call. `done` is called with the answer, or with `undefined` for a failure, which has been reported; at once when the answer is there.
   *
   * @returns Ends the wait: `done` is not called any more.
   */
  function call<T>({ name, run, isAnswer }: Call<T>, done: (answer: T | undefined) => void): CancelTimer {
    let settled = false;
    let stopTimer = (): void => {};
    const end = (): boolean => {
      if (settled) return false;
      settled = true;
      stopTimer();
      return true;
    };
    const fail = (error: unknown): void => {
      if (!end()) return;
      report(error);
      done(undefined);
    };
    const settle = (answer: T): void => {
      if (!isAnswer(answer))
        fail(new TypeError(`The service's answer to ${name}() is not of the form that it has to be`));
      else if (end()) done(answer);
    };
    let now: { readonly answer: T } | undefined;
    try {
      const answer = run();
      if (!isPromise(answer)) now = { answer };
      else {
        if (Number.isFinite(decisionTimeoutMs)) {
          stopTimer = clock.schedule(decisionTimeoutMs, () => fail(new DecisionTimeoutError(name, decisionTimeoutMs)));
        }
        answer.then(settle, fail);
      }
    } catch (error) {
      fail(error);
    }
    if (now !== undefined) settle(now.answer);
    return end;
  }

  return {
    call,
    /** The same as a value, now or later. */
    ask<T>(asked: Call<T>): MaybePromise<T | undefined> {
      let now: { readonly answer: T | undefined } | undefined;
      let later: ((answer: T | undefined) => void) | undefined;
      call(asked, (answer) => {
        if (later === undefined) now = { answer };
        else later(answer);
      });
      if (now !== undefined) return (now as { readonly answer: T | undefined }).answer;
      return new Promise((resolve) => {
        later = resolve;
      });
    },
    /** Makes a call that has its answer at once, or none: a failure is reported, and `undefined`. */
    attempt<T>(run: () => T): T | undefined {
      try {
        const result = run();
        if (isPromise(result)) result.then(undefined, (error: unknown) => report(error));
        return result;
      } catch (error) {
        report(error);
        return undefined;
      }
    },
  };
}

/** Calls of a service that always end, with a refusal at the latest when their time is over. */
export interface BoundedService {
  authenticate(login: Login): MaybePromise<Sender | Refusal>;
  submit(message: IncomingMessage): MaybePromise<Decision>;
  /** As `authenticate`, with the answer to a callback: at once when it is there. The function returned ends the wait. */
  authenticating(login: Login, done: (answer: Sender | Refusal) => void): CancelTimer;
  /** As `submit`, likewise. */
  submitting(message: IncomingMessage, done: (decision: Decision) => void): CancelTimer;
  refused(message: IncomingMessage, refusal: Refusal): void;
  unanswered(message: IncomingMessage, reason: string): void;
  /** Calls the service; a failure is reported, and `undefined`. */
  attempt<T>(run: (service: MessagingService) => T): T | undefined;
}

/**
 * Bounds each call of a service in time, and turns its failures into refusals with `internal-error`.
 *
 * @throws {InvalidOptionsError} the options are no object, or the service lacks a method.
 */
export function boundedService(options: ServerOptions): BoundedService {
  const { service } = requireOptions(options);
  if (typeof service?.authenticate !== "function" || typeof service.submit !== "function") {
    throw new InvalidOptionsError([{ path: "service", problem: "must be a service with authenticate() and submit()" }]);
  }
  const { call, ask, attempt } = createCaller(options);
  const login = (asked: Login): Call<Sender | Refusal> => ({
    name: "authenticate",
    run: () => service.authenticate(asked),
    isAnswer: (answer) => isOneOf(answer, "sender"),
  });
  const decision = (message: IncomingMessage): Call<Decision> => ({
    name: "submit",
    run: () => service.submit(message),
    isAnswer: (answer) => isOneOf(answer, "accepted"),
  });
  const orFailed = <T>(answer: MaybePromise<T | undefined>): MaybePromise<T | Refusal> =>
    isPromise(answer) ? answer.then((late) => late ?? FAILED) : (answer ?? FAILED);
  return {
    authenticate: (asked) => orFailed(ask(login(asked))),
    submit: (message) => orFailed(ask(decision(message))),
    authenticating: (asked, done) => call(login(asked), (answer) => done(answer ?? FAILED)),
    submitting: (message, done) => call(decision(message), (answer) => done(answer ?? FAILED)),
    refused: (message, refusal) => attempt(() => service.refused?.(message, refusal)),
    unanswered: (message, reason) => attempt(() => service.unanswered?.(message, reason)),
    attempt: (run) => attempt(() => run(service)),
  };
}

/** A service may be written without types. */
function isOneOf(answer: { readonly kind: string } | undefined, kind: string): boolean {
  return answer?.kind === kind || answer?.kind === "refused";
}

/** True if a value comes later. */
function isPromise<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
