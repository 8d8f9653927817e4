import type { FailedOutcome } from "../outcome/outcome.ts";
import type { Clock, Random } from "../time/clock.ts";
import type { MonotonicInstant } from "../time/monotonic.ts";
import type { BackoffPolicy } from "./backoff.ts";

/** Result of a call for one recipient: a success of the call's own type, or one of the failures that every call has. */
export type CallResult<T> = T | FailedOutcome;

/** A call about one or more recipients, of which each attempt may leave some unsettled. */
export interface RetriedCall<T> {
  /** Number of recipients. */
  readonly recipients: number;
  /** True if a copy that was not answered may be followed by another. */
  readonly resend: boolean;
  /** Instant after which no attempt begins. */
  readonly deadline: MonotonicInstant;
  /** Ends of the waits; attempts under way go on. */
  readonly signals?: readonly (AbortSignal | undefined)[];
  /** `DownstreamTransport.settlesAmbiguous` of the transport. */
  readonly settlesAmbiguous?: boolean | undefined;
  /** Instant from which the message is not written any more, and its time to live. Default: none. */
  readonly life?: { readonly endsAt: MonotonicInstant; readonly timeToLiveSec: number | undefined };
  /**
   * Makes one attempt for the recipients at these positions.
   *
   * @param tell Takes results that are known before the others, by their index in `positions`.
   * @param number Number of the attempt, from 1.
   * @returns One result for each, in the order of `positions`.
   */
  attempt(
    positions: readonly number[],
    tell: (index: number, result: CallResult<T>) => void,
    number: number,
  ): Promise<readonly CallResult<T>[]>;
  /** Takes results that are final before those of other recipients are; again for the same position perhaps. */
  readonly onResult?: ((position: number, result: CallResult<T>) => void) | undefined;
  /** The send that the waits are a part of, for subscribers of waits (`operationChannel`). Default: waits are not published. */
  readonly operation?: { readonly sendId: string; readonly parent: object | undefined } | undefined;
}

/** Parts of a retrier. */
export interface RetrierParts {
  /** Name of the transport, for events. */
  readonly name: string;
  readonly policy: BackoffPolicy;
  readonly clock: Clock;
  readonly random: Random;
}
