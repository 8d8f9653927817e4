import { createSender } from "./create-sender.ts";
import type { DownstreamTransport } from "./downstream-transport.ts";
import type { Sender, SenderOptions } from "./sender.ts";

/**
 * Creates a sender over a transport that was made for it. Where an option of the sender is wrong, the transport is closed again: it may have
 * begun to connect, or have joined the quota of a project.
 *
 * @example
 * ```ts
 * import { createSenderOver, type DownstreamTransport } from "@cloud-messaging/core/transport";
 *
 * export const createMySender = (transport: DownstreamTransport) => createSenderOver(transport, { timeoutMs: 10_000 });
 * ```
 *
 * @throws {InvalidOptionsError} as `createSender` does.
 */
export function createSenderOver(transport: DownstreamTransport, options: SenderOptions): Sender {
  try {
    return createSender({ ...options, transport });
  } catch (error) {
    // there is nobody whom a failure to close could be told
    transport.close().catch(() => undefined);
    throw error;
  }
}
