import { createHash } from "node:crypto";
import type { MessageContent } from "@cloud-messaging/core";

/** An icon that is an address, for browsers; any other is a drawable's name, for Android. */
export const WEB_ICON = /^(https?:\/\/|\/)/;

/**
 * Effective priority of a message. Default, as in GCM: normal for data and high for notifications.
 *
 * @param shows The platform's own block makes it a notification there.
 */
export function priorityOf(message: MessageContent, shows: boolean): "normal" | "high" {
  return message.priority ?? (message.notification === undefined && !shows ? "normal" : "high");
}

/** Hash of a key that is too long for a platform: 32 characters. */
export function shortened(key: string): string {
  return createHash("sha256").update(key).digest("base64url").slice(0, 32);
}

/** Merges headers; those of the caller take precedence. Names are compared without regard to case. */
export function withOwnHeaders(
  headers: Record<string, string>,
  own: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  if (own === undefined) return headers;
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !names.has(name.toLowerCase()));
  return { ...Object.fromEntries(kept), ...own };
}

export function isEmpty(value: object): boolean {
  for (const _ in value) return false;
  return true;
}

/** Picks the fields that are set, under their names on the wire. */
export function pick<T extends object, N extends Partial<Record<keyof T, string>>>(
  from: T,
  names: N,
): { [K in keyof N & keyof T as N[K] & string]?: Exclude<T[K], undefined> } {
  const picked: Record<string, unknown> = {};
  // no Object.entries: a list of lists for each of several calls per message
  for (const field in names) {
    const value = (from as Record<string, unknown>)[field];
    if (value !== undefined) picked[names[field] as string] = value;
  }
  return picked as ReturnType<typeof pick<T, N>>;
}
