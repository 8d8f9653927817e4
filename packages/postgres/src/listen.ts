import type { Clock } from "@cloud-messaging/core";
import type { PostgresPool, PostgresPooledClient } from "./pool.ts";
import { run, statement } from "./run.ts";

/** Wait before a connection that was lost is replaced. Unit: milliseconds. */
const RECONNECT_MS = 1_000;

/** Listening on a channel. */
export interface Listening {
  /** Calls `wake` after a notification, and after a time without a connection. Returns a function that ends it. */
  listen(wake: () => void): () => void;
  /** Ends it, and wakes everybody once more: whoever waits for a change learns that there will be none. */
  close(): void;
}

/** Listens on one connection of the pool, taken while anybody listens; replaces it when it is lost, and then wakes everybody once. */
export function listenOn(pool: PostgresPool, channel: string, clock: Clock): Listening {
  const wakers = new Set<() => void>();
  let end: (() => void) | undefined;
  const wakeAll = (): void => {
    for (const wake of [...wakers]) wake();
  };

  function begin(): () => void {
    let over = false;
    let client: PostgresPooledClient | undefined;
    let cancel: (() => void) | undefined;

    function lose(): void {
      drop();
      if (over || cancel !== undefined) return;
      cancel = clock.schedule(RECONNECT_MS, () => {
        cancel = undefined;
        void connect();
      });
    }

    function drop(): void {
      const lost = client;
      client = undefined;
      if (lost === undefined) return;
      lost.removeListener("notification", wakeAll);
      lost.removeListener("end", lose);
      // it may still report an error of its end: the listener for those stays
      lost.release(true);
    }

    async function connect(): Promise<void> {
      try {
        const taken = await pool.connect();
        if (over) return taken.release();
        client = taken;
        taken.on("notification", wakeAll);
        taken.on("error", lose);
        taken.on("end", lose);
        await run(taken, statement(`LISTEN "${channel}"`)());
        // whatever came before it listened
        wakeAll();
      } catch {
        lose();
      }
    }

    void connect();
    return () => {
      over = true;
      cancel?.();
      drop();
    };
  }

  return {
    listen(wake) {
      const own = () => wake();
      wakers.add(own);
      // the only connection is for the calls: whoever waits looks now and then
      if (pool.options?.max !== 1) end ??= begin();
      return () => {
        wakers.delete(own);
        if (wakers.size > 0) return;
        end?.();
        end = undefined;
      };
    },
    close() {
      const last = [...wakers];
      wakers.clear();
      end?.();
      end = undefined;
      for (const wake of last) wake();
    },
  };
}
