import {
  type Clock,
  type DownstreamMessage,
  InvalidMessageError,
  type RecipientOutcome,
  type RegistrationToken,
  type SendReport,
} from "@cloud-messaging/core";
import {
  type AttemptOptions,
  checkSignalOptions,
  elapsedMs,
  publish,
  readOptions,
  recipientsOf,
  refuseV1Only,
  requireOptions,
  SENDER_OPTION_NAMES,
  systemClock,
  tokensOf,
  withLifeLeft,
} from "@cloud-messaging/core/transport";
import { type CredentialCheck, PROBE_TOKEN } from "../auth/credential-check.ts";
import { mapParts } from "../common/batches.ts";
import { checkCallOptions } from "../common/call-options.ts";
import { atEmulator } from "../common/emulator-environment.ts";
import { type Endpoint, GCM_ENDPOINTS, type GcmEndpointName, parseEndpoint } from "../common/endpoint.ts";
import { createHttpClient } from "../http/http.ts";
import type { HttpClient, HttpRequest, HttpResult } from "../http/http-client.ts";
import { outcomesOf } from "./answer.ts";
import {
  CONTENT_TYPES,
  cutTokens,
  encodeContent,
  encodeMulticast,
  encodePlainText,
  type GcmHttpFormat,
  unsendable,
} from "./codec.ts";
import { probeBody, readProbe } from "./credential-probe.ts";
import {
  GCM_HTTP_OPTION_ALIASES,
  type GcmHttpTransport,
  type GcmHttpTransportOptions,
  gcmHttpOptionsSchema,
} from "./options.ts";
import { GCM_HTTP_RETRY_POLICY } from "./retry-policy.ts";

const NAME = "gcm-http";

/**
 * Creates a transport over the GCM HTTP connection server, JSON or plain text. It makes one attempt per call; wrap it with `withRetry` or
 * pass it to `createSender`. More than `maxTokensPerRequest` tokens are split; the report has one outcome per position.
 *
 * @example
 * ```ts
 * import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
 * import { createSender } from "@cloud-messaging/core/transport";
 *
 * const endpoint = "http://127.0.0.1:8095/fcm/send";
 * const sender = createSender({ transport: createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint }) });
 * ```
 *
 * @throws {InvalidOptionsError} naming every wrong option.
 */
export function createGcmHttpTransport(options: GcmHttpTransportOptions): GcmHttpTransport {
  const given = requireOptions(options);
  const {
    apiKey,
    endpoint: address,
    format,
    ...settings
  } = readOptions(
    gcmHttpOptionsSchema,
    atEmulator(given, "/fcm/send", NAME) ?? given,
    "an option of the GCM sender",
    SENDER_OPTION_NAMES,
    GCM_HTTP_OPTION_ALIASES,
  );
  const named = typeof address === "string" ? GCM_ENDPOINTS[address as GcmEndpointName] : undefined;
  const endpoint = parseEndpoint(named ?? address, settings.allowInsecure);
  const clock = settings.clock ?? systemClock;
  const http = createHttpClient({
    ...settings,
    transport: NAME,
    timeoutMs: settings.requestTimeoutMs,
    origin: endpoint.origin,
  });
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

class GcmHttp implements GcmHttpTransport {
  readonly name = NAME;
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

  send(message: DownstreamMessage, options: AttemptOptions = {}): Promise<SendReport> {
    try {
      checkCallOptions(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const tokens = tokensOf(message.target);
    // no async function for one recipient: its frame would be held once per pending message
    const outcomes =
      tokens === undefined || tokens.length <= 1
        ? this.#request(message, options)
        : this.#sendToMany(message, options, tokens);
    return outcomes.then(reportOf);
  }

  /** Sends to several tokens, in as few requests as the limits allow. */
  async #sendToMany(
    message: DownstreamMessage,
    options: AttemptOptions,
    tokens: readonly RegistrationToken[],
  ): Promise<RecipientOutcome[]> {
    const { maxTokens, maxBytes, maxParallel } = this.#limits;
    const content = this.#format === "json" ? encodeContent(message) : "";
    if (tokens.length <= maxTokens) {
      const body = this.#encode(message, content, tokens);
      if (body.length <= maxBytes) return this.#request(message, options, tokens, body);
    }
    // all parts are known before the first is sent: one bound on the requests in flight
    const ends =
      this.#format === "json" ? cutTokens(content, tokens, maxTokens, maxBytes) : tokens.map((_, index) => index + 1);
    return mapParts(tokens, ends, maxParallel, async (part, from) => {
      const answered = await this.#request(message, options, part, this.#encode(message, content, part));
      for (const [index, outcome] of answered.entries()) options.onOutcome?.(from + index, outcome);
      return answered;
    });
  }

  async verifyCredentials(options: { readonly signal?: AbortSignal } = {}): Promise<CredentialCheck> {
    checkSignalOptions(options, "an option of verifyCredentials");
    const result = await this.#post(probeBody(this.#format), options);
    const [outcome] = this.#read(result, { token: PROBE_TOKEN }, [PROBE_TOKEN]);
    return readProbe(result, outcome as RecipientOutcome, this.#format);
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * One request. Its body is encoded no earlier than it is written, so that a message that waits is held once; and again where its time to
   * live has become shorter by then.
   *
   * @param part Its tokens. Default: all recipients of the message.
   * @param body The body with the whole time to live, where its size had to be known before.
   */
  #request(
    message: DownstreamMessage,
    options: AttemptOptions,
    part?: readonly RegistrationToken[],
    body?: Buffer,
  ): Promise<RecipientOutcome[]> {
    const startedAt = this.#clock.monotonic();
    let latest = body === undefined ? undefined : { body, timeToLiveSec: message.timeToLiveSec };
    const write = (): Buffer | undefined => {
      const left = withLifeLeft(message, options, this.#clock.monotonic());
      if (left === undefined) return undefined;
      const { timeToLiveSec } = left;
      if (latest === undefined || latest.timeToLiveSec !== timeToLiveSec) {
        const content = this.#format === "json" ? encodeContent(left) : "";
        latest = { body: this.#encode(left, content, part ?? tokensOf(message.target)), timeToLiveSec };
      }
      return latest.body;
    };
    return this.#post(write, options).then((result) => {
      const recipients = part ?? recipientsOf(message.target);
      const outcomes = this.#read(result, message.target, recipients);
      publish("cloud-messaging:http-request", () => ({
        transport: this.name,
        origin: this.#endpoint.origin,
        recipients: recipients.length,
        ...(result.kind === "answer" ? { status: result.status } : { code: result.code }),
        durationMs: Math.round(elapsedMs(this.#clock, startedAt)),
      }));
      return outcomes;
    });
  }

  #encode(message: DownstreamMessage, content: string, tokens: readonly RegistrationToken[] | undefined): Buffer {
    if (tokens === undefined) return Buffer.from(content);
    if (this.#format === "json") return encodeMulticast(content, tokens);
    return Buffer.from(encodePlainText(message, tokens[0] as RegistrationToken));
  }

  #post(body: HttpRequest["body"], { signal, deadline }: AttemptOptions): Promise<HttpResult> {
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

const reportOf = (outcomes: RecipientOutcome[]): SendReport => ({ outcomes });
