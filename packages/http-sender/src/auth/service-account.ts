import { AuthenticationError, type Clock, type TlsOptions } from "@cloud-messaging/core";
import { defined, readRetryAfter, serviceText } from "@cloud-messaging/core/transport";
import {
  JWT_BEARER_GRANT,
  MESSAGING_SCOPE,
  OAuthErrorResponseSchema,
  OAuthTokenResponseSchema,
  type ServiceAccountKey,
} from "@cloud-messaging/core/wire";
import { parseEndpoint } from "../common/endpoint.ts";
import { createHttpClient } from "../http/http.ts";
import type { HttpAnswer } from "../http/http-client.ts";
import { type AccessToken, type AccessTokenProvider, AccessTokenUnavailableError } from "./access-token.ts";
import { readPrivateKey } from "./private-key.ts";

/** Google's token endpoint. Source: docs/protocol/fcm-v1.md#authentication */
const GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token";
/** Life of a grant, and of what it is exchanged for. Unit: seconds. */
const GRANT_LIFE_SEC = 3600;
/** A difference to the token endpoint's clock below this explains no refusal. Unit: milliseconds. */
const MIN_SKEW_MS = 60_000;
const MAX_RESPONSE_BYTES = 65_536;

/** Dependencies of the exchange beside the key. */
export interface ServiceAccountOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly tls?: TlsOptions | undefined;
  readonly proxy?: string | false | undefined;
  readonly allowInsecure?: boolean | undefined;
}

/**
 * Access tokens for a service account: a grant signed with its key is exchanged at the `token_uri` of its file.
 *
 * @throws {InvalidOptionsError} the private key or the address cannot be used.
 */
export function createServiceAccountProvider(
  key: ServiceAccountKey,
  options: ServiceAccountOptions,
): AccessTokenProvider {
  const { clock, timeoutMs } = options;
  const privateKey = readPrivateKey(key.private_key);
  const tokenUri = key.token_uri ?? GOOGLE_TOKEN_URI;
  const endpoint = parseEndpoint(tokenUri, options.allowInsecure ?? false, "credential.token_uri");
  const http = createHttpClient({
    origin: endpoint.origin,
    transport: "access-token",
    maxConnections: 1,
    timeoutMs,
    // the next token is an hour away
    idleTimeoutMs: 1,
    maxResponseBytes: MAX_RESPONSE_BYTES,
    closeTimeoutMs: 0,
    tls: options.tls,
    proxy: options.proxy,
    clock,
  });
  /** Lead of the token endpoint's clock over ours, once it has mattered. Unit: milliseconds. */
  let skewMs = 0;

  async function exchange(signal: AbortSignal): Promise<HttpAnswer> {
    const issuedAt = Math.floor((clock.now() + skewMs) / 1000);
    // loaded when the first grant is signed: most processes of a credential function never sign one
    const { SignJWT } = await import("jose");
    const assertion = await new SignJWT({ scope: MESSAGING_SCOPE })
      .setProtectedHeader({
        alg: "RS256",
        typ: "JWT",
        ...defined({ kid: key.private_key_id }),
      })
      .setIssuer(key.client_email)
      .setAudience(tokenUri)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + GRANT_LIFE_SEC)
      .sign(privateKey);
    const result = await http.request({
      method: "POST",
      path: endpoint.path,
      headers: ["content-type", "application/x-www-form-urlencoded"],
      body: new URLSearchParams({ grant_type: JWT_BEARER_GRANT, assertion }).toString(),
      signal,
    });
    if (result.kind === "answer") return result;
    // whatever became of this request, the message itself has not been sent
    throw new AccessTokenUnavailableError(result.code, `no access token from ${tokenUri}: ${result.detail}`);
  }

  /** Our clock may be why a grant was refused: the answer tells the far end's time. */
  function correctClock(answer: HttpAnswer): boolean {
    const theirs = Date.parse(headerOf(answer, "date") ?? "");
    if (Number.isNaN(theirs) || Math.abs(theirs - clock.now() - skewMs) < MIN_SKEW_MS) return false;
    skewMs = theirs - clock.now();
    return true;
  }

  return {
    projectId: key.project_id,
    async fetchAccessToken({ signal }) {
      let answer = await exchange(signal);
      if (answer.status === 400 && correctClock(answer)) answer = await exchange(signal);
      if (answer.status === 200) return readToken(answer, clock.now());
      throw refusalOf(answer, endpoint.host, clock.now());
    },
    close: () => http.close(),
  };
}

function readToken(answer: HttpAnswer, now: number): AccessToken {
  const parsed = OAuthTokenResponseSchema.safeParse(readJson(answer.body));
  if (!parsed.success) {
    throw new AccessTokenUnavailableError("invalid-response", "the token endpoint's answer holds no access token");
  }
  const { access_token: token, expires_in: expiresIn } = parsed.data;
  return expiresIn === undefined ? { token } : { token, expiresAt: now + expiresIn * 1000 };
}

function refusalOf(answer: HttpAnswer, host: string, now: number): Error {
  const parsed = OAuthErrorResponseSchema.safeParse(readJson(answer.body));
  const said = parsed.success
    ? serviceText([parsed.data.error, parsed.data.error_description].filter(Boolean).join(": "))
    : `HTTP ${answer.status}`;
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && answer.status !== 429) {
    return new AuthenticationError(
      `${host} refuses the service account (${said}): check that its key has not been revoked, that the account is enabled, and this machine's clock`,
    );
  }
  const retryAfterMs = readRetryAfter(answer.headers["retry-after"], undefined, now);
  return new AccessTokenUnavailableError("unavailable", `${host} gives no access token now (${said})`, retryAfterMs);
}

function headerOf(answer: HttpAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
