import type { Clock } from "@cloud-messaging/core";
import { type PostgresPool, type PostgresPooledClient, run, statement } from "./postgres.ts";

/** Wait before a connection that was lost is replaced. Unit: milliseconds. */
const RECONNECT_MS = 1_000;

/** Listening for work. */
export interface WorkListening {
  /** Calls `wake` when there may be work. Returns a function that ends it. */
  watch(wake: () => void): () => void;
  close(): void;
}

/** Listens on one connection of the pool, taken while anybody listens; replaces it when it is lost, and then wakes everybody once. */
export function listenForWork(pool: PostgresPool, channel: string, clock: Clock): WorkListening {
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
    watch(wake) {
      const own = () => wake();
      wakers.add(own);
      end ??= begin();
      return () => {
        wakers.delete(own);
        if (wakers.size > 0) return;
        end?.();
        end = undefined;
      };
    },
    close() {
      wakers.clear();
      end?.();
      end = undefined;
    },
  };
}
