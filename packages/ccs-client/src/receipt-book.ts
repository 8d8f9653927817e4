import type { CancelTimer, Clock, DeliveryReceipt } from "@cloud-messaging/core";
import { RecentMap } from "./recent-map.ts";
import type { SentMessage } from "./upstream.ts";

interface Entry {
  readonly sent: SentMessage;
  receipt?: DeliveryReceipt;
  waiters?: ((receipt: DeliveryReceipt) => void)[];
}

/** How many messages that asked for a receipt are remembered. What is forgotten still reaches the receipt handler. */
const MAX_REMEMBERED_MESSAGES = 10_000;

/** Joins receipts to the messages that asked for them. */
export class ReceiptBook {
  readonly #entries = new RecentMap<Entry>(MAX_REMEMBERED_MESSAGES);
  readonly #giveUps = new Set<() => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Remembers a message before it is written, since its receipt may overtake its acknowledgement. */
  expect(messageId: string, sent: SentMessage): void {
    if (this.#entries.get(messageId) === undefined) this.#entries.set(messageId, { sent });
  }

  /** The message a receipt belongs to, and whether somebody waits for the receipt. Wakes them up. */
  arrived(receipt: DeliveryReceipt): { readonly sent: SentMessage; readonly awaited: boolean } | undefined {
    const entry = this.#entries.get(receipt.originalMessageId);
    if (entry === undefined) return undefined;
    entry.receipt ??= receipt;
    const waiters = entry.waiters ?? [];
    delete entry.waiters;
    for (const wake of waiters) wake(entry.receipt);
    return { sent: entry.sent, awaited: waiters.length > 0 };
  }

  /** Whether this client sent the message and still remembers it. */
  knows(messageId: string): boolean {
    return this.#entries.get(messageId) !== undefined;
  }

  /** Resolves with the receipt; with `undefined` when none came in time, the signal aborts or the client closes. */
  wait(messageId: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<DeliveryReceipt | undefined> {
    const entry = this.#entries.get(messageId);
    if (entry === undefined || signal?.aborted) return Promise.resolve(undefined);
    if (entry.receipt !== undefined) return Promise.resolve(entry.receipt);
    return new Promise((resolve) => {
      let cancel: CancelTimer | undefined;
      const done = (receipt?: DeliveryReceipt): void => {
        cancel?.();
        signal?.removeEventListener("abort", giveUp);
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
      signal?.addEventListener("abort", giveUp, { once: true });
      cancel = this.#clock.schedule(timeoutMs, giveUp);
    });
  }

  /** Ends every wait. */
  close(): void {
    for (const giveUp of [...this.#giveUps]) giveUp();
  }
}
