import type { DeliveryReceipt, DownstreamMessage } from "@cloud-messaging/core";
import { recipientsOf, tokensOf } from "@cloud-messaging/core/transport";
import type { ResolvedCcsOptions } from "../options.ts";
import { type DeliverySource, Inbox, type InboxOptions } from "./delivery-queue.ts";
import { ReceiptBook } from "./receipt-book.ts";
import type { ReceiptHandler } from "./upstream.ts";

/**
 * Receipts of one connection that handlers may keep unacknowledged. CCS stops delivering when too much is unacknowledged, upstream messages
 * as well as receipts, at a number it does not say; the emulator's is 100. Ours.
 */
const MAX_UNACKNOWLEDGED = 25;

/** Delivery receipts from what asks for them to who takes them: the one who waits for a message's receipt, and the handler. */
export class Receipts {
  readonly #options: ResolvedCcsOptions;
  readonly #inbox: Inbox<DeliveryReceipt>;
  readonly #book: ReceiptBook;
  #handler: ReceiptHandler | undefined;
  #closed = false;

  constructor(
    options: ResolvedCcsOptions,
    inbox: Pick<InboxOptions<DeliveryReceipt>, "concurrency" | "maxTries" | "maxQueued" | "handled" | "clock">,
  ) {
    const { clock, onGivenUp, onReceipt } = options;
    this.#options = options;
    this.#book = new ReceiptBook(clock);
    this.#inbox = new Inbox<DeliveryReceipt>({
      ...inbox,
      type: "receipt",
      maxUnacknowledged: MAX_UNACKNOWLEDGED,
      untaken: (receipt) => this.#handler === undefined && this.#book.sentFor(receipt) === undefined,
      // the devices of a group, and later messages under a used ID, have receipts that come from the same and are called the same
      identity: ({ from, messageId, deviceRegistrationId = "", sentAt = "" }) =>
        [from, messageId, deviceRegistrationId, sentAt].join("\n"),
      // all receipts come from the service itself: what keeps an order is the message they are about. Not the device: a receipt
      // that nobody takes would hold up all others of it.
      orderKey: ({ originalMessageId }) => originalMessageId,
      giveUp: async (receipt, tries, error) => onGivenUp?.({ type: "receipt", receipt, tries, error }),
    });
    this.#handler = onReceipt;
    this.#handle();
  }

  /** Receipts that are being handled. */
  get running(): number {
    return this.#inbox.running;
  }

  get handler(): ReceiptHandler | undefined {
    return this.#handler;
  }

  handleWith(handler: ReceiptHandler | undefined): void {
    this.#handler = handler;
    this.#handle();
  }

  /** A message that asks for receipts is going to be sent: one ID per recipient. */
  expect(message: DownstreamMessage, messageIds: readonly string[]): void {
    const sentAt = this.#options.clock.now();
    const toToken = tokensOf(message.target) !== undefined;
    for (const [position, recipient] of recipientsOf(message.target).entries()) {
      this.#book.expect(messageIds[position] as string, { recipient, sentAt }, toToken);
    }
  }

  /** See `CcsTransport.receiptFor`. */
  waitFor(
    messageId: string,
    { timeoutMs = this.#options.receiptTimeoutMs, signal }: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<DeliveryReceipt | undefined> {
    return this.#closed ? Promise.resolve(undefined) : this.#book.wait(messageId, timeoutMs, signal);
  }

  /** Takes a delivery. */
  deliver(receipt: DeliveryReceipt, source: DeliverySource): void {
    // before it queues: who waits for it does not depend on what is ahead of it
    this.#book.arrived(receipt);
    this.#inbox.deliver(receipt, source);
  }

  /** See `Inbox.trouble`. */
  get trouble(): string | undefined {
    return this.#inbox.trouble;
  }

  /** See `Inbox.connectionEnded`. */
  connectionEnded(): void {
    this.#inbox.connectionEnded();
  }

  /** Resolves when nothing is being handled, and when the signal aborts. */
  idle(signal: AbortSignal | undefined): Promise<void> {
    return this.#inbox.idle(signal);
  }

  /** Takes nothing more, and lets nobody begin to wait. What is waited for already may still come. */
  stop(): void {
    this.#closed = true;
    this.#inbox.stop();
  }

  /** Nobody waits any longer, neither for receipts nor for handlers. */
  abort(reason: Error): void {
    this.#inbox.abort(reason);
    this.#book.close();
  }

  /** With nobody to take it a receipt is acknowledged all the same: kept by CCS, it would use up the room of upstream messages. */
  #handle(): void {
    this.#inbox.handleWith((receipt, context) => {
      const sent = this.#book.sentFor(receipt);
      return this.#handler?.(receipt, sent === undefined ? context : { ...context, sent });
    });
  }
}
