import { onAbort } from "@cloud-messaging/core/transport";

/** Those who wait for the same thing to happen. Who stops waiting leaves nothing behind. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Resolves when it happens, and when the signal aborts. */
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

  /** It has happened. */
  wake(): void {
    for (const done of [...this.#waiting]) done();
  }
}
