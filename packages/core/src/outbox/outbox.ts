import type { OutboxHealth } from "../health.ts";
import type { DownstreamMessageInput, MessageContent } from "../message/downstream.ts";
import type { RecipientOutcome } from "../outcome/outcome.ts";
import type { RegistrationStore } from "../registrations/registration-store.ts";
import type { BackoffPolicy } from "../retry/backoff.ts";
import type { DeadCause } from "../retry/disposition.ts";
import type { AmbiguousPolicy, DownstreamTransport } from "../sending/downstream-transport.ts";
import type { SendAllRecipient } from "../sending/sender.ts";
import type { Clock, Random } from "../time/clock.ts";
import type { Backlog, OutboxEngine, Pace, SubmissionState } from "./engine.ts";
import type { OutboxEncryption } from "./sealing.ts";

/** Options of an outbox over any engine. */
export interface OutboxOptions {
  /** Transport without retries, since the outbox retries itself. Without one, this process can enqueue but not send. */
  readonly transport?: DownstreamTransport;
  /** Registration store: known canonical IDs are applied before each attempt, rewrites and removals are stored after it. */
  readonly registrations?: RegistrationStore;
  /**
   * Values of the retry policy that replace the transport's.
   * @defaultValue the transport's delays, up to ten minutes; any number of attempts within 24 hours from the time a message is due
   */
  readonly retry?: Partial<BackoffPolicy>;
  /**
   * Policy for a message that was written and never answered, and for one whose worker ended before it recorded the answer.
   * @defaultValue `"resend"` for tokens; `"report"` for topics, conditions and groups, where a repeat reaches everybody
   */
  readonly ambiguous?: AmbiguousPolicy;
  /**
   * Share of each lane, relative to the others. A lane that is idle leaves its share to the others.
   * @defaultValue `{ urgent: 8, normal: 4, bulk: 1 }`
   */
  readonly lanes?: Readonly<Record<string, number>>;
  /**
   * Maximum number of unsettled recipients. A process sees what others have enqueued with a delay of up to a second. An enqueue in a
   * transaction of the caller uses the latest count and does not wait for another.
   * Range: 1 or more, or `Infinity`.
   * @defaultValue 10000000
   */
  readonly maxBacklog?: number;
  /**
   * Time for which finished messages, their keys, results and dead letters are kept. Unit: milliseconds.
   * @defaultValue seven days
   */
  readonly retainMs?: number;
  /** Encryption of payloads, recipients and results at rest. */
  readonly encryption?: OutboxEncryption;
  /** Clock, for tests. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Source of random numbers, for tests. @defaultValue `Math.random` */
  readonly random?: Random;
}

/** Options of `createOutbox` over an engine. */
export interface CreateOutboxOptions<Client = never> extends OutboxOptions {
  /** Storage. The outbox closes it. */
  readonly engine: OutboxEngine<Client>;
}

/** Options of `enqueue`. */
export interface EnqueueOptions<Client = never> {
  /** Idempotency key: a further call with the same key stores nothing and returns the ID of the first. Range: 1 to 512 characters. */
  readonly key?: string;
  /** Earliest time of the first attempt. A date, or milliseconds since the epoch. */
  readonly sendAt?: Date | number;
  /** Time after which the message is not sent (`rejected`, code `expired`); also limits its time to live. A date, or milliseconds since the epoch. */
  readonly expiresAt?: Date | number;
  /** Lane of the message. @defaultValue `"normal"`; of `enqueueAll` `"bulk"` */
  readonly lane?: string;
  /** Policy for a message that was written and never answered. @defaultValue the outbox's */
  readonly ambiguous?: AmbiguousPolicy;
  /** Transaction to write in, for an engine in the caller's database: the message is sent after the commit, and never after a rollback. */
  readonly client?: Client;
}

/** A recipient of `enqueueAll`: a token, or an object with a `token` and, optionally, `changes` to the message. */
export type CampaignRecipient = SendAllRecipient | { readonly token: string; readonly changes?: MessageContent };

/** Options of `enqueueAll`. */
export interface EnqueueAllOptions<R = string, Client = never> extends EnqueueOptions<Client> {
  /**
   * Returns the changes to the message for one recipient, for example `{ notification: { badge } }`. Called once per recipient, by
   * `enqueueAll`. Objects are merged field by field, other values are replaced. Invalid changes give a `rejected` outcome for that recipient.
   * @defaultValue the recipient's field `changes`
   */
  readonly personalize?: (recipient: R) => MessageContent | undefined;
  /** Maximum rate of all workers together. @defaultValue none */
  readonly rate?: Rate;
  /** Ends the call: what is stored stays, and a later call with the same key completes it. */
  readonly signal?: AbortSignal;
}

/** Maximum rate of a campaign, of all workers together. */
export interface Rate {
  /** Unit: recipients per minute. Range: above 0. */
  readonly perMinute: number;
  /**
   * Time over which the rate rises evenly to `perMinute`. Unit: milliseconds; 0 for none.
   * @defaultValue 60000: FCM asks for a minute at least
   * @see https://firebase.google.com/docs/cloud-messaging/scale-fcm
   */
  readonly rampMs?: number;
}

/** A stored message. */
export interface Enqueued {
  /** ID, for `cancel`, `progress` and `results`. */
  readonly id: string;
  /** False if the key was taken; then the ID is that of the first message. */
  readonly created: boolean;
}

/** Progress of a message or campaign. `recipients` = `pending` + `settled`. */
export interface OutboxProgress {
  readonly id: string;
  readonly key?: string;
  readonly lane: string;
  readonly state: SubmissionState | "finished";
  /** False while `enqueueAll` has not stored all recipients: it is running, or was interrupted. */
  readonly complete: boolean;
  /** Number of recipients stored. */
  readonly recipients: number;
  /** Number of recipients without a final outcome. */
  readonly pending: number;
  /** Number of recipients with one. */
  readonly settled: number;
  /** Number of final outcomes by kind. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Number of failures by code. */
  readonly codes: Readonly<Record<string, number>>;
  readonly rate?: Pace;
  /** On the engine's clock. Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Likewise. */
  readonly finishedAt?: number;
}

/** Final outcome of a recipient. */
export interface OutboxResult {
  /** Cursor to go on from after this result. */
  readonly cursor: string;
  /** ID of the message or campaign. */
  readonly id: string;
  /** Place of the recipient among those stored, from 0. */
  readonly position: number;
  readonly outcome: RecipientOutcome;
  /** Reason why no further attempt was made (dead letter). Absent if the outcome itself was final. */
  readonly dead?: DeadCause;
  /** Time at which it was recorded, on the engine's clock. Milliseconds since the epoch. */
  readonly at: number;
}

/** Request for results. */
export interface ResultOptions {
  /** Only those of a message or campaign, by its ID. */
  readonly id?: string;
  /** Cursor of the last result processed. Default: from the oldest kept. */
  readonly after?: string;
  /** Only outcomes that are not `accepted`. */
  readonly failed?: boolean;
  /** Only dead letters: recipients that the outbox gave up and that `replay` could reach. */
  readonly dead?: boolean;
  /** Waits for further results, until the signal aborts. */
  readonly follow?: boolean;
  readonly signal?: AbortSignal;
}

/** Options of `replay`. */
export interface ReplayOptions extends Pick<EnqueueOptions, "key" | "lane" | "expiresAt" | "sendAt"> {
  /**
   * Picks the recipients to send to again.
   * @defaultValue dead letters: those that were given up
   */
  readonly select?: (result: OutboxResult) => boolean;
}

/** Options of `work`. */
export interface WorkOptions {
  /**
   * Attempts in flight at once. Range: 1 or more.
   * @defaultValue the transport's: 16 requests over HTTP, the window over CCS
   */
  readonly concurrency?: number;
  /** Recipients per attempt. Range: 1 to 1000. @defaultValue the transport's */
  readonly batchSize?: number;
  /** Ends the work: what is in flight is settled, everything else is given back. */
  readonly signal?: AbortSignal;
  /** Lanes to work on. @defaultValue all */
  readonly lanes?: readonly string[];
  /** Ends when the outbox has no unsettled recipient. @defaultValue false */
  readonly untilIdle?: boolean;
  /**
   * Time after which another worker takes over the work of one that has died. Unit: milliseconds.
   * Range: 100 or more.
   * @defaultValue 30000
   */
  readonly leaseMs?: number;
  /** Poll interval. Unit: milliseconds. @defaultValue 1000 */
  readonly pollMs?: number;
  /** Longest wait for what is in flight when the work ends. Unit: milliseconds. @defaultValue the transport's `closeTimeoutMs`, or 30000 */
  readonly closeTimeoutMs?: number;
}

/**
 * Durable queue of sends with an outcome for each recipient.
 *
 * @typeParam Client Handle of a transaction, for an engine inside the caller's database.
 */
export interface Outbox<Client = never> extends AsyncDisposable {
  /**
   * Stores a message. Resolves when it is on disk.
   *
   * @throws {InvalidMessageError} the message breaks a rule. @throws {OutboxFullError} the backlog has reached its limit.
   * @throws {OutboxStorageError} the engine failed. With a `key` the call can be repeated safely.
   */
  enqueue(message: DownstreamMessageInput, options?: EnqueueOptions<Client>): Promise<Enqueued>;
  /**
   * Stores a campaign: one payload and any number of recipients, read from the iterable as fast as they are stored. A repeated token is
   * skipped if it was among the last 1,000; while an interrupted campaign is completed, among all of it, at about 200 bytes of memory per
   * token. Workers begin before the whole campaign is stored.
   *
   * With the key of an interrupted campaign, completes it; with that of a complete one, stores nothing and does not read the iterable.
   * Throws the errors of `enqueue` and of the iterable, and `AbortedError`; recipients stored before stay.
   */
  enqueueAll<R extends CampaignRecipient = string>(
    message: MessageContent,
    audience: Iterable<R> | AsyncIterable<R>,
    options?: EnqueueAllOptions<R, Client>,
  ): Promise<Enqueued>;
  /**
   * Sends what is due, in this process; any number of processes may work on one outbox. Resolves when its signal has aborted, the outbox
   * is closed, or, with `untilIdle`, nothing is left. A failure of the engine is published as an event and tried again.
   *
   * @throws {InvalidOptionsError} an option is wrong, or the outbox has no transport.
   */
  work(options?: WorkOptions): Promise<void>;
  /** Progress of a message or campaign, by its ID or key; `undefined` for none. */
  progress(by: string | { readonly key: string }): Promise<OutboxProgress | undefined>;
  /**
   * Cancels a message or campaign. Recipients that nothing was written to get the outcome `rejected`, code `cancelled`; attempts in flight
   * settle. Resolves with the progress, `undefined` for an unknown ID.
   */
  cancel(id: string): Promise<OutboxProgress | undefined>;
  /** Pauses a campaign: no further attempt begins until `resume`. */
  pause(id: string): Promise<OutboxProgress | undefined>;
  /** Resumes a paused campaign. */
  resume(id: string): Promise<OutboxProgress | undefined>;
  /** Changes the rate of a campaign, over all workers; `null` for no limit. */
  setRate(id: string, rate: Rate | null): Promise<OutboxProgress | undefined>;
  /**
   * Reads final outcomes in the order in which they were recorded. A reader that stores the cursor in one transaction with its own changes
   * processes each result exactly once. Results are kept for `retainMs` after their campaign has finished.
   *
   * @throws {InvalidOptionsError} an option is wrong; in the loop, where `after` is not a cursor of a result.
   * @throws {ClosedError} in the loop: the outbox was closed.
   */
  results(options?: ResultOptions): AsyncIterable<OutboxResult>;
  /** Stores a new campaign with the payload of another one, to selected recipients of it; in the lane of that one by default. */
  replay(id: string, options?: ReplayOptions): Promise<Enqueued>;
  /** Counts unsettled recipients, in total and by lane. */
  backlog(): Promise<Backlog>;
  /** State for health checks; asks the engine for its backlog. Not ready: closed, full, or an engine that does not answer. */
  health(): Promise<OutboxHealth>;
  /** Removes messages that finished longer than `retainMs` ago, as workers do once an hour. Resolves with the number removed. */
  prune(): Promise<number>;
  /** Ends workers as their signal does, then the transport and the engine. Every call returns the same promise. */
  close(): Promise<void>;
}
