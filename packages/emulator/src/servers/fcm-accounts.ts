import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { type Grant, type GrantDecision, TOKEN_PATHS, type TokenService } from "@cloud-messaging/connection-server";
import type { Clock } from "@cloud-messaging/core";
import { type MonotonicInstant, plusMs } from "@cloud-messaging/core/transport";
import { MESSAGING_SCOPE, type ServiceAccountKey } from "@cloud-messaging/core/wire";
import type { ServiceIds } from "../model/ids.ts";
import type { Quotas } from "../model/quotas.ts";

/** Project, service accounts and access tokens of a running emulator. */
export interface EmulatedFcm {
  /** Project ID of the generated account. Any other project is served too. */
  readonly projectId: string;
  /** The same as `emulator.quotas.messagesPerMinute`. */
  quotaPerMinute: number;
  /** Lifetime of new access tokens. Unit: seconds. Range: 1 or more. @defaultValue 3599 */
  tokenLifetimeSec: number;
  /**
   * True if access tokens that the emulator has not issued are valid, and unknown service accounts get one: a program comes with a key file of
   * its own. @defaultValue `true`
   */
  acceptForeignTokens: boolean;
  /** Access tokens given out so far. */
  readonly tokensIssued: number;
  /** A throw-away service-account key, as the console would hand it out; its `token_uri` is the emulator. The same until it is revoked. */
  serviceAccount(): ServiceAccountKey;
  /** Revokes the keys given out: their grants are answered `invalid_grant`. Tokens they have got go on being good. */
  revokeServiceAccounts(): void;
  /** Every access token given out stops being good: 401. */
  expireTokens(): void;
}

/** Tells the emulator's own access tokens from others. */
const TOKEN_PREFIX = "ya29.emulator.";
/** Maximum number of valid tokens; the oldest become invalid first. Implementation limit. */
const MAX_TOKENS = 10_000;
/** Maximum difference between the clocks of the client and the service. Unit: seconds. Source: docs/emulator-fidelity.md#oauth */
const CLOCK_LEEWAY_SEC = 300;
const MAX_GRANT_LIFE_SEC = 3600;

/** The accounts of the project, and the access tokens they got. */
export class FcmAccounts implements EmulatedFcm, TokenService {
  readonly projectId = "emulator-project";
  tokenLifetimeSec = 3599;
  acceptForeignTokens = true;
  tokensIssued = 0;
  /** URL of the token endpoint, known once the emulator listens. */
  tokenUri = "";
  readonly #clock: Clock;
  readonly #ids: ServiceIds;
  readonly #keys = new Map<string, KeyObject>();
  /** Accounts whose keys were revoked, to be told from those that were never known. */
  readonly #revoked = new Set<string>();
  readonly #tokens = new Map<string, MonotonicInstant>();
  #account: ServiceAccountKey | undefined;

  readonly #quotas: Quotas;

  constructor(clock: Clock, ids: ServiceIds, quotas: Quotas) {
    this.#clock = clock;
    this.#ids = ids;
    this.#quotas = quotas;
  }

  get quotaPerMinute(): number {
    return this.#quotas.limits.messagesPerMinute;
  }

  set quotaPerMinute(limit: number) {
    this.#quotas.limits.messagesPerMinute = limit;
  }

  serviceAccount(): ServiceAccountKey {
    this.#account ??= this.#makeAccount();
    return this.#account;
  }

  #makeAccount(): ServiceAccountKey {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const id = this.#ids.hex(40);
    const email = `emulator-${id.slice(0, 5)}@${this.projectId}.iam.gserviceaccount.com`;
    this.#keys.set(email, createPublicKey(publicKey));
    return {
      type: "service_account",
      project_id: this.projectId,
      private_key_id: id,
      private_key: privateKey,
      client_email: email,
      token_uri: this.tokenUri,
    };
  }

  revokeServiceAccounts(): void {
    for (const email of this.#keys.keys()) this.#revoked.add(email);
    this.#keys.clear();
    this.#account = undefined;
  }

  expireTokens(): void {
    this.#tokens.clear();
  }

  /** True if an access token is valid. */
  check(token: string): boolean {
    if (!token.startsWith(TOKEN_PREFIX)) return this.acceptForeignTokens;
    const expiresAt = this.#tokens.get(token);
    return expiresAt !== undefined && this.#clock.monotonic() < expiresAt;
  }

  exchange(grant: Grant): GrantDecision {
    const refusal =
      grant.kind === "refresh-token" ? this.#refusalOfUser(grant.refreshToken) : this.#refusalOf(grant.assertion);
    if (typeof refusal === "string") return { kind: "refused", error: "invalid_grant", detail: refusal };
    if (refusal !== undefined) return refusal;
    const accessToken = `${TOKEN_PREFIX}${this.#ids.hex(32)}`;
    this.#tokens.set(accessToken, plusMs(this.#clock.monotonic(), this.tokenLifetimeSec * 1000));
    if (this.#tokens.size > MAX_TOKENS) {
      const oldest = this.#tokens.keys().next();
      if (!oldest.done) this.#tokens.delete(oldest.value);
    }
    this.tokensIssued++;
    return { kind: "issued", accessToken, expiresInSec: this.tokenLifetimeSec };
  }

  /** A user's refresh token is never the emulator's own. As text: `invalid_grant`. */
  #refusalOfUser(refreshToken: string): string | undefined {
    return refreshToken !== "" && this.acceptForeignTokens ? undefined : "Token has been expired or revoked.";
  }

  /** As text: `invalid_grant`. */
  #refusalOf(assertion: string): string | GrantDecision | undefined {
    const [header = "", claims = "", signature = ""] = assertion.split(".");
    const read = readClaims(claims);
    if (read === undefined) return "Invalid JWT: Failed to parse the assertion.";
    const key = this.#keys.get(read.iss);
    if (key === undefined) {
      if (!this.acceptForeignTokens || this.#revoked.has(read.iss)) return "Invalid grant: account not found";
    } else if (!verify("RSA-SHA256", Buffer.from(`${header}.${claims}`), key, Buffer.from(signature, "base64url"))) {
      return "Invalid JWT Signature.";
    }
    const nowSec = this.#clock.now() / 1000;
    const { iat, exp } = read;
    const inTime = iat <= nowSec + CLOCK_LEEWAY_SEC && exp >= nowSec - CLOCK_LEEWAY_SEC;
    if (!inTime || exp - iat > MAX_GRANT_LIFE_SEC || exp < iat) {
      return "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    }
    if (key === undefined) return read.scope === "" ? NO_SCOPE : undefined;
    if (readJsonPart(header)?.["alg"] !== "RS256") return "Invalid JWT: the header's alg must be RS256.";
    if (!isTokenEndpoint(read.aud)) return "Invalid JWT: aud must be the address of the token endpoint.";
    if (read.scope === "") return NO_SCOPE;
    if (read.scope.split(" ").some((scope) => GOOD_SCOPES.has(scope))) return undefined;
    return {
      kind: "refused",
      error: "invalid_scope",
      detail: `None of the scopes allows to send: ask for ${MESSAGING_SCOPE}`,
    };
  }
}

const NO_SCOPE = "Invalid JWT: no scope was asked for.";
/** Scopes that allow sending. */
const GOOD_SCOPES: ReadonlySet<string> = new Set([MESSAGING_SCOPE, "https://www.googleapis.com/auth/cloud-platform"]);
// any host: the emulator cannot know the names it is reached by

function isTokenEndpoint(aud: string): boolean {
  return URL.canParse(aud) && TOKEN_PATHS.includes(new URL(aud).pathname);
}

function readClaims(part: string): { iss: string; aud: string; scope: string; iat: number; exp: number } | undefined {
  const { iss, aud, scope, iat, exp } = readJsonPart(part) ?? {};
  if (typeof iss !== "string" || typeof iat !== "number" || typeof exp !== "number") return undefined;
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return { iss, aud: text(aud), scope: text(scope), iat, exp };
}

function readJsonPart(part: string): Record<string, unknown> | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof read === "object" && read !== null ? (read as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
