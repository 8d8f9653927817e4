import type { IncomingHttpHeaders } from "node:http";
import { type HttpAnswer, keyOfHeader, managementBearer } from "@cloud-messaging/connection-server";

/** A key that is accepted, and the sender it belongs to. */
export interface ApiKey {
  readonly key: string;
  /** `undefined`: the key does not say, and every token is its own. */
  readonly senderId?: string | undefined;
}

/** Check of credentials. */
export interface Credentials {
  /** Returns the sender of a valid key; `undefined` for an invalid one. */
  check(key: string): { readonly senderId: string | undefined } | undefined;
  /** True if a key is valid for a sender. */
  checkFor(key: string, senderId: string): boolean;
  /** True if an OAuth access token is valid. */
  checkBearer(token: string): boolean;
  /** The sender behind an `Authorization` header, where it says. */
  senderOf(authorization: string | undefined): string | undefined;
}

/**
 * Creates the check of credentials.
 *
 * @param keys Valid keys. Empty: any key is valid.
 * @param checkBearer Check of access tokens. Default: any is valid.
 */
export function createCredentials(
  keys: readonly ApiKey[],
  checkBearer: (token: string) => boolean = () => true,
): Credentials {
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
    checkBearer,
    senderOf: (authorization) => check(keyOfHeader(authorization) ?? "")?.senderId,
  };
}

/**
 * Checks the credentials of device groups and Instance ID: a key, or an access token beside `access_token_auth: true`. Returns the answer to
 * invalid ones, `undefined` for valid ones.
 */
export function unauthorizedManagement(
  credentials: Credentials,
  headers: IncomingHttpHeaders,
  senderId: string | undefined,
): HttpAnswer | undefined {
  const bearer = managementBearer(headers);
  if (bearer !== undefined) return credentials.checkBearer(bearer) ? undefined : answer(401);
  const known = credentials.check(keyOfHeader(headers.authorization) ?? "");
  if (known === undefined) return answer(401);
  const other = known.senderId !== undefined && senderId !== undefined && known.senderId !== senderId;
  return other ? answer(403) : undefined;
}

function answer(status: 401 | 403): HttpAnswer {
  return { status, body: JSON.stringify({ error: status === 401 ? "Unauthorized" : "Forbidden" }) };
}
