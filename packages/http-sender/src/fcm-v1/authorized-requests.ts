import type { Clock, RecipientOutcome } from "@cloud-messaging/core";
import { type AttemptOptions, elapsedMs, eventChannel, publish } from "@cloud-messaging/core/transport";
import {
  type AccessTokenResult,
  type AccessTokenSource,
  authorizationHeaders,
  type GrantedToken,
} from "../auth/access-token.ts";
import type { HttpAnswer, HttpClient, HttpResult } from "../http/http-client.ts";
import {
  isPastAuthentication,
  notSent,
  type RequestFacts,
  readResult,
  refusedToken,
  TOKEN_REFUSED,
  tooSoon,
} from "./answer.ts";

const requestChannel = eventChannel("cloud-messaging:http-request");

/** Parts of {@link AuthorizedRequests}, which closes `http` and `tokens`. */
export interface AuthorizedRequestsParts {
  readonly http: HttpClient;
  readonly tokens: AccessTokenSource;
  readonly clock: Clock;
  readonly origin: string;
  /** For events. */
  readonly transport: string;
}

/**
 * Requests with an access token: once more with a new one where the service refuses the first. No async function on the way of every
 * request: its frame would be held once per pending message.
 */
export class AuthorizedRequests {
  readonly #parts: AuthorizedRequestsParts;
  #header: { readonly granted: GrantedToken; readonly headers: readonly string[] } | undefined;

  constructor(parts: AuthorizedRequestsParts) {
    this.#parts = parts;
  }

  /** Makes a request, as soon as there is a token. */
  make(path: string, request: RequestFacts, options: AttemptOptions): Promise<RecipientOutcome> {
    const got = this.#parts.tokens.get(options);
    return got instanceof Promise
      ? got.then((later) => this.#makeWith(later, path, request, options))
      : this.#makeWith(got, path, request, options);
  }

  /** Aborts the fetch of a token; ends the requests and frees the sockets. */
  async close(): Promise<void> {
    const { tokens, http } = this.#parts;
    await Promise.all([tokens.close(), http.close()]);
  }

  #makeWith(
    got: AccessTokenResult,
    path: string,
    request: RequestFacts,
    options: AttemptOptions,
  ): Promise<RecipientOutcome> {
    if (got.kind === "failure") return Promise.resolve(notSent(request, got));
    return this.#post(path, request, got, options).then((result) => {
      const { tokens, clock } = this.#parts;
      const outcome = readResult(result, request, got.token, clock.now());
      if (outcome === TOKEN_REFUSED) return this.#makeAgain(got, result as HttpAnswer, path, request, options);
      if (isPastAuthentication(result)) tokens.accepted(got.token);
      return outcome;
    });
  }

  /** Makes a request again whose token expired in transit, or was revoked. */
  async #makeAgain(
    first: GrantedToken,
    answer: HttpAnswer,
    path: string,
    request: RequestFacts,
    options: AttemptOptions,
  ): Promise<RecipientOutcome> {
    const { tokens, clock } = this.#parts;
    const refusal = tokens.refuse(first.token);
    if (refusal === "hopeless") return refusedToken(answer, request, first.token);
    if (refusal === "later") return notSent(request, tooSoon(tokens.replaceableInMs));
    const second = await tokens.get(options);
    if (second.kind === "failure") return notSent(request, second);
    // the provider has no other token
    if (second.token === first.token) return refusedToken(answer, request, first.token);
    const result = await this.#post(path, request, second, options);
    const outcome = readResult(result, request, second.token, clock.now());
    if (outcome === TOKEN_REFUSED) return refusedToken(result as HttpAnswer, request, second.token);
    if (isPastAuthentication(result)) tokens.accepted(second.token);
    return outcome;
  }

  #post(
    path: string,
    { body }: RequestFacts,
    granted: GrantedToken,
    { signal, deadline }: AttemptOptions,
  ): Promise<HttpResult> {
    if (this.#header?.granted !== granted) {
      this.#header = {
        granted,
        headers: ["content-type", "application/json; charset=utf-8", ...authorizationHeaders(granted)],
      };
    }
    const sent = this.#parts.http.request({
      method: "POST",
      path,
      headers: this.#header.headers,
      body,
      signal,
      deadline,
    });
    return requestChannel.hasSubscribers ? this.#tell(sent) : sent;
  }

  async #tell(sent: Promise<HttpResult>): Promise<HttpResult> {
    const { clock, origin, transport } = this.#parts;
    const startedAt = clock.monotonic();
    const result = await sent;
    publish("cloud-messaging:http-request", () => ({
      transport,
      origin,
      recipients: 1,
      ...(result.kind === "answer" ? { status: result.status } : { code: result.code }),
      durationMs: Math.round(elapsedMs(clock, startedAt)),
    }));
    return result;
  }
}
