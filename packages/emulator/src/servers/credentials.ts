/** A key that is accepted, and the sender it belongs to. */
export interface ApiKey {
  readonly key: string;
  /** `undefined`: the key does not say, and every token is its own. */
  readonly senderId?: string | undefined;
}

/** Which API keys are good. */
export interface Credentials {
  /** The sender behind a good key; `undefined` for a bad one. */
  check(key: string): { readonly senderId: string | undefined } | undefined;
  /** Whether a key is good for a sender. */
  checkFor(key: string, senderId: string): boolean;
}

/** @param keys Empty: any key is good. */
export function createCredentials(keys: readonly ApiKey[]): Credentials {
  const byKey = new Map(keys.map((entry) => [entry.key, entry]));
  const check = (key: string): { readonly senderId: string | undefined } | undefined => {
    if (key === "") return undefined;
    if (byKey.size === 0) return { senderId: undefined };
    const known = byKey.get(key);
    return known === undefined ? undefined : { senderId: known.senderId };
  };
  return {
    check,
    checkFor(key, senderId) {
      const found = check(key);
      return found !== undefined && (found.senderId === undefined || found.senderId === senderId);
    },
  };
}

/** The key in `Authorization: key=…`; `undefined` when the header is missing or of another form. */
export function keyOfHeader(authorization: string | undefined): string | undefined {
  return authorization === undefined ? undefined : /^key=(\S+)\s*$/.exec(authorization)?.[1];
}
