import { InvalidOptionsError } from "../errors.ts";
import type { DownstreamMessage } from "../message/downstream.ts";
import { recipientsOf, type Target, tokensOf } from "../message/target.ts";
import type { AcceptedOutcome, RecipientOutcome, SendReport } from "../outcome/outcome.ts";
import { requireOptions } from "../problems.ts";
import type {
  AmbiguousPolicy,
  AttemptOptions,
  DownstreamTransport,
  OutcomeListener,
} from "../sending/downstream-transport.ts";
import { createMessageIds } from "../sending/message-id.ts";
import { tracedAttempt } from "../sending/traced-send.ts";
import { checkTransport, traitsOf } from "../sending/traits.ts";
import { type Clock, clockProblem, type Random, systemClock } from "../time/clock.ts";
import { type MonotonicInstant, plusMs } from "../time/monotonic.ts";
import type { BackoffPolicy } from "./backoff.ts";
import { lifeEndsAt } from "./lifetime.ts";
import type { RetriedCall } from "./retried-call.ts";
import { createRetrier } from "./retrier.ts";
import { resolvePolicy } from "./retry-policy.ts";

/** Options of `withRetry`: parts of the retry policy, in place of those of the transport. */
export interface RetryOptions extends Partial<BackoffPolicy> {
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

/** Default of `SendOptions.ambiguous`: `"resend"` for tokens; `"report"` for topics, conditions and groups, where a repeat reaches everybody. */
export function defaultAmbiguousPolicy(target: Target): AmbiguousPolicy {
  return tokensOf(target) === undefined ? "report" : "resend";
}

/**
 * Adds retries to a transport. Sends again only to recipients whose outcome is `retryable` or, with `ambiguous: "resend"`, `ambiguous`;
 * waits as `nextDelayMs` says; merges the answers by position. Ends with attempts, time, the signal or `close()`, and each recipient
 * then keeps its latest outcome.
 *
 * A Retry-After that would pass the deadline is not waited for: `retryAt` of the outcome says when to try again.
 *
 * @throws {InvalidOptionsError} the transport is none or has retries already, or a number is out of range.
 *
 * @example
 * ```ts
 * import type { DownstreamTransport } from "@cloud-messaging/core/transport";
 * import { withRetry } from "@cloud-messaging/core/transport";
 *
 * declare const transport: DownstreamTransport;
 * const patient = withRetry(transport, { maxAttempts: 10, totalMs: 600_000 });
 * ```
 */
export function withRetry(transport: DownstreamTransport, options: RetryOptions = {}): DownstreamTransport {
  checkTransport(transport);
  if (transport.retries) {
    throw new InvalidOptionsError([
      { path: "transport", problem: "already has retries: two owners of second attempts would multiply them" },
    ]);
  }
  const { clock = systemClock, random = Math.random, ...overrides } = requireOptions(options);
  const unusable = clockProblem(clock);
  if (unusable !== undefined) throw new InvalidOptionsError([{ path: "clock", problem: unusable }]);
  const policy = resolvePolicy(transport.retryPolicy, overrides);
  const nextSendId = createMessageIds(random);
  const retrier = createRetrier({ name: transport.name, policy, clock, random });

  const retrying: DownstreamTransport = {
    ...traitsOf(transport),
    retryPolicy: policy,
    retries: true,
    check: (message) => transport.check?.(message),
    send(message, attempt = {}) {
      const bounded = isBounded(attempt)
        ? attempt
        : {
            ...attempt,
            deadline: attempt.deadline ?? plusMs(clock.monotonic(), policy.totalMs),
            sendId: attempt.sendId ?? nextSendId(),
            maxResends: attempt.maxResends ?? policy.maxResends,
          };
      const resend = (bounded.ambiguous ?? defaultAmbiguousPolicy(message.target)) === "resend";
      const { onOutcome } = bounded;
      const first = onOutcome === undefined ? bounded : { ...bounded, onOutcome: onlyFinal(resend, onOutcome) };
      // no async function here: its frame is held once per pending message, and nearly every send ends with its first answer
      return tracedAttempt(transport, message, first, 1).then((report) => {
        if (!report.outcomes.some((outcome) => mayChange(outcome, resend))) return report;
        return retrier
          .resume(retriedSend(transport, message, bounded, resend), report.outcomes)
          .then((outcomes) => ({ outcomes }));
      });
    },
    close() {
      retrier.end();
      return transport.close();
    },
    [Symbol.asyncDispose]: () => retrying.close(),
  };
  return retrying;
}

/** Options with the bounds that are the same at every attempt. */
type BoundedAttempt = AttemptOptions & { readonly deadline: MonotonicInstant; readonly sendId: string };

function isBounded(options: AttemptOptions): options is BoundedAttempt {
  return options.deadline !== undefined && options.sendId !== undefined && options.maxResends !== undefined;
}

/** True for an outcome that a further attempt may change. */
function mayChange({ kind }: RecipientOutcome, resend: boolean): boolean {
  return kind === "retryable" || (kind === "ambiguous" && resend);
}

/** Passes on the outcomes that no further attempt changes. */
function onlyFinal(resend: boolean, onOutcome: OutcomeListener): OutcomeListener {
  return (position, outcome) => {
    if (!mayChange(outcome, resend)) onOutcome(position, outcome);
  };
}

/** A send as the retrier makes its attempts. */
function retriedSend(
  transport: DownstreamTransport,
  message: DownstreamMessage,
  options: BoundedAttempt,
  resend: boolean,
): RetriedCall<AcceptedOutcome> {
  const { messageIds, onOutcome, deadline, signal, retryUntil } = options;
  return {
    recipients: recipientsOf(message.target).length,
    resend,
    deadline,
    signals: [signal, retryUntil],
    settlesAmbiguous: transport.settlesAmbiguous,
    life: { endsAt: lifeEndsAt(message, options), timeToLiveSec: message.timeToLiveSec },
    onResult: onOutcome,
    operation: { parent: options.operation, sendId: options.sendId },
    async attempt(positions, tell, number) {
      const again = {
        ...options,
        onOutcome: onOutcome === undefined ? undefined : tell,
        ...(messageIds === undefined
          ? {}
          : { messageIds: positions.map((position) => messageIds[position] as string) }),
      };
      const report: SendReport = await tracedAttempt(transport, messageTo(message, positions), again, number);
      return report.outcomes;
    },
  };
}

/** The message to those of its recipients that stand at these positions. */
function messageTo(message: DownstreamMessage, positions: readonly number[]): DownstreamMessage {
  const tokens = "tokens" in message.target ? message.target.tokens : undefined;
  if (tokens === undefined || positions.length === tokens.length) return message;
  return {
    ...message,
    target: { tokens: positions.map((position) => tokens[position] as (typeof tokens)[number]) },
  };
}
