import type { CloudMessagingError, DeliveryReceipt, UpstreamMessage } from "@cloud-messaging/core";
import type { DownstreamTransport } from "@cloud-messaging/core/transport";
import type { ReceiptHandler, UpstreamHandler } from "../upstream/upstream.ts";

/** A look at one connection. */
export interface CcsConnectionInfo {
  /** Counts up from 1 over the life of the client; events and handlers name it too. */
  readonly id: number;
  /** `open` takes new messages; `draining` and `closing` do not. */
  readonly phase: "connecting" | "open" | "draining" | "closing";
  /** Messages written and not answered. */
  readonly pending: number;
  /** The address CCS bound, once online. */
  readonly jid?: string;
}

/** What a CCS transport and a CCS client have in common beside sending. */
export interface CcsPeer {
  /**
   * Resolves when a connection is online, at once when one is.
   *
   * @throws {AuthenticationError} the login was refused.
   * @throws {ClosedError} closed, before or meanwhile.
   * @throws {AbortedError} the signal aborted; the message has the `trouble` there was.
   */
  ready(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Resolves once everything has ended: with the error that ended it, or with `undefined` after `close()`. Never rejects. */
  readonly closed: Promise<CloudMessagingError | undefined>;
  /** Resolves when every message sent has its outcome and no handler runs. */
  idle(options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * The latest attempt to connect that failed, in words, until one succeeds: a server that cannot be reached is tried again for ever. Else
   * what is kept unacknowledged and makes CCS stop delivering: upstream messages without a handler, or anything that handlers hold for
   * long. `undefined` while all is well.
   */
  readonly trouble: string | undefined;
  /** Every connection that has not ended, oldest first. */
  readonly connections: readonly CcsConnectionInfo[];
  /**
   * Sets who handles upstream messages; they are acknowledged when its promise fulfils. What came before is handed over now.
   * Returns how to take it off again. Do not await `close()` in a handler: it waits for the handler, up to `closeTimeoutMs`.
   *
   * @throws {InvalidOptionsError} it is no function, there is a handler already, or somebody iterates over `upstream()`.
   */
  onUpstream(handler: UpstreamHandler): () => void;
  /**
   * Sets who handles delivery receipts. Those that came before were acknowledged without.
   *
   * @throws {InvalidOptionsError} it is no function, or there is a handler already.
   */
  onReceipt(handler: ReceiptHandler): () => void;
  /**
   * Upstream messages one by one. A message is acknowledged when the next one is asked for; after `break` or a throw it is not, and
   * CCS delivers it again. Ends when the client closes. Several loops share the messages. Who asks for several at once with `next()` gets
   * those of different devices: of one device, a message comes after the one before it. Do not await `close()` in a loop: it waits
   * for the message in hand, up to `closeTimeoutMs`; leave the loop first, or call it without `await`.
   *
   * @throws {InvalidOptionsError} there is a handler already.
   */
  upstream(): AsyncIterableIterator<UpstreamMessage>;
}

/** CCS as a transport: one attempt per `send`, over connections that are kept up. */
export interface CcsTransport extends DownstreamTransport, CcsPeer {
  readonly name: "ccs";
  /** Each recipient's message has an ID, given before the first attempt. */
  readonly usesMessageIds: true;
  /** It writes again by itself what a lost connection left unanswered. */
  readonly settlesAmbiguous: true;
  /** Messages written and not answered, over all connections. */
  readonly pending: number;
  /** Messages that wait for room on a connection. */
  readonly waiting: number;
  /**
   * The receipt of a message this transport sent with `deliveryReceiptRequested`. `undefined` when none came within `timeoutMs`
   * (default: `receiptTimeoutMs`), when the message is not known, when the signal aborts and when the transport closes.
   */
  receiptFor(
    messageId: string,
    options?: { readonly timeoutMs?: number; readonly signal?: AbortSignal },
  ): Promise<DeliveryReceipt | undefined>;
}
