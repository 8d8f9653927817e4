import { createHash } from "node:crypto";
import type { Decision, IncomingMessage } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import { elapsedMs, type MonotonicInstant, RecentMap } from "@cloud-messaging/core/transport";

/** Implementation limit: CCS messages that are recognised when they are repeated. */
const MAX_REMEMBERED = 100_000;

interface Remembered {
  readonly decision: Promise<Decision>;
  readonly at: MonotonicInstant;
}

/** CCS messages that were accepted lately, or are under way, in memory. */
export class Repeats {
  readonly #recent = new RecentMap<string, Remembered>(MAX_REMEMBERED);
  readonly #windowMs: number;
  readonly #clock: Clock;

  constructor(windowMs: number, clock: Clock) {
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  /** Gives the decision about the same message, or makes one. */
  once(hash: string, decide: () => Promise<Decision>): Promise<Decision> {
    const before = this.#recent.get(hash);
    if (before !== undefined && elapsedMs(this.#clock, before.at) < this.#windowMs) return before.decision;
    const remembered = { decision: decide(), at: this.#clock.monotonic() };
    this.#recent.set(hash, remembered);
    // what was refused, or failed, may be sent again under the same ID
    const forget = (): void => {
      if (this.#recent.get(hash) === remembered) this.#recent.delete(hash);
    };
    remembered.decision.then(({ kind }) => {
      if (kind === "refused") forget();
    }, forget);
    return remembered.decision;
  }
}

/**
 * Makes the hash that a repeat has in common with the message it repeats: of client, `message_id` and content, in whatever order its fields
 * are. An app server that counts its messages anew after a restart repeats IDs, not messages. The time to live may have become shorter meanwhile.
 */
export function repeatHash(
  client: string,
  messageId: string,
  { to, fields }: Pick<IncomingMessage, "to" | "fields">,
): string {
  const { time_to_live: _, ...content } = fields ?? {};
  const text = JSON.stringify([client, messageId, to, inOrder(content)]);
  return createHash("sha256").update(text).digest("base64url");
}

/** A JSON value with its objects as lists of sorted keys, each followed by its value, and its arrays in a list of one, which tells them apart. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return [value.map(inOrder)];
  const list: unknown[] = [];
  for (const key of Object.keys(value).sort()) list.push(key, inOrder((value as Record<string, unknown>)[key]));
  return list;
}
