import type { RedisClient } from "./redis.ts";

/** Listening for work. */
export interface WorkListening {
  /** Calls `wake` when there may be work. Returns a function that ends it. */
  watch(wake: () => void): () => void;
  close(): void;
}

/** Listens on one connection of its own while anybody listens. After it was lost and is back, wakes everybody once. */
export function listenForWork(client: RedisClient, channel: string): WorkListening {
  const wakers = new Set<() => void>();
  let subscriber: RedisClient | undefined;
  const wakeAll = (): void => {
    for (const wake of [...wakers]) wake();
  };

  function begin(): RedisClient {
    const own =
      "nodes" in client
        ? client.duplicate()
        : client.duplicate({ maxRetriesPerRequest: null, enableOfflineQueue: true });
    // ioredis connects and subscribes again by itself
    own.on("error", () => undefined);
    own.on("message", wakeAll);
    own.on("ready", wakeAll);
    own.subscribe(channel).catch(() => undefined);
    return own;
  }

  function end(): void {
    subscriber?.disconnect();
    subscriber = undefined;
  }

  return {
    watch(wake) {
      const own = () => wake();
      wakers.add(own);
      subscriber ??= begin();
      return () => {
        wakers.delete(own);
        if (wakers.size === 0) end();
      };
    },
    close() {
      wakers.clear();
      end();
    },
  };
}
