import { hash as hashOnce, randomBytes, timingSafeEqual } from "node:crypto";
import { InvalidOptionsError } from "@cloud-messaging/core";

const HASH = /^sha256:([0-9a-f]{64})$/;

/**
 * Creates an API key of 256 random bits.
 *
 * @example
 * ```ts
 * import { createKey, hashKey } from "@cloud-messaging/gateway";
 *
 * const key = createKey(); // for the client
 * export const keys = [hashKey(key)]; // for the config
 * ```
 */
export function createKey(): string {
  return randomBytes(32).toString("base64url");
}

/**
 * Hashes an API key for the config. Keys are random and long, so a plain SHA-256 cannot be searched.
 *
 * @param key 20 or more printable ASCII characters without spaces.
 * @throws {InvalidOptionsError} the key is missing, too short to be random, or has other characters.
 */
export function hashKey(key: string): string {
  const problem = keyProblem(key);
  if (problem !== undefined) throw new InvalidOptionsError([{ path: "key", problem }]);
  return `sha256:${digest(key).toString("hex")}`;
}

/** The problem with an API key, which never quotes it; `undefined` where there is none. */
function keyProblem(key: unknown): string | undefined {
  if (key === undefined) return "is missing: give the API key";
  if (typeof key !== "string") return `must be an API key, a string, not of the type ${typeof key}`;
  if (!/^[\x21-\x7e]*$/.test(key)) return "must be printable ASCII without spaces";
  return key.length < 20 ? "must have at least 20 characters: a shorter one can be guessed" : undefined;
}

/** True for text that `hashKey` can have made. */
export function isKeyHash(text: string): boolean {
  return HASH.test(text);
}

/** Known keys by their hashes, each with the value that belongs to it. */
export class KeyRing<T> {
  readonly #byHash = new Map<string, { readonly hash: Buffer; readonly value: T }>();

  add(hash: string, value: T): void {
    const hex = HASH.exec(hash)?.[1];
    if (hex !== undefined) this.#byHash.set(hex, { hash: Buffer.from(hex, "hex"), value });
  }

  /** Finds the value of a key. The digests are compared in constant time; a look-up by digest tells nothing of a key. */
  find(key: string): T | undefined {
    const hash = digest(key);
    const known = this.#byHash.get(hash.toString("hex"));
    return known !== undefined && timingSafeEqual(known.hash, hash) ? known.value : undefined;
  }
}

function digest(key: string): Buffer {
  return hashOnce("sha256", key, "buffer");
}
