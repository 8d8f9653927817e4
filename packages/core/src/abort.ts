const listenersOf = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` once when the signal aborts; at once when it has. Returns how to stop waiting for that.
 *
 * However many wait for one signal, it carries one listener: a signal shared by thousands of sends is normal, and Node warns of a leak
 * from the eleventh listener on.
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    run();
    return () => {};
  }
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    const waiting = new Set<() => void>();
    signal.addEventListener(
      "abort",
      () => {
        listenersOf.delete(signal);
        for (const listener of waiting) listener();
      },
      { once: true },
    );
    listenersOf.set(signal, waiting);
    listeners = waiting;
  }
  const registered = listeners;
  // a wrapper, so that the same function can wait twice
  const listener = (): void => run();
  registered.add(listener);
  return () => {
    registered.delete(listener);
  };
}
