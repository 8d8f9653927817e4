import { createHash } from "node:crypto";
import { type DownstreamTransport, processWide } from "@cloud-messaging/core/transport";

/** Maximum number of cached transports; beyond it the oldest is evicted from the cache. */
const MAX_REMEMBERED = 100;

/** Environment variables that replace absent options. */
const VARIABLES =
  /^(CLOUD_MESSAGING_EMULATOR_.*|GOOGLE_APPLICATION_CREDENTIALS|GOOGLE_CLOUD_PROJECT|GCLOUD_PROJECT|HTTPS?_PROXY|NO_PROXY)$/i;

interface Entry {
  readonly key: string;
  readonly transport: DownstreamTransport;
  users: number;
}

/** Shared transports of a process. Programs load this package by `import` and by `require` at once. */
const pool = processWide("node-gcm/shared-transports/1", () => ({
  entries: new Map<string, Entry>(),
  /** Identity of functions and other code, for digests. */
  numbers: new WeakMap<object, number>(),
  lastNumber: 0,
}));

/** Reference of one sender to a shared transport. */
export interface SharedTransport {
  /** Runs a function with the transport, which stays open until it settles. */
  use<T>(run: (transport: DownstreamTransport) => Promise<T>): Promise<T>;
  /** Releases the reference. The last release closes the transport. */
  release(): Promise<void>;
}

/**
 * Acquires the transport shared by all senders of equal options. Programs written for node-gcm often create a sender per message and close
 * none; with connections and an access token for each, a busy one would run out of sockets.
 *
 * @param settings Values that identify the transport. Stored as a digest only, since they include secrets.
 * @param create Creates the transport if there is none.
 */
export function shareTransport(settings: readonly unknown[], create: () => DownstreamTransport): SharedTransport {
  const key = digestOf(settings);
  let entry = pool.entries.get(key);
  if (entry === undefined) {
    entry = { key, transport: create(), users: 0 };
    pool.entries.set(key, entry);
    if (pool.entries.size > MAX_REMEMBERED)
      pool.entries.delete((pool.entries.keys().next() as { value: string }).value);
  }
  const acquired = entry;
  return { use: (run) => use(acquired, run), release: acquire(acquired) };
}

async function use<T>(entry: Entry, run: (transport: DownstreamTransport) => Promise<T>): Promise<T> {
  const release = acquire(entry);
  try {
    return await run(entry.transport);
  } finally {
    void release();
  }
}

/** Acquires a reference; the function returned releases it. */
function acquire(entry: Entry): () => Promise<void> {
  entry.users++;
  let released: Promise<void> | undefined;
  return () => {
    released ??= (async () => {
      if (--entry.users > 0) return;
      if (pool.entries.get(entry.key) === entry) pool.entries.delete(entry.key);
      await entry.transport.close();
    })();
    return released;
  };
}

function digestOf(settings: readonly unknown[]): string {
  const environment = Object.entries(process.env)
    .filter(([name]) => VARIABLES.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([settings, environment], (_, value: unknown) => comparable(value)))
    .digest("base64");
}

/** Replaces code, such as a credential that gets tokens itself, by its identity. */
function comparable(value: unknown): unknown {
  const hasCode =
    typeof value === "function" ||
    (typeof value === "object" &&
      value !== null &&
      typeof (value as { getAccessToken?: unknown }).getAccessToken === "function");
  if (!hasCode) return value;
  const known = pool.numbers.get(value as object);
  if (known !== undefined) return `code ${known}`;
  pool.numbers.set(value as object, ++pool.lastNumber);
  return `code ${pool.lastNumber}`;
}
