import { setImmediate as ofNode } from "node:timers";
import { promisify } from "node:util";

/**
 * Tells that a test has replaced the global `setImmediate` by one that runs when the test says so. undici waits for it before it uses a
 * connection again, which would then be never.
 *
 * vitest, jest and Sinon mark theirs with `clock`; node:test's cannot be promisified. A wrapper of a tracing library is neither.
 */
export function hasFakeImmediate(): boolean {
  const current: object = globalThis.setImmediate;
  return current !== ofNode && ("clock" in current || !(promisify.custom in current));
}
