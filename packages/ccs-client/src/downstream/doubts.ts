import { RecentMap } from "@cloud-messaging/core/transport";
import type { AckFrame } from "@cloud-messaging/core/wire";

/** A copy that was accepted after all. */
export interface AcceptedCopy {
  readonly ack: AckFrame;
  /** When it was written. Milliseconds since the epoch. */
  readonly sentAt: number;
}

/** What is known of the earlier copies of a message. */
export interface Doubt {
  /** ID of its send, which tells it from a later message under the same message ID. */
  readonly sendId: string;
  /** Copies that went out and were neither accepted nor refused. */
  readonly copies: number;
  readonly accepted?: AcceptedCopy;
}

/** How many messages are remembered between two attempts. */
const MAX_REMEMBERED_DOUBTS = 10_000;

/** Carries the doubt about a message from one attempt to the next, and takes what is heard in between. */
export class Doubts {
  readonly #byId = new RecentMap<string, Doubt>(MAX_REMEMBERED_DOUBTS);
  #any = false;

  /** Its latest copy was refused; so many earlier ones may have been accepted. */
  keep(id: string, doubt: Doubt): void {
    this.#byId.set(id, doubt);
    this.#any = true;
  }

  /** The next attempt begins, and knows of it from here on. An ID may be used again: another send of it starts without. */
  take(id: string, sendId: string | undefined): Doubt | undefined {
    const doubt = this.#any ? this.#byId.get(id) : undefined;
    if (doubt === undefined) return undefined;
    this.#byId.delete(id);
    return doubt.sendId === sendId ? doubt : undefined;
  }

  /** One of these copies was refused after all. */
  refused(id: string): void {
    const doubt = this.#byId.get(id);
    if (doubt === undefined) return;
    if (doubt.copies > 1) this.#byId.set(id, { ...doubt, copies: doubt.copies - 1 });
    else if (doubt.accepted === undefined) this.#byId.delete(id);
  }

  /** One of these copies was accepted after all: there is nothing left to try. */
  accepted(id: string, accepted: AcceptedCopy): void {
    const doubt = this.#any ? this.#byId.get(id) : undefined;
    if (doubt !== undefined) this.#byId.set(id, { ...doubt, accepted });
  }
}
