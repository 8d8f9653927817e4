import type { SenderHealth } from "../health.ts";
import type { DownstreamMessageInput, MessageContent, SingleMessageInput } from "../message/downstream.ts";
import type { RecipientOutcome, SendReport, SingleSendReport } from "../outcome/outcome.ts";
import type { SuspectRemoval } from "../registrations/registration.ts";
import type { RegistrationStore } from "../registrations/registration-store.ts";
import type { BackoffPolicy } from "../retry/backoff.ts";
import type { Clock, Random } from "../time/clock.ts";
import type { AmbiguousPolicy, DownstreamTransport, LifeStart } from "./downstream-transport.ts";

/** Options of one send. */
export interface SendOptions {
  /** Ends the send. Before anything was written `send()` rejects with `AbortedError`; after that, every recipient gets its outcome. */
  readonly signal?: AbortSignal;
  /**
   * Time limit of the send, from the call until it gives up, waits included. Unit: milliseconds. Range: above 0, or `Infinity`.
   * @defaultValue the sender's `timeoutMs`
   */
  readonly timeoutMs?: number;
  /**
   * Policy for a message that was written and never answered.
   * @defaultValue `"resend"` for tokens; `"report"` for topics, conditions and groups, where a repeat reaches everybody
   */
  readonly ambiguous?: AmbiguousPolicy;
  /**
   * Called with each recipient's outcome as soon as it is final, while others are still tried again: exactly once per recipient of a send
   * that resolves, in any order, before it resolves; never for a send that rejects. `position` is the recipient's place in the list, from
   * 0. The registration store learns of all outcomes at the end of the send. What the listener throws is published as a notice.
   */
  readonly onOutcome?: (outcome: SendAllOutcome) => void;
  /**
   * Start of the message's time to live.
   * @defaultValue `"call"`: retries and waits use it up, and a message whose time has passed is not written (`rejected`, code `expired`)
   */
  readonly lifeFrom?: LifeStart;
}

/** A recipient of `sendAll`: a token, or an object of the caller's with one. */
export type SendAllRecipient = string | { readonly token: string };

/** Options of `sendAll`. */
export interface SendAllOptions<R = string> extends SendEachOptions {
  /**
   * Tokens per batch. Without effect beside `personalize`.
   * @defaultValue the transport's: 1000 over GCM HTTP, 10 over FCM HTTP v1, 1 over CCS
   */
  readonly batchSize?: number;
  /**
   * Gives the changes of the content for one recipient, for example `{ notification: { badge } }`: objects are merged field by field,
   * anything else is replaced, and `undefined` changes nothing. Each recipient is then sent a message of its own. Changes that break a
   * rule are that recipient's own `rejected` outcome; a function that throws ends the loop with its error.
   */
  readonly personalize?: (recipient: R, position: number) => MessageContent | undefined;
}

/** Options of `sendEach`. */
export interface SendEachOptions extends Omit<SendOptions, "onOutcome"> {
  /**
   * As for `send`, for each batch by itself: a very large audience may take as long as it takes.
   * @defaultValue the `totalMs` of the retry policy
   */
  readonly timeoutMs?: number;
  /**
   * Batches under way at once; with `sendEach`, messages.
   * @defaultValue the transport's: 16 requests over HTTP, the window over CCS
   */
  readonly concurrency?: number;
  /**
   * Called when outcomes have come, before they are yielded. Cheap: counts only. An error that it throws is published as the notice
   * `progress-listener-failed`, and disturbs nothing.
   */
  readonly onProgress?: (progress: SendAllProgress) => void;
}

/** Progress of a `sendAll` or `sendEach`. */
export interface SendAllProgress {
  /** Outcomes so far. */
  readonly settled: number;
  /** Of them, by kind: taken by the service. */
  readonly accepted: number;
  /** Tokens that are not registered. */
  readonly unregistered: number;
  /** Not accepted, worth another try later. */
  readonly retryable: number;
  /** Written, never answered. */
  readonly ambiguous: number;
  /** Refused for good. */
  readonly rejected: number;
}

/** One outcome of a `sendAll`, with its place in what the caller gave, from 0. */
export type SendAllOutcome = RecipientOutcome & { readonly position: number };

/** One outcome of a `sendEach`, with the place of its message in what the caller gave and of the recipient within the message, from 0. */
export type SendEachOutcome = RecipientOutcome & { readonly position: number; readonly index: number };

/** Interface of all senders, whatever the transport. */
export interface Sender extends AsyncDisposable {
  /**
   * Checks the message, sends it, tries again what can be, and tells the registration store what became known.
   * Settles exactly once, with one outcome per recipient in the order given; `outcome` of the report to a single recipient is the one. A malformed token in a list becomes a `rejected` outcome and
   * disturbs no other; an empty list gives an empty report.
   *
   * @throws {InvalidMessageError} the message breaks a rule. Nothing was sent.
   * @throws {ClosedError} the sender is closed, or was while the registration store was being asked.
   * @throws {AbortedError} the signal aborted before anything was written.
   * @throws {TooManyWaitingError} more sends are unsettled than `maxWaiting`.
   * @throws {RegistrationStoreError} the registration store could not be asked for canonical IDs, answered with something else, or did
   * not answer within the send's own time. Nothing was sent.
   */
  send(message: SingleMessageInput, options?: SendOptions): Promise<SingleSendReport>;
  send(message: DownstreamMessageInput, options?: SendOptions): Promise<SendReport>;
  /** Sends to every registration of a user; an empty report when there is none. Throws as `send` does. */
  sendToUser(userId: string, message: MessageContent, options?: SendOptions): Promise<SendReport>;
  /**
   * Sends to any number of recipients in bounded memory: takes them as it goes, yields outcomes as they come (not in order: see
   * `position`). A malformed token becomes a `rejected` outcome and disturbs no other. Every token taken gets its outcome; then, if the
   * iterable of recipients or the registration store failed, the loop throws that error. Once the loop over it ends, nothing further is
   * taken or sent. A batch that does not fill within 100 ms goes out as it is.
   *
   * @example
   * ```ts
   * import type { Sender } from "@cloud-messaging/core";
   *
   * declare const sender: Sender;
   * declare const rows: AsyncIterable<{ token: string; unread: number }>;
   * const personalize = ({ unread }: { unread: number }) => ({ notification: { badge: unread } });
   * for await (const { kind } of sender.sendAll({}, rows, { personalize })) console.log(kind);
   * ```
   */
  sendAll<R extends SendAllRecipient = string>(
    message: MessageContent,
    recipients: Iterable<R> | AsyncIterable<R>,
    options?: SendAllOptions<R>,
  ): AsyncIterable<SendAllOutcome>;
  /**
   * Sends any number of different messages in bounded memory, each to recipients of its own: takes them as it goes, yields outcomes as they
   * come (not in order: see `position` and `index`), paced as `sendAll` is. A message that breaks a rule becomes one `rejected` outcome
   * and disturbs no other. Failures of the iterable and of the registration store end the loop as with `sendAll`.
   */
  sendEach(
    messages: Iterable<DownstreamMessageInput> | AsyncIterable<DownstreamMessageInput>,
    options?: SendEachOptions,
  ): AsyncIterable<SendEachOutcome>;
  /**
   * Resolves when another send may be made: fewer than `maxWaiting` are unsettled. First come, first served among those who await it; a
   * send made without awaiting it can still take the place.
   */
  capacity(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Sends that have not settled yet. */
  readonly pending: number;
  /** Tells the state for health checks, without a request. Not ready: closed, full, without a connection, or with refused credentials. */
  health(): SenderHealth;
  /** Refuses new sends, settles the pending ones, frees every socket and timer. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Options shared by all senders. */
export interface SenderOptions {
  /**
   * Registration store. Known canonical IDs are applied before sending; rewrites, removals and suspicions are stored after.
   * @defaultValue a store in memory that starts empty
   */
  readonly registrations?: RegistrationStore;
  /**
   * Policy for tokens that are refused in a way that does not prove them dead (`mismatch-sender-id`): remove one from the store once this
   * sender was refused so often, over so long.
   * @defaultValue they are reported (`suspect` change) and stay
   */
  readonly suspects?: SuspectRemoval;
  /**
   * Parts of the retry policy, in place of the transport's; `false` makes one attempt only.
   * @defaultValue the transport's policy
   */
  readonly retry?: Partial<BackoffPolicy> | false;
  /**
   * Sends that may be unsettled at once. Range: 1 or more.
   * @defaultValue 10000
   */
  readonly maxWaiting?: number;
  /** Default of the option of the same name of each send. */
  readonly ambiguous?: AmbiguousPolicy;
  /**
   * Default of the option of the same name of each send: time limit from the call until it gives up, waits included. Unit: milliseconds.
   * Range: above 0, or `Infinity`.
   * @defaultValue the `totalMs` of the retry policy
   */
  readonly timeoutMs?: number;
  /** Default of the option of the same name of each send. */
  readonly lifeFrom?: LifeStart;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /** @defaultValue `Math.random` */
  readonly random?: Random;
}

/** Options of `createSender`. */
export interface CreateSenderOptions extends SenderOptions {
  /** Transport without retries: the sender adds them. */
  readonly transport: DownstreamTransport;
}
