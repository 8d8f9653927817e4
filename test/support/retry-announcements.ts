import { subscribe } from "@cloud-messaging/core";

/** Announcements of retries in this process, from now on. */
export interface RetryAnnouncements {
  /** Resolves with the next one that nobody has taken. */
  next(): Promise<{ readonly delayMs: number }>;
  stop(): void;
}

/** Subscribes to the announcements of retries. */
export function retryAnnouncements(): RetryAnnouncements {
  const told: { delayMs: number }[] = [];
  let wake = (): void => undefined;
  const stop = subscribe("cloud-messaging:retry", (event) => {
    told.push(event);
    wake();
  });
  return {
    stop,
    async next() {
      while (told.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return told.shift() as { delayMs: number };
    },
  };
}
