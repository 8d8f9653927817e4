import type {
  BackoffPolicy,
  Clock,
  DownstreamMessage,
  MonotonicInstant,
  RecipientOutcome,
  RegistrationToken,
} from "@cloud-messaging/core";
import { type DownstreamTransport, tokensOf, withRetry } from "@cloud-messaging/core/transport";
import { GCM_HTTP_RETRY_POLICY } from "../gcm/retry-policy.ts";
import type { FailedOutcome } from "./client.ts";

/** As when sending; what may be repeated at all does no harm however often. */
const MANAGEMENT_RETRY_POLICY: BackoffPolicy = { ...GCM_HTTP_RETRY_POLICY, maxResends: Number.POSITIVE_INFINITY };

/** What bounds a call, and each of its attempts. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: MonotonicInstant | undefined;
}

/** What a call is told beside its bounds. */
export interface RetriedCall extends Bounds {
  /** The same again could do something else than the first time: what was written and not answered is left in doubt. */
  readonly once?: boolean;
}

/** One request, for those of the recipients that still need it. One result for each, in their order. */
export type Attempt<T> = (recipients: readonly string[], bounds: Bounds) => Promise<readonly (T | FailedOutcome)[]>;

/** Second attempts of management calls. */
export interface ManagementRetries {
  /** Makes the request until every recipient has its last word. One result for each, in their order. */
  run<T extends { readonly kind: string }>(
    recipients: readonly string[],
    call: RetriedCall,
    attempt: Attempt<T>,
  ): Promise<(T | FailedOutcome)[]>;
  /** No further attempt begins. */
  end(): void;
}

/**
 * Lends management calls core's `withRetry`, the one owner of second attempts: each call is a transport of its own, whose message says
 * nothing but whom it is about.
 *
 * @throws {InvalidOptionsError} a number of the policy is out of range.
 */
export function createManagementRetries(
  name: string,
  clock: Clock,
  retry: Partial<BackoffPolicy> | false | undefined,
): ManagementRetries {
  const underWay = new Set<DownstreamTransport>();
  let ended = false;
  const retrying = (send: DownstreamTransport["send"]): DownstreamTransport => {
    const close = () => Promise.resolve();
    const once = { name, retryPolicy: MANAGEMENT_RETRY_POLICY, send, close, [Symbol.asyncDispose]: close };
    return withRetry(once, { ...(retry === false ? { maxAttempts: 1 } : retry), clock });
  };
  // a policy that cannot be kept is the caller's mistake now, and not at the first call
  retrying(() => Promise.resolve({ outcomes: [] }));

  return {
    async run<T extends { readonly kind: string }>(
      recipients: readonly string[],
      { signal, deadline, once }: RetriedCall,
      attempt: Attempt<T>,
    ) {
      const transport = retrying(async ({ target }, bounds = {}) => ({
        outcomes: (await attempt(tokensOf(target) ?? [], bounds)) as readonly RecipientOutcome[],
      }));
      underWay.add(transport);
      if (ended) void transport.close();
      try {
        const message: DownstreamMessage = { target: { tokens: recipients as readonly RegistrationToken[] } };
        const { outcomes } = await transport.send(message, {
          signal,
          deadline,
          ambiguous: once ? "report" : "resend",
        });
        return outcomes.map((outcome) => asGiven<T>(outcome));
      } finally {
        underWay.delete(transport);
      }
    },
    end() {
      ended = true;
      for (const transport of underWay) void transport.close();
    },
  };
}

const OUTCOME_KINDS: ReadonlySet<string> = new Set(["accepted", "unregistered", "retryable", "ambiguous", "rejected"]);

/** `withRetry` writes what it counts into whatever it gets; a result that is no outcome has no place for it. */
function asGiven<T>(outcome: RecipientOutcome): T | FailedOutcome {
  if (OUTCOME_KINDS.has(outcome.kind)) return outcome as T | FailedOutcome;
  const { attempts: _, unansweredCopies: __, ...given } = outcome;
  return given as T;
}
