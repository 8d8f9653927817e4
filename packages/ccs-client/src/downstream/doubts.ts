import { RecentMap } from "@cloud-messaging/core/transport";
import type { AckFrame } from "@cloud-messaging/core/wire";

/** Acknowledged copy of a message that is between two attempts. */
export interface AcceptedCopy {
  readonly ack: AckFrame;
  /** Time of the write. Unit: milliseconds since the epoch. */
  readonly sentAt: number;
}

/** State of the earlier copies of a message. */
export interface Doubt {
  /** ID of the send; distinguishes it from a later message with the same message ID. */
  readonly sendId: string;
  /** Number of copies that were written and neither accepted nor refused. */
  readonly copies: number;
  readonly accepted?: AcceptedCopy;
}

/** Maximum number of messages remembered between two attempts. */
const MAX_REMEMBERED_DOUBTS = 10_000;

/** Unanswered copies of messages between two attempts, and the answers that arrive meanwhile. */
export class Doubts {
  readonly #byId = new RecentMap<string, Doubt>(MAX_REMEMBERED_DOUBTS);
  #any = false;

  /** Remembers a message whose latest copy was refused while earlier ones are unanswered. */
  keep(id: string, doubt: Doubt): void {
    this.#byId.set(id, doubt);
    this.#any = true;
  }

  /** Removes and returns the state for the next attempt; `undefined` for another send with the same message ID. */
  take(id: string, sendId: string | undefined): Doubt | undefined {
    const doubt = this.#any ? this.#byId.get(id) : undefined;
    if (doubt === undefined) return undefined;
    this.#byId.delete(id);
    return doubt.sendId === sendId ? doubt : undefined;
  }

  /** Records the refusal of one copy. */
  refused(id: string): void {
    const doubt = this.#byId.get(id);
    if (doubt === undefined) return;
    if (doubt.copies > 1) this.#byId.set(id, { ...doubt, copies: doubt.copies - 1 });
    else if (doubt.accepted === undefined) this.#byId.delete(id);
  }

  /** Records the acceptance of one copy. */
  accepted(id: string, accepted: AcceptedCopy): void {
    const doubt = this.#any ? this.#byId.get(id) : undefined;
    if (doubt !== undefined) this.#byId.set(id, { ...doubt, accepted });
  }
}
