import type { Clock } from "@cloud-messaging/core";
import { type MaybePromise, publish } from "@cloud-messaging/core/transport";
import type { HandledMessages } from "./handled-messages.ts";
import type { DeliveryContext } from "./handlers.ts";

/** Connection that deliveries arrive on. A delivery can be acknowledged on its own connection only. */
export interface DeliverySource {
  readonly id: number;
  /** True once nothing can be acknowledged on the connection any more. */
  readonly ended: boolean;
  /** Writes an ack; returns `false` if the connection has ended. */
  acknowledge(to: string, messageId: string): boolean;
}

/** Fields that an acknowledgement needs. */
export interface Delivery {
  readonly from: string;
  readonly messageId: string;
}

/** Settings of a delivery queue. */
export interface DeliveryQueueOptions<T extends Delivery> {
  readonly type: "upstream" | "receipt";
  /** Returns the identity of a delivery: two deliveries with the same one are the same message. */
  identity(item: T): string;
  /** Returns the ordering key: deliveries with the same key are handled one after the other. */
  orderKey(item: T): string;
  /** Maximum number of handler calls at once. */
  readonly concurrency: number;
  readonly maxDeliveryAttempts: number;
  /** Maximum number of deliveries held. */
  readonly maxQueued: number;
  readonly handled: HandledMessages;
  readonly clock: Clock;
  /** Maximum number of unacknowledged deliveries per connection; those beyond it are acknowledged on arrival. Default: no limit. */
  readonly maxUnacknowledged?: number;
  /** True for a delivery that was acknowledged although nothing took it; its event says `discarded`. Default: never. */
  isDiscarded?(item: T): boolean;
  /** Stores a dead letter. */
  deadLetter(item: T, deliveryAttempts: number, error: unknown): Promise<void>;
}

/** Handles one delivery; a failure leaves it unacknowledged. */
export type DeliveryHandler<T> = (item: T, context: DeliveryContext) => MaybePromise<void>;

/** Thrown by a handler that returns its delivery unhandled. Not counted as an attempt; the delivery waits for the next handler. */
export class ReleasedError extends Error {}

/** A delivery that is held. */
export interface Task<T> {
  readonly item: T;
  readonly key: string;
  readonly receivedAt: number;
  /** ID of the connection it first arrived on. */
  readonly connectionId: number;
  /** Connections it arrived on; each needs its own acknowledgement. */
  sources: DeliverySource[];
  running: boolean;
  /** Calls of the handler, the present one included. 0: none yet. */
  attempts: number;
  /** Acknowledged on arrival: CCS does not redeliver it. */
  early: boolean;
  /** Look of the `HeldWatch` at the time of arrival. */
  readonly look: number;
}

/** Publishes a notice about deliveries. */
export function notice(name: string, detail: string): void {
  publish("cloud-messaging:notice", () => ({ transport: "ccs", notice: name, detail }));
}
