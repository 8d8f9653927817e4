import { type Clock, InvalidOptionsError, systemClock } from "@cloud-messaging/core";
import { requireOptions } from "@cloud-messaging/core/transport";
import type { Decision, IncomingMessage, Login, MaybePromise, MessagingService, Refusal, Sender } from "./service.ts";

/** Options shared by all connection servers. */
export interface ServerOptions {
  readonly service: MessagingService;
  /** Time limit of a decision. Unit: milliseconds. @defaultValue 60000 */
  readonly decisionTimeoutMs?: number;
  /** Called once for each failure of the service: an error it threw, or a {@link DecisionTimeoutError}. */
  readonly onServiceFailure?: (error: unknown) => void;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock;
}

/** The service has not answered in time. */
export class DecisionTimeoutError extends Error {
  override readonly name = "DecisionTimeoutError";
  readonly code = "ERR_DECISION_TIMEOUT";

  constructor(call: "authenticate" | "submit", timeoutMs: number) {
    super(`The service has not answered ${call}() within ${timeoutMs} ms`);
  }
}

const DEFAULT_TIMEOUT_MS = 60_000;
const FAILED: Refusal = { kind: "refused", code: "internal-error", detail: "Internal server error" };

/** Calls of a service that always end, with a refusal at the latest when their time is over. */
export interface BoundedService {
  authenticate(login: Login): MaybePromise<Sender | Refusal>;
  submit(message: IncomingMessage): MaybePromise<Decision>;
}

/**
 * Bounds each call of a service in time, and turns its failures into refusals with `internal-error`.
 *
 * @throws {InvalidOptionsError} the options are no object, or the service lacks a method.
 */
export function boundedService(options: ServerOptions): BoundedService {
  const {
    service,
    decisionTimeoutMs = DEFAULT_TIMEOUT_MS,
    onServiceFailure,
    clock = systemClock,
  } = requireOptions(options);
  if (typeof service?.authenticate !== "function" || typeof service.submit !== "function") {
    throw new InvalidOptionsError([{ path: "service", problem: "must be a service with authenticate() and submit()" }]);
  }
  const failed = (error: unknown): Refusal => {
    onServiceFailure?.(error);
    return FAILED;
  };

  function bounded<T>(call: "authenticate" | "submit", run: () => MaybePromise<T>): MaybePromise<T | Refusal> {
    let answer: MaybePromise<T>;
    try {
      answer = run();
    } catch (error) {
      return failed(error);
    }
    if (!isPromise(answer)) return answer;
    const late = answer;
    return new Promise((resolve) => {
      let settled = false;
      const settle = (value: () => T | Refusal): void => {
        if (settled) return;
        settled = true;
        cancel();
        resolve(value());
      };
      const cancel = clock.schedule(decisionTimeoutMs, () =>
        settle(() => failed(new DecisionTimeoutError(call, decisionTimeoutMs))),
      );
      late.then(
        (value) => settle(() => value),
        (error: unknown) => settle(() => failed(error)),
      );
    });
  }

  return {
    authenticate: (login) => bounded("authenticate", () => service.authenticate(login)),
    submit: (message) => bounded("submit", () => service.submit(message)),
  };
}

/** True if a value comes later. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}
