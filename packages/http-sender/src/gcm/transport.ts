import {
  type BackoffPolicy,
  type Clock,
  type DownstreamMessage,
  InvalidMessageError,
  type RecipientOutcome,
  type RegistrationToken,
  type SendReport,
  systemClock,
  type TlsOptions,
} from "@cloud-messaging/core";
import {
  type AttemptOptions,
  type DownstreamTransport,
  elapsedMs,
  lifeEndsAt,
  NEVER,
  publish,
  readOptions,
  recipientsOf,
  refuseV1Only,
  SENDER_OPTION_NAMES,
  tokensOf,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import { mapParts } from "../batches.ts";
import { checkCallOptions } from "../call-options.ts";
import { type CredentialCheck, failedCheck } from "../credential-check.ts";
import { atEmulator } from "../emulator-environment.ts";
import { type Endpoint, GCM_ENDPOINTS, type GcmEndpointName, parseEndpoint } from "../http/endpoint.ts";
import { createHttpClient, type HttpClient, type HttpResult } from "../http/http.ts";
import { gcmHttpOptionsSchema } from "../options-schema.ts";
import { hasResults, outcomesOf } from "./answer.ts";
import {
  CONTENT_TYPES,
  cutTokens,
  encodeContent,
  encodeMulticast,
  encodePlainText,
  type GcmHttpFormat,
  unsendable,
} from "./codec.ts";

/** What every client of one of Google's HTTP services can be told about its connections. */
export interface ConnectionOptions {
  /**
   * Allows plain `http:` to other machines. The key travels in a header: whoever can listen on the way can send in your name.
   * @defaultValue false: plain `http:` to this machine only
   */
  readonly allowInsecure?: boolean;
  /** A private CA, a client certificate. The chain and the host name are always verified. */
  readonly tls?: TlsOptions;
  /**
   * URL of an HTTP proxy, a user name and password in it if it wants them; `false` for none whatever the environment says.
   * @defaultValue as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say; never for this machine
   */
  readonly proxy?: string | false;
  /**
   * Most connections, and requests under way at once. Fewer while the service says it is overloaded (429, 503).
   * Range: 1 to 10000.
   * @defaultValue 64
   */
  readonly maxSockets?: number;
  /**
   * Longest time for one attempt, connecting included; waiting until one of `maxSockets` is free is not. Unit: milliseconds. Range:
   * above 0. Below 10 s duplicates become likely: a message that was written and not answered in time may have been accepted.
   * @defaultValue 30000
   */
  readonly requestTimeoutMs?: number;
  /**
   * How long an unused connection is kept. Unit: milliseconds. Range: above 0.
   * @defaultValue 30000, or what the server says if that is less
   */
  readonly keepAliveMs?: number;
  /**
   * How long `close()` waits for what is under way. Unit: milliseconds. Range: above 0.
   * @defaultValue 30000
   */
  readonly closeTimeoutMs?: number;
  /**
   * A longer answer is cut off and counts as `invalid-response`. Unit: bytes.
   * @defaultValue 4194304 (4 MiB; an answer about 1000 tokens has at most about 400 KB)
   */
  readonly maxResponseBytes?: number;
  /** @defaultValue the machine's clock */
  readonly clock?: Clock;
}

/** How to reach the GCM HTTP connection server. */
export interface GcmHttpTransportOptions extends ConnectionOptions {
  /** Server key of the project: 1 or more printable ASCII characters. Never shown in errors, events or `util.inspect`. */
  readonly apiKey: string;
  /**
   * One of Google's addresses by name (`gcm`, `gcm-http`, `fcm-legacy`), or any URL. Google has switched its own off: see FCM v1, and
   * the emulator.
   * @defaultValue "fcm-legacy"; the emulator, where the variable `CLOUD_MESSAGING_EMULATOR_HOST` (host:port) names one
   */
  readonly endpoint?: GcmEndpointName | (string & {}) | URL;
  /**
   * How requests are written. Plain text goes to one token per request and knows no notification, priority, topic, condition or group.
   * @defaultValue "json"
   */
  readonly format?: GcmHttpFormat;
  /**
   * More tokens are split over several requests. Range: 1 to 1000, the service's limit.
   * @defaultValue 1000
   */
  readonly maxTokensPerRequest?: number;
  /**
   * A request of several tokens that would be longer is split. Unit: bytes.
   * @defaultValue 1000000: the service's front end answers 413 to about 1 MiB
   */
  readonly maxRequestBytes?: number;
  /**
   * Requests of one send under way at once, so that a send to very many leaves connections to others.
   * @defaultValue 16
   */
  readonly maxRequestsPerSend?: number;
}

/** The GCM HTTP connection server: one attempt per call. */
export interface GcmHttpTransport extends DownstreamTransport {
  /**
   * Asks the service whether it takes the key, by the documented cheap way: a message to a token that cannot exist, with `dry_run`.
   * Sends nothing to anybody. An answer that does not speak of that token, as this service does, is `unknown`: a proxy or a log-in page gave it.
   *
   * @throws {InvalidOptionsError} `signal` is no AbortSignal.
   */
  verifyCredentials(options?: { readonly signal?: AbortSignal }): Promise<CredentialCheck>;
}

/**
 * How the connection server wants to be retried: after 1 s and a random part, doubling; as Retry-After says where it does; at most two
 * minutes in all.
 *
 * Source: docs/retries.md
 */
export const GCM_HTTP_RETRY_POLICY: BackoffPolicy = {
  minMs: 1_000,
  initialMs: 1_000,
  maxMs: 60_000,
  rateLimitedMinMs: 10_000,
  maxAttempts: 6,
  maxResends: 1,
  totalMs: 120_000,
};

/**
 * Sends to the GCM HTTP connection server, JSON or plain text. Makes one attempt per call; put `withRetry` around it or give it to
 * `createSender`. More than `maxTokensPerRequest` tokens are split, and the report has one outcome per position all the same.
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createGcmHttpTransport(options: GcmHttpTransportOptions): GcmHttpTransport {
  const {
    apiKey,
    endpoint: address,
    format,
    ...settings
  } = readOptions(
    gcmHttpOptionsSchema,
    atEmulator(options, "/fcm/send", "gcm-http") ?? options ?? {},
    "an option of the HTTP sender",
    SENDER_OPTION_NAMES,
  );
  const named = typeof address === "string" ? GCM_ENDPOINTS[address as GcmEndpointName] : undefined;
  const endpoint = parseEndpoint(named ?? address, settings.allowInsecure);
  const clock = settings.clock ?? systemClock;
  const http = createHttpClient({ ...settings, timeoutMs: settings.requestTimeoutMs, origin: endpoint.origin });
  return new GcmHttp(http, endpoint, format, apiKey, clock, {
    maxTokens: format === "json" ? settings.maxTokensPerRequest : 1,
    maxBytes: settings.maxRequestBytes,
    closeTimeoutMs: settings.closeTimeoutMs,
    maxParallel: settings.maxRequestsPerSend,
  });
}

interface Limits {
  readonly maxTokens: number;
  readonly maxBytes: number;
  readonly maxParallel: number;
  readonly closeTimeoutMs: number;
}

/** One call of `send()`, and what all its requests share. */
interface Send {
  readonly message: DownstreamMessage;
  /** JSON of everything but the tokens. */
  readonly content: string;
  readonly options: AttemptOptions;
}

/** Part of a send, written anew when some of its time to live has passed. */
type Writer = () => Buffer | undefined;

class GcmHttp implements GcmHttpTransport {
  readonly name = "gcm-http";
  readonly retryPolicy = GCM_HTTP_RETRY_POLICY;
  readonly preferredBatchSize: number;
  readonly preferredConcurrency: number;
  readonly closeTimeoutMs: number;
  readonly #http: HttpClient;
  readonly #endpoint: Endpoint;
  readonly #format: GcmHttpFormat;
  readonly #apiKey: string;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #headers: readonly string[];

  constructor(
    http: HttpClient,
    endpoint: Endpoint,
    format: GcmHttpFormat,
    apiKey: string,
    clock: Clock,
    limits: Limits,
  ) {
    this.#http = http;
    this.#endpoint = endpoint;
    this.#format = format;
    this.#apiKey = apiKey;
    this.#clock = clock;
    this.#limits = limits;
    this.closeTimeoutMs = limits.closeTimeoutMs;
    this.#headers = ["content-type", CONTENT_TYPES[format], "authorization", `key=${apiKey}`];
    this.preferredBatchSize = limits.maxTokens;
    this.preferredConcurrency = limits.maxParallel;
  }

  check(message: DownstreamMessage): void {
    refuseV1Only(message, "GCM HTTP");
    const problems = unsendable(message, this.#format);
    if (problems.length > 0) throw new InvalidMessageError(problems);
  }

  async send(message: DownstreamMessage, options: AttemptOptions = {}): Promise<SendReport> {
    checkCallOptions(options);
    const content = this.#format === "json" ? encodeContent(message) : "";
    const tokens = tokensOf(message.target);
    const send: Send = { message, content, options };
    const { maxTokens, maxBytes, maxParallel } = this.#limits;
    if (tokens === undefined || tokens.length <= maxTokens) {
      const body = this.#encode(send, tokens);
      if (body.length <= maxBytes || tokens === undefined || tokens.length <= 1) {
        return { outcomes: await this.#request(send, tokens, this.#whenSent(send, tokens, body)) };
      }
    }
    // all the cuts are known before the first part leaves: one list of parts, and one bound on how many are under way
    const ends =
      this.#format === "json" ? cutTokens(content, tokens, maxTokens, maxBytes) : tokens.map((_, index) => index + 1);
    const outcomes = await mapParts(tokens, ends, maxParallel, (part) =>
      this.#request(send, part, this.#whenSent(send, part, this.#encode(send, part))),
    );
    return { outcomes };
  }

  async verifyCredentials(options: { readonly signal?: AbortSignal } = {}): Promise<CredentialCheck> {
    checkCallOptions(options);
    const body =
      this.#format === "json" ? '{"registration_ids":["ABC"],"dry_run":true}' : "registration_id=ABC&dry_run=1";
    const result = await this.#post(body, options);
    const recipients = ["ABC"];
    const [outcome] = this.#read(result, { token: "ABC" as RegistrationToken }, recipients);
    if (result.kind === "answer" && result.status === 200 && outcome?.kind !== "ambiguous") {
      if (this.#format === "plain-text" || hasResults(result.body)) return { kind: "valid" };
      return failedCheck("invalid-response", "the answer is JSON, and says nothing of the token");
    }
    const code = outcome !== undefined && "code" in outcome ? outcome.code : "invalid-response";
    return failedCheck(code, outcome !== undefined && "detail" in outcome ? outcome.detail : undefined);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One request. */
  async #request(
    { message, options }: Send,
    tokens: readonly RegistrationToken[] | undefined,
    body: Buffer | Writer,
  ): Promise<RecipientOutcome[]> {
    const recipients = tokens ?? recipientsOf(message.target);
    const startedAt = this.#clock.monotonic();
    const result = await this.#post(body, options);
    const outcomes = this.#read(result, message.target, recipients);
    publish("cloud-messaging:http-request", () => ({
      transport: this.name,
      origin: this.#endpoint.origin,
      recipients: recipients.length,
      ...(result.kind === "answer" ? { status: result.status } : { code: result.code }),
      durationMs: Math.round(elapsedMs(this.#clock, startedAt)),
    }));
    return outcomes;
  }

  /** The body as it stands, or, of a message whose life passes, what writes it with what is left. */
  #whenSent(send: Send, tokens: readonly RegistrationToken[] | undefined, body: Buffer): Buffer | Writer {
    const { message, options } = send;
    if (lifeEndsAt(message, options) === NEVER) return body;
    let written = { message, body };
    return () => {
      const left = withLifeLeft(message, options, this.#clock.monotonic());
      if (left === undefined) return undefined;
      if (left.timeToLiveSec !== written.message.timeToLiveSec) {
        const content = this.#format === "json" ? encodeContent(left) : "";
        written = { message: left, body: this.#encode({ ...send, message: left, content }, tokens) };
      }
      return written.body;
    };
  }

  #encode({ message, content }: Send, tokens: readonly RegistrationToken[] | undefined): Buffer {
    if (tokens === undefined) return Buffer.from(content);
    if (this.#format === "json") return encodeMulticast(content, tokens);
    return Buffer.from(encodePlainText(message, tokens[0] as RegistrationToken));
  }

  #post(body: Buffer | string | Writer, { signal, deadline }: AttemptOptions): Promise<HttpResult> {
    return this.#http.request({
      method: "POST",
      path: this.#endpoint.path,
      headers: this.#headers,
      body,
      signal,
      deadline,
    });
  }

  #read(result: HttpResult, target: DownstreamMessage["target"], recipients: readonly string[]): RecipientOutcome[] {
    return outcomesOf(result, {
      target,
      recipients,
      format: this.#format,
      host: this.#endpoint.host,
      secret: this.#apiKey,
      now: this.#clock.now(),
    });
  }
}
