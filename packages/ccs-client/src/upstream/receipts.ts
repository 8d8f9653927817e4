import type { DeliveryReceipt, DownstreamMessage } from "@cloud-messaging/core";
import { recipientsOf, tokensOf } from "@cloud-messaging/core/transport";
import type { ResolvedCcsOptions } from "../options.ts";
import type { DeliveryQueueOptions, DeliverySource } from "./delivery.ts";
import { DeliveryQueue } from "./delivery-queue.ts";
import type { ReceiptHandler } from "./handlers.ts";
import { ReceiptBook } from "./receipt-book.ts";

/**
 * Maximum number of unacknowledged receipts per connection. CCS stops delivering, upstream messages included, at an undocumented number of
 * unacknowledged deliveries (100 in the emulator). Implementation limit, not part of the protocol.
 */
const MAX_UNACKNOWLEDGED = 25;

/** Delivery receipts: matches each one to the message that requested it, for `waitFor` and for the handler. */
export class Receipts {
  readonly #options: ResolvedCcsOptions;
  readonly #queue: DeliveryQueue<DeliveryReceipt>;
  readonly #book: ReceiptBook;
  #handler: ReceiptHandler | undefined;
  #closed = false;

  constructor(
    options: ResolvedCcsOptions,
    queue: Pick<
      DeliveryQueueOptions<DeliveryReceipt>,
      "concurrency" | "maxDeliveryAttempts" | "maxQueued" | "handled" | "clock"
    >,
  ) {
    const { clock, onDeadLetter, onReceipt } = options;
    this.#options = options;
    this.#book = new ReceiptBook(clock);
    this.#queue = new DeliveryQueue<DeliveryReceipt>({
      ...queue,
      type: "receipt",
      maxUnacknowledged: MAX_UNACKNOWLEDGED,
      isDiscarded: (receipt) => this.#handler === undefined && this.#book.sentFor(receipt) === undefined,
      // receipts of the devices of a group, and of later messages with a reused ID, share sender and message ID
      identity: ({ from, messageId, deviceRegistrationId = "", sentAt = "" }) =>
        [from, messageId, deviceRegistrationId, sentAt].join("\n"),
      // ordered per original message: all receipts come from the service itself, and an order per device would let one receipt block others
      orderKey: ({ originalMessageId }) => originalMessageId,
      deadLetter: async (receipt, deliveryAttempts, error) =>
        onDeadLetter?.({ type: "receipt", receipt, deliveryAttempts, error }),
    });
    this.#handler = onReceipt;
    this.#handle();
  }

  /** Number of handler calls under way. */
  get running(): number {
    return this.#queue.running;
  }

  get handler(): ReceiptHandler | undefined {
    return this.#handler;
  }

  handleWith(handler: ReceiptHandler | undefined): void {
    this.#handler = handler;
    this.#handle();
  }

  /** Records a message that requests receipts, before it is written: one ID per recipient. */
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

  /** Accepts a delivery. */
  deliver(receipt: DeliveryReceipt, source: DeliverySource): void {
    // before the queue: `waitFor` does not wait for the handler
    this.#book.arrived(receipt);
    this.#queue.deliver(receipt, source);
  }

  /** See `DeliveryQueue.stall`. */
  get stall(): string | undefined {
    return this.#queue.stall;
  }

  /** See `DeliveryQueue.connectionEnded`. */
  connectionEnded(): void {
    this.#queue.connectionEnded();
  }

  /** Resolves when no handler call is under way or due, and when the signal aborts. */
  idle(signal: AbortSignal | undefined): Promise<void> {
    return this.#queue.idle(signal);
  }

  /** Stops accepting deliveries and new calls of `waitFor`; waits under way continue. */
  stop(): void {
    this.#closed = true;
    this.#queue.stop();
  }

  /** Ends every wait for a receipt, and aborts the signal of every handler call. */
  abort(reason: Error): void {
    this.#queue.abort(reason);
    this.#book.close();
  }

  /** Handles receipts even without a handler, so that they are acknowledged: unacknowledged ones would block upstream messages. */
  #handle(): void {
    this.#queue.handleWith((receipt, context) => {
      const sent = this.#book.sentFor(receipt);
      return this.#handler?.(receipt, sent === undefined ? context : { ...context, sent });
    });
  }
}
