import type { Clock, DeliveryReceipt } from "@cloud-messaging/core";
import { type CancelTimer, onAbort, RecentMap } from "@cloud-messaging/core/transport";
import type { SentMessage } from "./handlers.ts";

interface Entry {
  readonly sent: SentMessage;
  /** True if the recipient is a registration token, which receipts name. */
  readonly toToken: boolean;
  receipt?: DeliveryReceipt;
  waiters?: ((receipt: DeliveryReceipt) => void)[];
}

/** Maximum number of remembered messages that requested a receipt. Receipts of forgotten ones still reach the handler. */
const MAX_REMEMBERED_MESSAGES = 10_000;

/** Correlates receipts with the messages that requested them. */
export class ReceiptBook {
  readonly #entries = new RecentMap<string, Entry>(MAX_REMEMBERED_MESSAGES);
  readonly #giveUps = new Set<() => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a message before it is written, since its receipt may arrive before its ack. */
  expect(messageId: string, sent: SentMessage, toToken: boolean): void {
    const known = this.#entries.get(messageId);
    // a reused message ID: the receipt of the earlier message does not belong to the later one
    const again = known !== undefined && known.receipt === undefined && known.sent.recipient === sent.recipient;
    if (!again) this.#entries.set(messageId, { sent, toToken });
  }

  /** Records a receipt and resolves the waits for it. */
  arrived(receipt: DeliveryReceipt): void {
    const entry = this.#entries.get(receipt.originalMessageId);
    if (entry === undefined || !isAbout(receipt, entry)) return;
    entry.receipt ??= receipt;
    const waiters = entry.waiters ?? [];
    delete entry.waiters;
    for (const wake of waiters) wake(entry.receipt);
  }

  /** Returns the message that a receipt belongs to; `undefined` if this client did not send it or has forgotten it. */
  sentFor(receipt: DeliveryReceipt): SentMessage | undefined {
    const entry = this.#entries.get(receipt.originalMessageId);
    return entry !== undefined && isAbout(receipt, entry) ? entry.sent : undefined;
  }

  /** Resolves with the receipt, or with `undefined` after the time-out, when the signal aborts and when the client closes. */
  wait(messageId: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<DeliveryReceipt | undefined> {
    const entry = this.#entries.get(messageId);
    if (entry === undefined || signal?.aborted) return Promise.resolve(undefined);
    if (entry.receipt !== undefined) return Promise.resolve(entry.receipt);
    return new Promise((resolve) => {
      let cancel: CancelTimer | undefined;
      const done = (receipt?: DeliveryReceipt): void => {
        cancel?.();
        stopWaiting();
        this.#giveUps.delete(giveUp);
        if (receipt === undefined && entry.waiters !== undefined) {
          entry.waiters = entry.waiters.filter((waiter) => waiter !== done);
        }
        resolve(receipt);
      };
      const giveUp = (): void => done();
      entry.waiters ??= [];
      entry.waiters.push(done);
      this.#giveUps.add(giveUp);
      const stopWaiting = onAbort(signal, giveUp);
      cancel = this.#clock.schedule(timeoutMs, giveUp);
    });
  }

  /** Ends every wait. */
  close(): void {
    for (const giveUp of [...this.#giveUps]) giveUp();
  }
}

/** False if both name a device and they differ: the receipt then belongs to an earlier message with this ID. */
function isAbout({ deviceRegistrationId }: DeliveryReceipt, { sent, toToken }: Entry): boolean {
  return deviceRegistrationId === undefined || !toToken || deviceRegistrationId === sent.recipient;
}
