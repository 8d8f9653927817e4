import { setImmediate as ofNode } from "node:timers";
import { promisify } from "node:util";

/**
 * True if a test has replaced the global `setImmediate` by a fake. undici waits for it before it reuses a connection, which would then never
 * happen.
 *
 * vitest, jest and Sinon mark theirs with `clock`; node:test's cannot be promisified. A wrapper of a tracing library is neither.
 */
export function hasFakeImmediate(): boolean {
  const current: object = globalThis.setImmediate;
  return current !== ofNode && ("clock" in current || !(promisify.custom in current));
}
