import type { Clock, DownstreamMessage, MonotonicInstant, RecipientOutcome, SendReport } from "@cloud-messaging/core";
import {
  type AttemptOptions,
  defaultAmbiguousPolicy,
  earlier,
  lifeEndsAt,
  NEVER,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import type { Connection } from "../connection/connection.ts";
import { downstreamJsonWriter } from "./codec.ts";
import type { Waiting } from "./waiting-line.ts";

/** What one call of `send` was told, defaults applied. */
export interface SendRules {
  readonly resend: boolean;
  readonly maxResends: number;
  readonly deadline: MonotonicInstant;
  /** From when on nothing of it is written any more. */
  readonly endsAt: MonotonicInstant;
  /** The message with what is left of its time to live; absent where none passes. */
  readonly alive: (() => DownstreamMessage | undefined) | undefined;
  /** Unit: seconds. */
  readonly timeToLiveSec: number | undefined;
  /** ID of the send over all its attempts; absent where nobody makes a second one. */
  readonly sendId: string | undefined;
}

/** Applies the defaults to the options of an attempt. */
export function rulesOf(message: DownstreamMessage, options: AttemptOptions, clock: Clock): SendRules {
  const { ambiguous = defaultAmbiguousPolicy(message.target), maxResends = 1, deadline = NEVER, sendId } = options;
  const endsAt = lifeEndsAt(message, options);
  return {
    resend: ambiguous === "resend",
    maxResends,
    deadline,
    endsAt,
    alive: endsAt === NEVER ? undefined : () => withLifeLeft(message, options, clock.monotonic()),
    timeToLiveSec: message.timeToLiveSec,
    sendId,
  };
}

/** One call of `send`. */
export class SendInProgress {
  readonly outcomes: RecipientOutcome[];
  readonly rules: SendRules;
  /** Recipients without an outcome. */
  unsettled: number;
  /** Takes the listener off the caller's signal. */
  release: (() => void) | undefined;
  readonly #resolve: (report: SendReport) => void;

  constructor(recipients: number, rules: SendRules, resolve: (report: SendReport) => void) {
    this.outcomes = new Array<RecipientOutcome>(recipients);
    this.unsettled = recipients;
    this.rules = rules;
    this.#resolve = resolve;
  }

  settle(position: number, outcome: RecipientOutcome): void {
    this.outcomes[position] = outcome;
    if (--this.unsettled > 0) return;
    this.release?.();
    this.#resolve({ outcomes: this.outcomes });
  }
}

/** One message for one recipient, until its fate is known. */
export interface Outgoing extends Waiting<Outgoing> {
  readonly id: string;
  /** What goes into `<gcm>`; the stanza is made when it is written. */
  json: string;
  readonly recipient: string;
  readonly position: number;
  readonly send: SendInProgress;
  settled: boolean;
  /** Where its answer is expected. */
  connection: Connection<Outgoing> | undefined;
  /** When it was last written. Milliseconds since the epoch. */
  sentAt: number | undefined;
  /** Copies that went out, and were not answered in time or cannot be any more: the service may have accepted one. */
  doubts: number;
  /** Copies that were written because the one before was not answered in time. */
  resends: number;
}

/**
 * Writes the JSON of a message anew, with what is left of its time to live.
 *
 * @returns `false` when nothing is left.
 */
export function renew(entry: Outgoing): boolean {
  const { alive, timeToLiveSec } = entry.send.rules;
  if (alive === undefined) return true;
  const message = alive();
  if (message === undefined) return false;
  // as it was written at first, all of its life is left
  if (message.timeToLiveSec === timeToLiveSec) return true;
  entry.json = downstreamJsonWriter(message)(entry.recipient, entry.id);
  return true;
}

/** Tells that its answer is expected on another connection by now. */
export function isPendingElsewhere(entry: Outgoing, connection: Connection<Outgoing>): boolean {
  return entry.connection !== undefined && entry.connection !== connection;
}

/** The instant at which it has to be looked at: its deadline, or the end of its life while it waits to be written. */
export function dueAt({ connection, send }: Outgoing): MonotonicInstant {
  const { deadline, endsAt } = send.rules;
  return connection === undefined ? earlier(deadline, endsAt) : deadline;
}

/** Where messages can be written. */
export interface Outlet {
  /** The connection that should take the message, or `undefined` while none has room, or only one where the ID is still in use. */
  pick(id: string): Connection<Outgoing> | undefined;
  /** Some connection takes messages. */
  readonly accepting: boolean;
  /** Why there is no connection, where an attempt has failed. */
  readonly trouble: Error | undefined;
}
