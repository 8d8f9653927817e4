import { createHash } from "node:crypto";
import { InvalidOptionsError, OutboxStorageError } from "@cloud-messaging/core";
import type { Cluster, Redis } from "ioredis";

/** A client of the application's. */
export type RedisClient = Redis | Cluster;

/** A script: by its text, and by the hash under which the server keeps it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Makes a script of its text. */
export function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** Value of a reply: texts as bytes. */
export type Reply = Buffer | number | null | readonly Reply[];

/** Runs a script by its hash, and sends the text where the server does not know it: after a restart, on another node. */
export async function runScript(
  client: RedisClient,
  { text, sha }: Script,
  key: string,
  args: readonly (string | Buffer)[],
): Promise<Reply> {
  try {
    return (await client.callBuffer("evalsha", sha, 1, key, ...args)) as Reply;
  } catch (error) {
    if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
    return (await client.callBuffer("eval", text, 1, key, ...args)) as Reply;
  }
}

/**
 * Asks the server, or each master of a cluster, whether it may evict keys.
 *
 * @throws {InvalidOptionsError} it may.
 */
export async function refuseEviction(client: RedisClient): Promise<void> {
  const servers: readonly Redis[] = "nodes" in client ? client.nodes("master") : [client];
  for (const info of await Promise.all(servers.map((server) => server.info("memory")))) {
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
    if (policy === undefined || policy === "noeviction") continue;
    const problem = `is of a server that may evict what is queued: its maxmemory-policy is ${policy}; set it to noeviction`;
    throw new InvalidOptionsError([{ path: "client", problem }]);
  }
}

/** Error for one of a command: `OutboxStorageError` where the server cannot be reached or cannot store; the command may have run. */
export function described(cause: unknown): unknown {
  const message = messageOf(cause);
  if (/^(OOM|MISCONF|READONLY|NOREPLICAS) /.test(message)) {
    return new OutboxStorageError("Redis has no memory or disk left, or may not write; the cause says why", cause);
  }
  const isRefusal = /^(?!LOADING |MASTERDOWN |CLUSTERDOWN |TRYAGAIN |UNKILLABLE )[A-Z]{2,} /.test(message);
  if (isRefusal || cause instanceof InvalidOptionsError || cause instanceof OutboxStorageError) return cause;
  return new OutboxStorageError("Redis cannot be reached, or ended the connection; the cause says why", cause);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
