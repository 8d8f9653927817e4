import { clearImmediate, setImmediate } from "node:timers";

/** `util.promisify.custom`, under the name by which Node shares it. */
const PROMISIFY = Symbol.for("nodejs.util.promisify.custom");

/** Cancels a call of the next turn. */
export type CancelTurn = () => void;

/**
 * True for a `setImmediate` of a test's fake timers, which waits for the test. Those of vitest, jest and Sinon have `clock`; that of
 * node:test cannot be promisified. The wrapper of a tracing library is neither.
 */
export function isFakeImmediate(immediate: object): boolean {
  return "clock" in immediate || !(PROMISIFY in immediate);
}

/**
 * Makes a call in a later turn of the event loop, once what arrived in this one has been read. No fake timers hold it up: I/O is not time.
 * The function of Node is taken at load; where it is a fake already by then, a message port takes its place.
 */
export const nextTurn: (run: () => void) => CancelTurn = isFakeImmediate(setImmediate) ? viaPort() : viaImmediate();

function viaImmediate(): (run: () => void) => CancelTurn {
  const [set, clear] = [setImmediate, clearImmediate];
  return (run) => {
    const immediate = set(run);
    return () => clear(immediate);
  };
}

function viaPort(): (run: () => void) => CancelTurn {
  const { port1, port2 } = new MessageChannel();
  const due = new Set<() => void>();
  const settle = (): void => {
    // like an immediate, it keeps the process alive until it was called
    if (due.size === 0) port1.unref();
  };
  port1.on("message", () => {
    const [run] = due;
    if (run === undefined) return;
    due.delete(run);
    settle();
    run();
  });
  port1.unref();
  return (run) => {
    const call = (): void => run();
    if (due.size === 0) port1.ref();
    due.add(call);
    port2.postMessage(undefined);
    return () => {
      if (due.delete(call)) settle();
    };
  };
}
