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
   * Called with each recipient's outcome as soon as it is final, while other recipients may still be retried: exactly once per recipient of
   * a send that resolves, in any order, before it resolves; never for a send that rejects. `position` is the recipient's position in the
   * list, from 0. The registration store is updated at the end of the send. An error that the listener throws is published as a notice.
   */
  readonly onOutcome?: (outcome: SendAllOutcome) => void;
  /**
   * Start of the message's time to live.
   * @defaultValue `"call"`: retries and waits count, and an expired message is not written (`rejected`, code `expired`)
   */
  readonly lifeFrom?: LifeStart;
}

/** A recipient of `sendAll`: a token, or an object with a `token`. */
export type SendAllRecipient = string | { readonly token: string };

/** Options of `sendAll`. */
export interface SendAllOptions<R = string> extends SendEachOptions {
  /**
   * Number of tokens per batch. Range: 1 or more. Has no effect together with `personalize`.
   * @defaultValue the transport's: 1000 over GCM HTTP, 10 over FCM HTTP v1, 1 over CCS
   */
  readonly batchSize?: number;
  /**
   * Returns the changes to the message for one recipient, for example `{ notification: { badge } }`: objects are merged field by field,
   * other values replace those of the message, and `undefined` changes nothing. Each recipient then gets a message of its own. Invalid
   * changes give a `rejected` outcome for that recipient; an error of the function ends the loop.
   */
  readonly personalize?: (recipient: R, position: number) => MessageContent | undefined;
}

/** Options of `sendEach`. */
export interface SendEachOptions extends Omit<SendOptions, "onOutcome"> {
  /**
   * Time limit of each batch, not of the whole loop. Unit: milliseconds. Range: above 0, or `Infinity`.
   * @defaultValue the `totalMs` of the retry policy
   */
  readonly timeoutMs?: number;
  /**
   * Maximum number of batches in flight; with `sendEach`, of messages. Range: 1 or more.
   * @defaultValue the transport's: 16 requests over HTTP, the window over CCS
   */
  readonly concurrency?: number;
  /**
   * Called with counts when outcomes have arrived, before they are yielded. An error that it throws is published as the notice
   * `progress-listener-failed` and has no other effect.
   */
  readonly onProgress?: (progress: SendAllProgress) => void;
}

/** Progress of a `sendAll` or `sendEach`. */
export interface SendAllProgress {
  /** Number of outcomes so far; the other fields count them by kind. */
  readonly settled: number;
  /** Accepted by the service. */
  readonly accepted: number;
  /** Tokens that are not registered. */
  readonly unregistered: number;
  /** Not accepted; another attempt later may succeed. */
  readonly retryable: number;
  /** Written, never answered. */
  readonly ambiguous: number;
  /** Refused permanently. */
  readonly rejected: number;
}

/** One outcome of a `sendAll`. `position` is the position of the recipient in the input, from 0. */
export type SendAllOutcome = RecipientOutcome & { readonly position: number };

/** One outcome of a `sendEach`. `position` is the position of the message in the input, `index` that of the recipient within the message, both from 0. */
export type SendEachOutcome = RecipientOutcome & { readonly position: number; readonly index: number };

/** Interface of all senders, whatever the transport. */
export interface Sender extends AsyncDisposable {
  /**
   * Validates the message, sends it, retries, and updates the registration store. Settles exactly once, with one outcome per recipient in
   * the given order; a report to a single recipient also has it as `outcome`. A malformed token in a list gets a `rejected` outcome, and
   * the others are sent to; an empty list gives an empty report.
   *
   * @throws {InvalidMessageError} the message breaks a rule. Nothing was sent.
   * @throws {ClosedError} the sender is closed, or was closed during the look-up in the registration store.
   * @throws {AbortedError} the signal aborted before anything was written.
   * @throws {TooManyWaitingError} more sends are unsettled than `maxWaiting`.
   * @throws {RegistrationStoreError} the look-up of canonical IDs in the registration store failed, returned something invalid, or did
   * not finish within the time limit of the send. Nothing was sent.
   */
  send(message: SingleMessageInput, options?: SendOptions): Promise<SingleSendReport>;
  send(message: DownstreamMessageInput, options?: SendOptions): Promise<SendReport>;
  /** Sends to every registration of a user; without any, the report is empty. Throws the errors of `send`. */
  sendToUser(userId: string, message: MessageContent, options?: SendOptions): Promise<SendReport>;
  /**
   * Sends to any number of recipients in bounded memory: reads them as it sends, and yields outcomes as they arrive (not in order: see
   * `position`). A malformed token gets a `rejected` outcome, and the others are sent to. Every token that was read gets its outcome; then,
   * if the iterable of recipients or the registration store failed, the loop throws that error. After the loop has ended, nothing more is
   * read or sent. A batch that does not fill within 100 ms is sent incomplete.
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
   * Sends any number of different messages, each with a target of its own, in bounded memory: reads them as it sends, and yields outcomes as
   * they arrive (not in order: see `position` and `index`). An invalid message gives one `rejected` outcome, and the others are sent.
   * Failures of the iterable and of the registration store end the loop as with `sendAll`.
   */
  sendEach(
    messages: Iterable<DownstreamMessageInput> | AsyncIterable<DownstreamMessageInput>,
    options?: SendEachOptions,
  ): AsyncIterable<SendEachOutcome>;
  /**
   * Resolves when another send is allowed: fewer than `maxWaiting` are unsettled. Callers that await it are served in order; a
   * send that does not await it can still take the place.
   */
  capacity(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Number of sends that have not settled yet. */
  readonly pending: number;
  /** State for health checks, without a request. Not ready: closed, full, without a connection, or with refused credentials. */
  health(): SenderHealth;
  /** Refuses new sends, settles the pending ones, frees every socket and timer. Every call returns the same promise. */
  close(): Promise<void>;
}

/** Options shared by all senders. */
export interface SenderOptions {
  /**
   * Registration store. Known canonical IDs are applied before a send; replacements, removals and suspicions are stored after it.
   * @defaultValue a store in memory that starts empty
   */
  readonly registrations?: RegistrationStore;
  /**
   * Policy for tokens whose refusal does not prove that they are dead (`mismatch-sender-id`): the number of refusals, and the time over
   * which they occurred, after which a token is removed from the store.
   * @defaultValue such tokens are reported (`suspect` change) and kept
   */
  readonly suspects?: SuspectRemoval;
  /**
   * Values of the retry policy that replace the transport's; `false`: one attempt only.
   * @defaultValue the transport's policy
   */
  readonly retry?: Partial<BackoffPolicy> | false;
  /**
   * Maximum number of unsettled sends. Range: 1 or more.
   * @defaultValue 10000
   */
  readonly maxWaiting?: number;
  /** Default of the option `ambiguous` of each send. */
  readonly ambiguous?: AmbiguousPolicy;
  /**
   * Default of the option `timeoutMs` of each send: time limit from the call until it gives up, waits included. Unit: milliseconds.
   * Range: above 0, or `Infinity`.
   * @defaultValue the `totalMs` of the retry policy
   */
  readonly timeoutMs?: number;
  /** Default of the option `lifeFrom` of each send. */
  readonly lifeFrom?: LifeStart;
  /** Clock, for tests. @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Source of random numbers, for tests. @defaultValue `Math.random` */
  readonly random?: Random;
}

/** Options of `createSender`. */
export interface CreateSenderOptions extends SenderOptions {
  /** Transport without retries; the sender adds them. */
  readonly transport: DownstreamTransport;
}
