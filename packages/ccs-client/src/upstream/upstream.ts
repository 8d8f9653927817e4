import type { DeliveryReceipt, MaybePromise, UpstreamMessage } from "@cloud-messaging/core";

/** What a handler is told beside the message. */
export interface DeliveryContext {
  /** Number of the connection it came on, as in `connections`. */
  readonly connectionId: number;
  /** How often this message has been given to the handler, from 1. */
  readonly tries: number;
  /** When it was received. Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Aborts when the client closes and will not wait any longer: what is not done by then is not acknowledged. */
  readonly signal: AbortSignal;
}

/** What a receipt handler is told beside the receipt. */
export interface ReceiptContext extends DeliveryContext {
  /** The send it belongs to, where this client made it and still remembers it. */
  readonly sent?: SentMessage;
}

/** A message of this client that asked for a receipt. */
export interface SentMessage {
  /** Who it was sent to, as the service knows it. */
  readonly recipient: string;
  /** Milliseconds since the epoch. */
  readonly sentAt: number;
}

/**
 * Handles a message from an app. It is acknowledged once the promise has fulfilled; until then CCS keeps it, and delivers it again
 * when the promise rejects. May be called with the same message more than once over time.
 */
export type UpstreamHandler = (message: UpstreamMessage, context: DeliveryContext) => MaybePromise<void>;

/**
 * Handles a delivery receipt. Acknowledged likewise, or before, while many are in hand: receipts must not keep upstream messages from
 * arriving.
 */
export type ReceiptHandler = (receipt: DeliveryReceipt, context: ReceiptContext) => MaybePromise<void>;

/** What was given up. */
export type GivenUp = {
  /** How often it was handed to the handler. */
  readonly tries: number;
  /** What the last try failed with. */
  readonly error: unknown;
} & (
  | {
      readonly type: "upstream";
      /** What could not be handled. */
      readonly message: UpstreamMessage;
    }
  | {
      readonly type: "receipt";
      /** What could not be handled. */
      readonly receipt: DeliveryReceipt;
    }
);

/** Keeps a message that no try could handle. It is acknowledged once this has fulfilled; when it rejects, CCS delivers it again. */
export type GivenUpHandler = (givenUp: GivenUp) => MaybePromise<void>;
