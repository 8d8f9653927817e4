/** Tells an `AbortSignal` by what it does and not by its class, so that one of another realm (jsdom, a polyfill) is taken too. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  const signal = (value ?? {}) as Partial<Record<keyof AbortSignal, unknown>>;
  return (
    typeof signal.aborted === "boolean" &&
    typeof signal.addEventListener === "function" &&
    typeof signal.removeEventListener === "function"
  );
}

/** Callbacks that wait for a signal, and its one listener for all of them. */
interface Waiting {
  readonly runs: Set<() => void>;
  readonly listener: () => void;
}

const waitingFor = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `run` once when the signal aborts; at once when it has. Returns how to stop waiting for that.
 *
 * However many wait for one signal, it carries one listener, and none once nobody waits: a signal shared by thousands of sends is normal,
 * and Node warns of a leak from the eleventh listener on.
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    run();
    return () => {};
  }
  const waiting = waitingFor.get(signal) ?? startWaiting(signal);
  // a wrapper, so that the same function can wait twice
  const once = (): void => run();
  waiting.runs.add(once);
  return () => {
    if (!waiting.runs.delete(once) || waiting.runs.size > 0 || waitingFor.get(signal) !== waiting) return;
    signal.removeEventListener("abort", waiting.listener);
    waitingFor.delete(signal);
  };
}

/** Waits for a value no longer than for the signal: resolves with `undefined` once that aborts, whatever becomes of the value. */
export function untilAborted<T>(value: T | PromiseLike<T>, signal: AbortSignal | undefined): Promise<T | undefined> {
  if (signal === undefined) return Promise.resolve(value);
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => resolve(undefined));
    Promise.resolve(value).then(resolve, reject).finally(forget);
  });
}

function startWaiting(signal: AbortSignal): Waiting {
  const runs = new Set<() => void>();
  const listener = (): void => {
    waitingFor.delete(signal);
    for (const run of runs) run();
  };
  const waiting = { runs, listener };
  signal.addEventListener("abort", listener, { once: true });
  waitingFor.set(signal, waiting);
  return waiting;
}
