import type { TransportHealth } from "../health.ts";
import type { DownstreamMessage } from "../message/downstream.ts";
import type { RecipientOutcome, SendReport } from "../outcome/outcome.ts";
import type { Resolution } from "../registrations/registration-store.ts";
import type { BackoffPolicy } from "../retry/backoff.ts";
import type { MonotonicInstant } from "../time/monotonic.ts";

/**
 * Policy for a message that was written and never answered.
 * `"resend"`: send it again (at least once; it may arrive twice).
 * `"report"`: give the outcome `ambiguous` (at most once).
 */
export type AmbiguousPolicy = "resend" | "report";

/**
 * Start of a message's time to live.
 * `"call"`: the call of `send`. Every attempt sends the remaining time to live; when nothing remains, the outcome has the code `expired`.
 * `"attempt"`: each attempt sends the full time to live.
 */
export type LifeStart = "call" | "attempt";

/** Takes the outcome of the recipient at a position. */
export type OutcomeListener = (position: number, outcome: RecipientOutcome) => void;

/** Options of one attempt. */
export interface AttemptOptions {
  /** Ends waiting. What was not written by then ends `retryable` (code `aborted`), what was written `ambiguous`. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the waits between attempts and no attempt under way. For `withRetry`; a transport need not look at it. */
  readonly retryUntil?: AbortSignal | undefined;
  /** Instant by which the attempt has to be over, whatever its answer. Default: none. */
  readonly deadline?: MonotonicInstant | undefined;
  /**
   * ID of the send, the same at every attempt and different for every send: what must recognise a send goes by it. 1 or more printable
   * ASCII characters.
   */
  readonly sendId?: string | undefined;
  /** One ID per recipient, in their order, the same at every attempt. Given only to a transport that `usesMessageIds`. */
  readonly messageIds?: readonly string[] | undefined;
  /** Matters inside an attempt only to CCS, whose attempt can outlive a connection. */
  readonly ambiguous?: AmbiguousPolicy | undefined;
  /**
   * Takes the outcome of a recipient as soon as it is known, by the recipient's position, before the report has it: of this attempt, and
   * from `withRetry` only the final one. A transport that makes one request for all recipients need not call it. May be called again for
   * the same position with the same outcome.
   */
  readonly onOutcome?: OutcomeListener | undefined;
  /** The policy's own (`BackoffPolicy.maxResends`). Likewise. */
  readonly maxResends?: number | undefined;
  /**
   * End of the message's life: what is left of its time to live at the moment of writing is what it is written with
   * (`withLifeLeft`). Absent without a time to live, and where each attempt has the whole of it.
   */
  readonly expiresAt?: MonotonicInstant | undefined;
  /** Answer of the registration store about the tokens of the message, where it was asked already. For `withRegistrations`. */
  readonly resolution?: Resolution | undefined;
  /** Context object of the operation that attempts and waits are a part of, where somebody subscribes to it (`operationChannel`). */
  readonly operation?: object | undefined;
}

/**
 * Transport to the service: makes exactly one attempt per call. Waiting and trying again belong to `withRetry`.
 * A decorator wraps a transport and is one itself.
 */
export interface DownstreamTransport extends AsyncDisposable {
  /** For logs and events: `gcm-http`, `fcm-v1`, `ccs`. */
  readonly name: string;
  /**
   * Identity of the sender towards the service: project ID, sender ID. A registration store counts refusals by it. Default: `name`.
   */
  readonly sender?: string;
  /** Retry policy of the service. */
  readonly retryPolicy: BackoffPolicy;
  /** Set on what `withRetry` returns, so that two owners of second attempts cannot be stacked. */
  readonly retries?: true;
  /** The wire carries our message IDs (CCS). Core then makes one per recipient. */
  readonly usesMessageIds?: true;
  /**
   * It has itself done what can be done about an unknown fate (CCS), and remembers it from one attempt to the next: `withRetry` leaves
   * its `ambiguous` outcomes alone, but for those that are `refused`.
   */
  readonly settlesAmbiguous?: true;
  /** Number of tokens in a batch of `sendAll`. Default 1. */
  readonly preferredBatchSize?: number;
  /** Number of batches in flight at once. Default 16. */
  readonly preferredConcurrency?: number;
  /** Longest time that `close()` waits for what is pending. Unit: milliseconds. Default 30000. */
  readonly closeTimeoutMs?: number;
  /**
   * Throws `InvalidMessageError` when this service cannot carry the message. Called once per send, before anything is written.
   */
  check?(message: DownstreamMessage): void;
  /** Tells its state: connections, quota. Default: ready. */
  health?(): TransportHealth;
  /**
   * Makes one attempt. Resolves with one outcome per recipient, in their order, each with `attempts: 1`; never rejects for what
   * the network, the service, the signal or the deadline did. After `close()` every outcome is `retryable`, code `closed`.
   */
  send(message: DownstreamMessage, options?: AttemptOptions): Promise<SendReport>;
  /** Refuses new sends, lets pending ones settle within its time limit, frees its sockets. Every call returns the same promise. */
  close(): Promise<void>;
}
