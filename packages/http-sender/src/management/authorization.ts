import { type Clock, InvalidOptionsError, type TlsOptions } from "@cloud-messaging/core";
import {
  type AccessTokenResult,
  type AccessTokenSource,
  type AccessTokenWait,
  authorizationHeaders,
  createAccessTokenSource,
} from "../auth/access-token.ts";
import { createAccessTokenProvider, type FcmCredential } from "../auth/credential.ts";
import type { ManagementCredentials } from "./options.ts";

/** Source of the authorization headers of each request. */
export interface Authorization {
  /** Returns header names and values in turn, or a failure. */
  headers(wait: AccessTokenWait): Promise<AuthorizationHeaders>;
  /** Project of the credentials, if known. */
  readonly projectId?: string | undefined;
  close(): Promise<void>;
}

/** The headers of one request. */
export type AuthorizationHeaders =
  | {
      readonly kind: "headers";
      readonly headers: readonly string[];
      /** Secret to redact in answers. */
      readonly secret: string;
      /** Reports a 401; returns `true` if a retry with other headers may succeed. */
      refuse(): boolean;
    }
  | Extract<AccessTokenResult, { kind: "failure" }>;

/** Options of an authorization. */
export interface AuthorizationOptions extends ManagementCredentials {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: string | false | undefined;
  readonly allowInsecure: boolean;
  /** For events. */
  readonly transport: string;
  /** Further headers beside a bearer token, as Google's older services require. */
  readonly bearerHeaders: readonly string[];
}

/**
 * Creates the authorization of a client.
 *
 * @throws {InvalidOptionsError} neither `apiKey` nor `credential` was given, or both.
 */
export function createAuthorization(options: AuthorizationOptions): Authorization {
  const { apiKey, credential } = options;
  if ((apiKey === undefined) === (credential === undefined)) {
    throw new InvalidOptionsError([
      {
        path: "credential",
        problem: "give either credential (OAuth2) or apiKey (the legacy server key), and not both",
      },
    ]);
  }
  return apiKey === undefined ? oauth(options) : serverKey(apiKey);
}

function serverKey(apiKey: string): Authorization {
  const headers = ["authorization", `key=${apiKey}`];
  return {
    headers: () => Promise.resolve({ kind: "headers", headers, secret: apiKey, refuse: () => false }),
    close: () => Promise.resolve(),
  };
}

function oauth(options: AuthorizationOptions): Authorization {
  const { clock, timeoutMs, transport, bearerHeaders } = options;
  const provider = createAccessTokenProvider(options.credential as FcmCredential, {
    clock,
    timeoutMs,
    tls: options.tls,
    proxy: options.proxy,
    allowInsecure: options.allowInsecure,
  });
  const tokens: AccessTokenSource = createAccessTokenSource({ provider, clock, timeoutMs, transport });
  return {
    async headers(wait) {
      const result = await tokens.get(wait);
      if (result.kind === "failure") return result;
      const { token } = result;
      return {
        kind: "headers",
        headers: [...authorizationHeaders(result), ...bearerHeaders],
        secret: token,
        refuse: () => tokens.refuse(token) === "replaced",
      };
    },
    projectId: provider.projectId,
    close: () => tokens.close(),
  };
}
