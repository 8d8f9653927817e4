import { hash as hashOnce, randomBytes, timingSafeEqual } from "node:crypto";

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
 * Makes the hash of an API key that a config holds. Keys are random and long, so that a plain SHA-256 cannot be searched.
 *
 * @throws {RangeError} the key has fewer than 20 characters, too few to be random, or others than a header can hold.
 */
export function hashKey(key: string): string {
  if (!/^[\x21-\x7e]*$/.test(key)) throw new RangeError("An API key must be printable ASCII without spaces");
  if (key.length < 20)
    throw new RangeError("An API key must have at least 20 characters: a shorter one can be guessed");
  return `sha256:${digest(key).toString("hex")}`;
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
