import type {
  Clock,
  DownstreamMessage,
  MonotonicInstant,
  RecipientOutcome,
  SendReport,
  Target,
} from "@cloud-messaging/core";
import {
  type AttemptOptions,
  defaultAmbiguousPolicy,
  earlier,
  lifeEndsAt,
  NEVER,
  type OutcomeListener,
  outcomeAbout,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import type { Connection } from "../connection/connection.ts";
import { downstreamJsonWriter } from "./codec.ts";
import type { Waiting } from "./waiting-line.ts";

/** Rules of one `send` call, with defaults applied. */
export interface SendRules {
  readonly resend: boolean;
  readonly maxResends: number;
  readonly deadline: MonotonicInstant;
  /** End of the time to live; nothing is written from then on. */
  readonly endsAt: MonotonicInstant;
  /** Returns the message with its remaining time to live, or `undefined` if none is left; absent if the time to live does not count from the call. */
  readonly alive: (() => DownstreamMessage | undefined) | undefined;
  /** Unit: seconds. */
  readonly timeToLiveSec: number | undefined;
  /** ID of the send over all its attempts; absent without retries. */
  readonly sendId: string | undefined;
  readonly target: Target;
  /** Takes each recipient's outcome as soon as it is known. */
  readonly onOutcome: OutcomeListener | undefined;
}

/** Applies the defaults to the options of an attempt. */
export function rulesOf(message: DownstreamMessage, options: AttemptOptions, clock: Clock): SendRules {
  const { ambiguous = defaultAmbiguousPolicy(message.target), maxResends = 1, deadline = NEVER, sendId } = options;
  const { onOutcome } = options;
  const endsAt = lifeEndsAt(message, options);
  return {
    resend: ambiguous === "resend",
    maxResends,
    deadline,
    endsAt,
    alive: endsAt === NEVER ? undefined : () => withLifeLeft(message, options, clock.monotonic()),
    timeToLiveSec: message.timeToLiveSec,
    sendId,
    target: message.target,
    onOutcome,
  };
}

/** One `send` call in progress. */
export class SendInProgress {
  readonly outcomes: RecipientOutcome[];
  readonly rules: SendRules;
  /** Number of recipients without an outcome. */
  unsettled: number;
  /** Removes the listener from the caller's signal. */
  release: (() => void) | undefined;
  readonly #resolve: (report: SendReport) => void;

  constructor(recipients: number, rules: SendRules, resolve: (report: SendReport) => void) {
    this.outcomes = new Array<RecipientOutcome>(recipients);
    this.unsettled = recipients;
    this.rules = rules;
    this.#resolve = resolve;
  }

  settle(position: number, answered: RecipientOutcome): void {
    const outcome = outcomeAbout(this.rules.target, answered);
    this.outcomes[position] = outcome;
    this.rules.onOutcome?.(position, outcome);
    if (--this.unsettled > 0) return;
    this.release?.();
    this.#resolve({ outcomes: this.outcomes });
  }
}

/** One message for one recipient, until its outcome. */
export interface Outgoing extends Waiting<Outgoing> {
  readonly id: string;
  /** Content of `<gcm>`; the stanza is created at each write. */
  json: string;
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

/** Updates the JSON of a message to its remaining time to live. Returns `false` if none is left. */
export function renew(entry: Outgoing): boolean {
  const { alive, timeToLiveSec } = entry.send.rules;
  if (alive === undefined) return true;
  const message = alive();
  if (message === undefined) return false;
  // unchanged within the first second
  if (message.timeToLiveSec === timeToLiveSec) return true;
  entry.json = downstreamJsonWriter(message)(entry.recipient, entry.id);
  return true;
}

/** True if a copy is in flight on another connection. */
export function isPendingElsewhere(entry: Outgoing, connection: Connection<Outgoing>): boolean {
  return entry.connection !== undefined && entry.connection !== connection;
}

/** Returns the deadline, or the end of the time to live if that is earlier and the message waits to be written. */
export function dueAt({ connection, send }: Outgoing): MonotonicInstant {
  const { deadline, endsAt } = send.rules;
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
