import { createHash } from "node:crypto";
import { ConnectionError } from "@cloud-messaging/core";

/** Subset of a client of `ioredis` that the store uses: `Redis` or `Cluster`. */
export interface IoredisClient {
  evalsha(sha: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
  eval(script: string, keyCount: number, ...keysAndArguments: string[]): Promise<unknown>;
}

/** Keys and arguments of a script, as `redis` takes them. */
export interface NodeRedisScriptOptions {
  keys: string[];
  arguments: string[];
}

/** Subset of a client of `redis` (node-redis) that the store uses, connected by its owner: a client, a pool or a cluster. */
export interface NodeRedisClient {
  evalSha(sha: string, options: NodeRedisScriptOptions): Promise<unknown>;
  eval(script: string, options: NodeRedisScriptOptions): Promise<unknown>;
}

/** A client of either library. */
export type RedisClient = IoredisClient | NodeRedisClient;

/** A script: by its text, and by the hash under which the server keeps it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/** Makes a script of its text. */
export function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

/** Runs a script on a server. */
export type RunScript = (script: Script, keys: string[], args: string[]) => Promise<unknown>;

/** True for a client of either library. */
export function isRedisClient(client: unknown): client is RedisClient {
  const { evalsha, evalSha, eval: evaluate } = (client ?? {}) as Partial<IoredisClient & NodeRedisClient>;
  return typeof evaluate === "function" && (typeof evalsha === "function" || typeof evalSha === "function");
}

/**
 * Runs scripts by their hashes, and sends the text where the server does not know it: after a restart, on another node.
 *
 * The scripts run under a `ConnectionError` where the server cannot be reached; they may have run then.
 */
export function scriptRunner(client: RedisClient): RunScript {
  const byHash: RunScript =
    "evalSha" in client
      ? ({ sha }, keys, args) => client.evalSha(sha, { keys, arguments: args })
      : ({ sha }, keys, args) => client.evalsha(sha, keys.length, ...keys, ...args);
  const byText: RunScript =
    "evalSha" in client
      ? ({ text }, keys, args) => client.eval(text, { keys, arguments: args })
      : ({ text }, keys, args) => client.eval(text, keys.length, ...keys, ...args);
  return (asked, keys, args) =>
    byHash(asked, keys, args).catch((error: unknown) => {
      if (!messageOf(error).startsWith("NOSCRIPT")) throw described(error);
      return byText(asked, keys, args).catch((other: unknown) => {
        throw described(other);
      });
    });
}

function described(cause: unknown): unknown {
  if (isRefusal(cause)) return cause;
  return new ConnectionError("Redis cannot be reached, or ended the connection; the cause says why", { cause });
}

/** Text of an error, without what goes before a word of the server. */
function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * True if the server refused the command: its errors begin with a word in capitals. Not one that says that another server is the one to ask, or
 * that this one is to be asked later.
 */
function isRefusal(error: unknown): boolean {
  return /^(?!LOADING |MASTERDOWN |CLUSTERDOWN |TRYAGAIN |UNKILLABLE |READONLY )[A-Z]{2,} /.test(messageOf(error));
}
