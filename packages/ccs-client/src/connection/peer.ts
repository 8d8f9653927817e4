import type { CloudMessagingError, DeliveryReceipt, UpstreamMessage } from "@cloud-messaging/core";
import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import type { ReceiptHandler, UpstreamHandler } from "../upstream/handlers.ts";

/** State of one connection. */
export interface CcsConnectionInfo {
  /** Number of the connection, counted from 1 over the lifetime of the client. Events and handlers use the same number. */
  readonly id: number;
  /** `open` accepts new messages; `draining` and `closing` do not. */
  readonly phase: "connecting" | "open" | "draining" | "closing";
  /** Number of messages in flight: written and not answered. */
  readonly pending: number;
  /** Time to the answer of the latest ping. Unit: milliseconds. Absent before the first: a connection with traffic is not pinged. */
  readonly roundTripMs?: number;
  /** JID that CCS has bound; absent before login. */
  readonly jid?: string;
}

/** Members that a CCS transport and a CCS client share, besides sending. */
export interface CcsPeer {
  /**
   * Resolves when a connection is online; at once if one is.
   *
   * @throws {AuthenticationError} CCS refused the login.
   * @throws {ClosedError} The client is closed.
   * @throws {AbortedError} The signal aborted; the message includes that of `lastError`.
   */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Resolves when the client has ended: with the error that ended it, or with `undefined` after `close()`. Never rejects. */
  readonly closed: Promise<CloudMessagingError | undefined>;
  /** Resolves when every message sent has its outcome and no handler is running. */
  idle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Error of the latest failed attempt to connect, until one succeeds; reconnecting never stops for it. While connected: an error that
   * describes unacknowledged deliveries for which CCS stops delivering, namely upstream messages without a handler or deliveries whose
   * handler has not finished for 15 to 30 s. `undefined` if there is neither.
   */
  readonly lastError: Error | undefined;
  /** Connections that have not ended, oldest first. */
  readonly connections: readonly CcsConnectionInfo[];
  /**
   * Sets the handler of upstream messages. A message is acknowledged when the promise of the handler fulfils. Messages received earlier are
   * passed to it now. Do not await `close()` in the handler: `close()` waits for the handler, up to `closeTimeoutMs`.
   *
   * @returns a function that removes the handler.
   * @throws {InvalidOptionsError} The handler is not a function, there is a handler already, or an `upstream()` iterator is active.
   */
  onUpstream(handler: UpstreamHandler): () => void;
  /**
   * Sets the handler of delivery receipts. Receipts received earlier were acknowledged without a handler.
   *
   * @returns a function that removes the handler.
   * @throws {InvalidOptionsError} The handler is not a function, or there is a handler already.
   */
  onReceipt(handler: ReceiptHandler): () => void;
  /**
   * Creates an async iterator over upstream messages. A message is acknowledged when the next one is requested. After `break` or a throw it is
   * not acknowledged, and CCS redelivers it. Ends when the client closes. Several iterators share the messages. Concurrent calls of `next()`
   * return messages of different devices: messages of one device come one after the other. Do not await `close()` in the loop: `close()`
   * waits for the current message, up to `closeTimeoutMs`.
   *
   * @throws {InvalidOptionsError} There is a handler already.
   */
  upstream(): AsyncIterableIterator<UpstreamMessage>;
}

/** Transport over CCS: one attempt per `send`, over persistent connections. */
export interface CcsTransport extends DownstreamTransport, CcsPeer {
  readonly name: "ccs";
  /** Message IDs are assigned per recipient before the first attempt. */
  readonly usesMessageIds: true;
  /** Unanswered messages of a lost connection are resent by the transport itself. */
  readonly settlesAmbiguous: true;
  /** Number of messages in flight over all connections: written and not answered. */
  readonly pending: number;
  /** Number of messages that wait for capacity on a connection. */
  readonly waiting: number;
  /**
   * Waits for the receipt of a message that was sent with `deliveryReceiptRequested`. Resolves with `undefined` if none arrives within
   * `timeoutMs` (default: `receiptTimeoutMs`), if the message is unknown, if the signal aborts, and when the transport closes.
   *
   * @throws {InvalidOptionsError} An option is wrong.
   */
  receiptFor(
    messageId: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<DeliveryReceipt | undefined>;
}
