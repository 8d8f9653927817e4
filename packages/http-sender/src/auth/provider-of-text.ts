import { AuthenticationError } from "@cloud-messaging/core";
import type { AccessTokenProvider } from "./access-token.ts";
import { createLibraryProvider, readerOf } from "./auth-library.ts";
import { findJson } from "./credential-text.ts";
import { createServiceAccountProvider, type ServiceAccountOptions } from "./service-account.ts";
import { parseServiceAccountKey } from "./service-account-key.ts";

/**
 * The provider of what a file holds.
 *
 * @param what The file in words.
 * @throws {AuthenticationError} it is not JSON.
 * @throws {InvalidOptionsError} its JSON holds no credentials.
 */
export function createProviderOfText(text: string, what: string, options: ServiceAccountOptions): AccessTokenProvider {
  const json = findJson(text);
  if (typeof json === "object") return createProviderOfJson(json, `the credentials of ${what}`, options);
  const seen = text.trim() === "" ? "is empty" : text.includes("PRIVATE KEY") ? "holds a bare private key" : undefined;
  throw new AuthenticationError(
    seen === undefined
      ? `${what} is not JSON`
      : `${what} ${seen}, and is not JSON: a key file is the JSON from the console`,
  );
}

/**
 * The provider of credentials by their kind.
 *
 * @param what The credentials in words.
 * @throws {InvalidOptionsError} they are of no kind that there is, or lack something.
 */
export function createProviderOfJson(json: object, what: string, options: ServiceAccountOptions): AccessTokenProvider {
  return readerOf(json) === "library"
    ? createLibraryProvider(json, what, options)
    : createServiceAccountProvider(parseServiceAccountKey(json), options);
}
