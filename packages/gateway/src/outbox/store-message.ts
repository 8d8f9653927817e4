import type { IncomingMessage } from "@cloud-messaging/connection-server";
import type { Outbox } from "@cloud-messaging/core/transport";
import { repeatHash } from "../repeats.ts";
import { toMessage } from "../translate.ts";

/** Characters of a `message_id` that a key shows. */
const MAX_SHOWN = 100;

/** Time for which repeats are recognised. */
export interface RepeatWindow {
  /** Unit: milliseconds. */
  readonly windowMs: number;
  /** Wall clock: it is stored. Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Stores a message of a client. Resolves with its ID in the outbox when it is on disk. A CCS message with the `message_id` and content of one
 * that was stored within the window, or at most twice as long ago, is that one.
 *
 * @throws what `enqueue` throws.
 */
export async function storeMessage(
  outbox: Outbox,
  message: IncomingMessage,
  client: string,
  { windowMs, now }: RepeatWindow,
): Promise<string> {
  const { protocol, messageId } = message;
  if (protocol !== "ccs" || messageId === undefined) return (await outbox.enqueue(toMessage(message))).id;
  const window = Math.floor(now / windowMs);
  const keyIn = (number: number): string =>
    [client, number, repeatHash(client, messageId, message), messageId.slice(0, MAX_SHOWN)].join("/");
  const before = await outbox.progress({ key: keyIn(window - 1) });
  return before?.id ?? (await outbox.enqueue(toMessage(message), { key: keyIn(window) })).id;
}

/** Client and `message_id` of the CCS message with a key of `storeMessage`. */
export function readKey(key: string): { readonly client: string; readonly messageId: string } {
  const [client = "", , , ...messageId] = key.split("/");
  return { client, messageId: messageId.join("/") };
}
