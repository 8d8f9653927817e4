import { createHash } from "node:crypto";
import { type DownstreamTransport, processWide } from "@cloud-messaging/core/transport";

/** Transports remembered; beyond, the oldest are no longer given to anybody new. */
const MAX_REMEMBERED = 100;

/** Variables that decide where a sender has no option. */
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

/** One sender's part in a transport that others may use too. */
export interface SharedTransport {
  /** Runs something with the transport, which stays open until its end. */
  use<T>(run: (transport: DownstreamTransport) => Promise<T>): Promise<T>;
  /** Gives the part up. The transport is closed with the last of them. */
  release(): Promise<void>;
}

/**
 * The transport of all senders that are made alike. Programs written for node-gcm often make a sender per message and close none: each
 * with connections and an access token of its own, a busy one would run out of sockets.
 *
 * @param likeness Values that it is made of. Kept as a digest only: there are secrets among them.
 */
export function shareTransport(likeness: readonly unknown[], make: () => DownstreamTransport): SharedTransport {
  const key = digestOf(likeness);
  let entry = pool.entries.get(key);
  if (entry === undefined) {
    entry = { key, transport: make(), users: 0 };
    pool.entries.set(key, entry);
    if (pool.entries.size > MAX_REMEMBERED)
      pool.entries.delete((pool.entries.keys().next() as { value: string }).value);
  }
  const taken = entry;
  return { use: (run) => use(taken, run), release: take(taken) };
}

async function use<T>(entry: Entry, run: (transport: DownstreamTransport) => Promise<T>): Promise<T> {
  const release = take(entry);
  try {
    return await run(entry.transport);
  } finally {
    void release();
  }
}

/** Takes part in a transport; the function returned gives the part up. */
function take(entry: Entry): () => Promise<void> {
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

function digestOf(likeness: readonly unknown[]): string {
  const environment = Object.entries(process.env)
    .filter(([name]) => VARIABLES.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([likeness, environment], (_, value: unknown) => comparable(value)))
    .digest("base64");
}

/** Code, such as a credential that gets tokens itself, is alike to itself only. */
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
