import { onAbort } from "@cloud-messaging/core/transport";

/** Promises that wait for the same event. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  /** Number of waiting promises. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves at the next `wake()`, and when the signal aborts. */
  wait(signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stopWaiting();
        this.#waiting.delete(done);
        resolve();
      };
      const stopWaiting = onAbort(signal, done);
      this.#waiting.add(done);
    });
  }

  /** Resolves every waiting promise. */
  wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
