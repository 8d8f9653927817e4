import type { MonotonicInstant, RecipientOutcome, SendReport } from "@cloud-messaging/core";
import type { Connection } from "./connection.ts";
import type { Waiting } from "./waiting-line.ts";

/** One call of `send`. */
export class SendInProgress {
  readonly outcomes: RecipientOutcome[];
  readonly resend: boolean;
  readonly deadline: MonotonicInstant;
  /** ID of the send over all its attempts; absent where nobody makes a second one. */
  readonly sendId: string | undefined;
  /** Recipients without an outcome. */
  unsettled: number;
  /** Takes the listener off the caller's signal. */
  release: (() => void) | undefined;
  readonly #resolve: (report: SendReport) => void;

  constructor(
    recipients: number,
    resend: boolean,
    deadline: MonotonicInstant,
    sendId: string | undefined,
    resolve: (report: SendReport) => void,
  ) {
    this.outcomes = new Array<RecipientOutcome>(recipients);
    this.unsettled = recipients;
    this.resend = resend;
    this.deadline = deadline;
    this.sendId = sendId;
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
  readonly json: string;
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
