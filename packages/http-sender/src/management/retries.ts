import type { BackoffPolicy, Clock } from "@cloud-messaging/core";
import {
  type CallResult,
  createRetrier,
  type MonotonicInstant,
  plusMs,
  resolvePolicy,
} from "@cloud-messaging/core/transport";
import { GCM_HTTP_RETRY_POLICY } from "../gcm/retry-policy.ts";

/** Policy of sending; requests that may be repeated at all may be repeated without a bound of their own. */
const MANAGEMENT_RETRY_POLICY: BackoffPolicy = { ...GCM_HTTP_RETRY_POLICY, maxResends: Number.POSITIVE_INFINITY };

/** Limits of a call and of each of its attempts. */
export interface Bounds {
  readonly signal?: AbortSignal | undefined;
  readonly deadline?: MonotonicInstant | undefined;
}

/** Limits of a call, and its kind. */
export interface RetriedRequest extends Bounds {
  /** True for a request whose repeat could do something else than the first: one that was not answered stays `ambiguous`. */
  readonly once?: boolean;
}

/** Makes one request, for those of the recipients that still need it. One result for each, in their order. */
export type Attempt<T> = (recipients: readonly string[], bounds: Bounds) => Promise<readonly CallResult<T>[]>;

/** Retries of management calls. */
export interface ManagementRetries {
  /** Makes the request until every recipient has its final result. One result for each, in their order. */
  run<T extends { readonly kind: string }>(
    recipients: readonly string[],
    call: RetriedRequest,
    attempt: Attempt<T>,
  ): Promise<CallResult<T>[]>;
  /** Ends the waits: no further attempt begins. */
  end(): void;
}

/**
 * Creates the retries of a management client over core's retrier.
 *
 * @throws {InvalidOptionsError} a number of the policy is out of range.
 */
export function createManagementRetries(
  name: string,
  clock: Clock,
  retry: Partial<BackoffPolicy> | false | undefined,
): ManagementRetries {
  const policy = resolvePolicy(MANAGEMENT_RETRY_POLICY, retry === false ? { maxAttempts: 1 } : (retry ?? {}));
  const retrier = createRetrier({ name, policy, clock, random: Math.random });
  return {
    run(recipients, { signal, deadline: given, once }, attempt) {
      const deadline = given ?? plusMs(clock.monotonic(), policy.totalMs);
      return retrier.run({
        recipients: recipients.length,
        resend: !once,
        deadline,
        signals: [signal],
        attempt: (positions) =>
          attempt(
            positions.map((position) => recipients[position] as string),
            { signal, deadline },
          ),
      });
    },
    end: () => retrier.end(),
  };
}
