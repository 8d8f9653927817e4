import type { DeliveryReceipt, UpstreamMessage } from "@cloud-messaging/core";
import type { MaybePromise } from "@cloud-messaging/core/transport";

/** Facts about a delivery, passed to the handler beside the message. */
export interface DeliveryContext {
  /** ID of the connection that the message first arrived on, as in `connections`. */
  readonly connectionId: number;
  /** Number of this call of the handler for the message. Range: 1 to `maxDeliveryAttempts`. */
  readonly deliveryAttempt: number;
  /** Time of arrival. Unit: milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Aborts when `close()` stops waiting for handlers. A message that is not handled by then stays unacknowledged. */
  readonly signal: AbortSignal;
}

/** Facts about the delivery of a receipt. */
export interface ReceiptContext extends DeliveryContext {
  /** The message that the receipt belongs to; absent if this client did not send it or has forgotten it. */
  readonly sent?: SentMessage;
}

/** A sent message that requested a delivery receipt. */
export interface SentMessage {
  /** Recipient as it was sent to the service. */
  readonly recipient: string;
  /** Time of the send. Unit: milliseconds since the epoch. */
  readonly sentAt: number;
}

/**
 * Handles an upstream message. The message is acknowledged when the promise fulfils. If it rejects, the message stays unacknowledged
 * and CCS redelivers it. Delivery is at least once: the same message may arrive again.
 */
export type UpstreamHandler = (message: UpstreamMessage, context: DeliveryContext) => MaybePromise<void>;

/**
 * Handles a delivery receipt. The receipt is acknowledged when the promise fulfils, or on arrival while more than 25 receipts of a
 * connection are unacknowledged, so that receipts do not block upstream messages.
 */
export type ReceiptHandler = (receipt: DeliveryReceipt, context: ReceiptContext) => MaybePromise<void>;

/** A message or receipt whose handler has failed `maxDeliveryAttempts` times. */
export type DeadLetter = {
  /** Number of calls of the handler. */
  readonly deliveryAttempts: number;
  /** Error of the last call. */
  readonly error: unknown;
} & (
  | {
      readonly type: "upstream";
      /** The upstream message. */
      readonly message: UpstreamMessage;
    }
  | {
      readonly type: "receipt";
      /** The delivery receipt. */
      readonly receipt: DeliveryReceipt;
    }
);

/** Stores a dead letter. It is acknowledged when the promise fulfils; if it rejects, CCS redelivers. */
export type DeadLetterHandler = (deadLetter: DeadLetter) => MaybePromise<void>;
