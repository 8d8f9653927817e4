import { createHash } from "node:crypto";
import type { DownstreamTransport } from "@cloud-messaging/core";

/** Transports remembered; beyond, the oldest are no longer given to anybody new. */
const MAX_REMEMBERED = 100;

/** What the environment says where a sender is told nothing. */
const VARIABLES =
  /^(CLOUD_MESSAGING_EMULATOR_.*|GOOGLE_APPLICATION_CREDENTIALS|GOOGLE_CLOUD_PROJECT|GCLOUD_PROJECT|HTTPS?_PROXY|NO_PROXY)$/i;

interface Entry {
  readonly key: string;
  readonly transport: DownstreamTransport;
  users: number;
}

const entries = new Map<string, Entry>();
const numbers = new WeakMap<object, number>();
let lastNumber = 0;

/** One sender's part in a transport that others may use too. */
export interface SharedTransport {
  readonly transport: DownstreamTransport;
  /** Gives the part up. The transport is closed with the last of them. */
  release(): Promise<void>;
}

/**
 * The transport of all senders that are made alike. Programs written for node-gcm often make a sender per message and close none: each
 * with connections and an access token of its own, a busy one would run out of sockets.
 *
 * @param likeness What it is made of. Kept as a digest only: there are secrets in it.
 */
export function shareTransport(likeness: readonly unknown[], make: () => DownstreamTransport): SharedTransport {
  const key = digestOf(likeness);
  let entry = entries.get(key);
  if (entry === undefined) {
    entry = { key, transport: make(), users: 0 };
    entries.set(key, entry);
    if (entries.size > MAX_REMEMBERED) entries.delete((entries.keys().next() as { value: string }).value);
  }
  entry.users++;
  return { transport: entry.transport, release: releaserOf(entry) };
}

function releaserOf(entry: Entry): () => Promise<void> {
  let released: Promise<void> | undefined;
  return () => {
    released ??= (async () => {
      if (--entry.users > 0) return;
      if (entries.get(entry.key) === entry) entries.delete(entry.key);
      await entry.transport.close();
    })();
    return released;
  };
}

function digestOf(likeness: readonly unknown[]): string {
  const environment = Object.entries(process.env)
    .filter(([name]) => VARIABLES.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([likeness, environment], (_, value: unknown) => comparable(value)))
    .digest("base64");
}

/** What has code in it, such as a credential that gets tokens itself, is alike to itself only. */
function comparable(value: unknown): unknown {
  const hasCode =
    typeof value === "function" ||
    (typeof value === "object" &&
      value !== null &&
      typeof (value as { getAccessToken?: unknown }).getAccessToken === "function");
  if (!hasCode) return value;
  const known = numbers.get(value as object);
  if (known !== undefined) return `code ${known}`;
  numbers.set(value as object, ++lastNumber);
  return `code ${lastNumber}`;
}
