import { isFakeImmediate } from "@cloud-messaging/core/transport";

/** True if the global `setImmediate` is a fake. undici waits for it before it reuses a connection, which would then never happen. */
export function hasFakeImmediate(): boolean {
  return isFakeImmediate(globalThis.setImmediate);
}
