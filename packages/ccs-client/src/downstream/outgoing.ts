import type { DownstreamMessage, RecipientOutcome, SendReport } from "@cloud-messaging/core";
import {
  type AttemptOptions,
  defaultAmbiguousPolicy,
  earlier,
  lifeEndsAt,
  type MonotonicInstant,
  NEVER,
  type OutcomeListener,
  outcomeAbout,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import type { Connection } from "../connection/connection.ts";
import { downstreamJsonWriter } from "./codec.ts";
import type { Waiting } from "./waiting-line.ts";

/** One `send` call in progress: its message, its options with defaults applied, its outcomes. */
export class SendInProgress {
  readonly message: DownstreamMessage;
  readonly resend: boolean;
  readonly maxResends: number;
  readonly deadline: MonotonicInstant;
  /** Instant at which the time to live is over; absent if it does not count from the call. */
  readonly expiresAt: MonotonicInstant | undefined;
  /** Instant from which nothing is written: the end of the time to live. */
  readonly endsAt: MonotonicInstant;
  /** ID of the send over all its attempts; absent without retries. */
  readonly sendId: string | undefined;
  readonly outcomes: RecipientOutcome[];
  /** Number of recipients without an outcome. */
  unsettled: number;
  /** Removes the listener from the caller's signal. */
  release: (() => void) | undefined;
  /** Takes each recipient's outcome as soon as it is known. */
  readonly #onOutcome: OutcomeListener | undefined;
  readonly #resolve: (report: SendReport) => void;
  #toJson: ((recipient: string, messageId: string) => string) | undefined;

  constructor(
    message: DownstreamMessage,
    options: AttemptOptions,
    recipients: number,
    resolve: (report: SendReport) => void,
  ) {
    this.message = message;
    this.resend = (options.ambiguous ?? defaultAmbiguousPolicy(message.target)) === "resend";
    this.maxResends = options.maxResends ?? 1;
    this.deadline = options.deadline ?? NEVER;
    this.expiresAt = options.expiresAt;
    this.endsAt = lifeEndsAt(message, options);
    this.sendId = options.sendId;
    this.outcomes = new Array<RecipientOutcome>(recipients);
    this.unsettled = recipients;
    this.#onOutcome = options.onOutcome;
    this.#resolve = resolve;
  }

  /**
   * Serializes the message to one recipient, with the time to live that is left of it; `undefined` if none is. Called at each write, so that
   * a message that waits holds no text.
   */
  jsonTo(recipient: string, messageId: string, now: MonotonicInstant): string | undefined {
    const alive = withLifeLeft(this.message, this, now);
    if (alive === undefined) return undefined;
    if (alive !== this.message) return downstreamJsonWriter(alive)(recipient, messageId);
    this.#toJson ??= downstreamJsonWriter(alive);
    return this.#toJson(recipient, messageId);
  }

  settle(position: number, answered: RecipientOutcome): void {
    const outcome = outcomeAbout(this.message.target, answered);
    this.outcomes[position] = outcome;
    this.#onOutcome?.(position, outcome);
    if (--this.unsettled > 0) return;
    this.release?.();
    this.#resolve({ outcomes: this.outcomes });
  }
}

/** One message for one recipient, until its outcome. */
export interface Outgoing extends Waiting<Outgoing> {
  readonly id: string;
  readonly recipient: string;
  readonly position: number;
  readonly send: SendInProgress;
  settled: boolean;
  /** Connection that its latest copy is in flight on. */
  connection: Connection<Outgoing> | undefined;
  /** Time of the latest write. Unit: milliseconds since the epoch. */
  sentAt: number | undefined;
  /** Number of written copies that were not answered in time or can no longer be: the service may have accepted one. */
  doubts: number;
  /** Number of copies written because the previous one was not answered in time. */
  resends: number;
}

/** True if a copy is in flight on another connection. */
export function isPendingElsewhere(entry: Outgoing, connection: Connection<Outgoing>): boolean {
  return entry.connection !== undefined && entry.connection !== connection;
}

/** Returns the deadline, or the end of the time to live if that is earlier and the message waits to be written. */
export function dueAt({ connection, send }: Outgoing): MonotonicInstant {
  const { deadline, endsAt } = send;
  return connection === undefined ? earlier(deadline, endsAt) : deadline;
}

/** Connections as seen by the downstream messages. */
export interface Outlet {
  /** Returns the connection for a message ID; `undefined` if none has capacity or the ID is in use on each that has. */
  pick(id: string): Connection<Outgoing> | undefined;
  /** True if a connection has capacity. */
  readonly accepting: boolean;
  /** Error of the latest failed attempt to connect, while no connection is up. */
  readonly lastError: Error | undefined;
}
