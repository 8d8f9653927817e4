import { InvalidOptionsError } from "@cloud-messaging/core";
import { systemClock } from "@cloud-messaging/core/transport";
import { JWT_BEARER_GRANT, type OAuthErrorResponse, type OAuthTokenResponse } from "@cloud-messaging/core/wire";
import { type CallOptions, createCaller } from "../ask.ts";
import { type HttpAnswer, type HttpRoute, jsonAnswer } from "../http/route.ts";
import { CALL_OPTION_NAMES, optionNamesCheck } from "../options/option-names.ts";
import type { MaybePromise } from "../service.ts";

/** A grant to be exchanged for an access token. */
export type Grant =
  /** JWT signed by a service account. */
  | { readonly kind: "jwt-bearer"; readonly assertion: string }
  /** Refresh token of a user. */
  | { readonly kind: "refresh-token"; readonly refreshToken: string };

/** Answer to a grant. */
export type GrantDecision =
  | {
      readonly kind: "issued";
      readonly accessToken: string;
      /** Lifetime of the token. Unit: seconds. */
      readonly expiresInSec: number;
    }
  /** `error` is a code of RFC 6749, 5.2: `invalid_grant`, `invalid_scope`. */
  | { readonly kind: "refused"; readonly error: string; readonly detail: string };

/** The service behind the token endpoint. */
export interface TokenService {
  /** Exchanges a grant. An error, or no answer in time, is answered as an internal failure. */
  exchange(grant: Grant): MaybePromise<GrantDecision>;
}

/** Options of the token endpoint. */
export interface TokenServerOptions extends CallOptions {
  readonly service: TokenService;
}

const checked = optionNamesCheck<TokenServerOptions>("an option of tokenRoutes", {
  ...CALL_OPTION_NAMES,
  service: true,
});

/** Hosts of the token endpoint. */
export const OAUTH_HOSTS: readonly string[] = ["oauth2.googleapis.com", "www.googleapis.com", "accounts.google.com"];

/** Paths of the token endpoint through the years: key files, gtoken, and firebase-admin up to 12 each name another. */
export const TOKEN_PATHS: readonly string[] = ["/token", "/oauth2/v4/token", "/oauth2/v3/token", "/o/oauth2/token"];

/**
 * Creates the routes of the OAuth2 token endpoint, under each of its paths: grants of service accounts and of users.
 *
 * @throws {InvalidOptionsError} the options are no object, one has another name, or the service lacks `exchange`.
 */
export function tokenRoutes(options: TokenServerOptions): HttpRoute[] {
  const { service, clock = systemClock } = checked(options);
  if (typeof service?.exchange !== "function") {
    throw new InvalidOptionsError([{ path: "service", problem: "must be a service with exchange()" }]);
  }
  const { ask } = createCaller(options);
  const answer = (status: number, body: OAuthTokenResponse | OAuthErrorResponse): HttpAnswer => ({
    ...jsonAnswer(status, body),
    // clients with a wrong clock learn the right time from here
    headers: { date: new Date(clock.now()).toUTCString(), "cache-control": "no-store" },
  });
  const handle = async (body: string): Promise<HttpAnswer> => {
    const grant = readGrant(new URLSearchParams(body));
    if ("error" in grant) return answer(400, grant);
    const decision = await ask<GrantDecision>({ name: "exchange", run: () => service.exchange(grant), isAnswer });
    if (decision === undefined) {
      return answer(500, { error: "internal_failure", error_description: "Internal server error" });
    }
    if (decision.kind === "refused") {
      return answer(400, { error: decision.error, error_description: decision.detail });
    }
    const { accessToken, expiresInSec } = decision;
    return answer(200, { access_token: accessToken, expires_in: expiresInSec, token_type: "Bearer" });
  };
  return TOKEN_PATHS.map((path) => ({ method: "POST", path, handle: ({ body }) => handle(body) }));
}

function readGrant(form: URLSearchParams): Grant | OAuthErrorResponse {
  const type = form.get("grant_type") ?? "";
  switch (type) {
    case JWT_BEARER_GRANT:
      return { kind: "jwt-bearer", assertion: form.get("assertion") ?? "" };
    case "refresh_token":
      return { kind: "refresh-token", refreshToken: form.get("refresh_token") ?? "" };
    default:
      return { error: "unsupported_grant_type", error_description: `Invalid grant_type: ${type.slice(0, 100)}` };
  }
}

/** A service may be written without types. */
function isAnswer(decision: GrantDecision | undefined): boolean {
  return decision?.kind === "refused" || (decision?.kind === "issued" && typeof decision.accessToken === "string");
}
