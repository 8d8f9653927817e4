import {
  type AcceptedOutcome,
  type AmbiguousOutcome,
  type BackoffPolicy,
  type Clock,
  type ErrorCode,
  InvalidOptionsError,
  type RecipientOutcome,
} from "@cloud-messaging/core";
import {
  AbortSignalSchema,
  ambiguousOutcome,
  defined,
  elapsedMs,
  errorRow,
  failureOutcome,
  isJsonObject,
  isTopicName,
  type MonotonicInstant,
  outcomeKindFor,
  plusMs,
  publish,
  readOptions,
  readRetryAfter,
  refusedRecipient,
  type ServiceAnswer,
  tokenProblem,
  type WireVocabulary,
  z,
} from "@cloud-messaging/core/transport";
import { errorCodeFor, errorCodeForHttpStatus, parseBoundedJson } from "@cloud-messaging/core/wire";
import { isGoogleHost } from "../common/endpoint.ts";
import { answerOf, errorText, readRefusal, unreadAnswerOf } from "../common/error-body.ts";
import type { HttpAnswer, HttpClient, HttpRequest, HttpResult } from "../http/http-client.ts";
import type { Authorization } from "./authorization.ts";
import { type Bounds, createManagementRetries, type ManagementRetries } from "./retries.ts";

/** Outcome of a failure: as of a message, with the token or the group's name as `recipient`. */
export type FailedOutcome = Exclude<RecipientOutcome, AcceptedOutcome>;

/** Options of one call. */
export interface CallOptions {
  /** Aborts the call. A request not yet written is `retryable` (code `aborted`), a written one `ambiguous`. */
  readonly signal?: AbortSignal;
  /**
   * Time limit of the whole call, waits between attempts included. Unit: milliseconds. Range: above 0.
   * @defaultValue none for the whole call; each of its requests has the `totalMs` of the retry policy
   */
  readonly timeoutMs?: number;
}

const CallOptionsSchema = z.strictObject({
  signal: AbortSignalSchema.optional(),
  timeoutMs: z.number().positive("must be above 0").optional(),
});

/** One call of a management service. */
export interface ManagementCall extends Bounds {
  readonly method: HttpRequest["method"];
  readonly path: string;
  readonly body?: object;
  /** Number of tokens in the call, for events. */
  readonly recipients: number;
}

/** A 200 with a JSON object, or a failure that gives the outcome of each recipient. */
export type CallResult =
  | {
      readonly kind: "ok";
      readonly body: Readonly<Record<string, unknown>>;
      readonly answer: HttpAnswer;
      /** The answer, for the outcome of an unreadable part of it. */
      readonly service: ServiceAnswer;
      /** Retry-After of the answer. Unit: milliseconds. */
      readonly retryAfterMs: number | undefined;
      /** Redacts and bounds a word of the answer. */
      readonly textOf: (word: string) => string;
    }
  | FailedCall;

/** A call that was refused, or not answered. */
export interface FailedCall {
  readonly kind: "failed";
  /** The answer, if there was one, unredacted. */
  readonly answer?: HttpAnswer;
  /** Credentials of the call, to redact in the answer. */
  readonly secret: string;
  readonly outcomeFor: (recipient: string) => FailedOutcome;
}

/** Dependencies of a management client. */
export interface ManagementClientParts {
  readonly name: string;
  readonly http: HttpClient;
  readonly authorization: Authorization;
  readonly clock: Clock;
  readonly origin: string;
  readonly host: string;
  /** Sent with every request. Names and values in turn. */
  readonly headers: readonly string[];
  readonly vocabulary: WireVocabulary;
  readonly retry?: Partial<BackoffPolicy> | false | undefined;
}

/**
 * Client of a management service: credentials, JSON, and every failure as an outcome. `call` makes one attempt, and a second one with a new
 * access token; `retries` makes further ones.
 */
export class ManagementClient {
  readonly #parts: ManagementClientParts;
  readonly retries: ManagementRetries;
  #closing: Promise<void> | undefined;

  /** @throws {InvalidOptionsError} the retry policy is wrong. */
  constructor(parts: ManagementClientParts) {
    this.#parts = parts;
    this.retries = createManagementRetries(parts.name, parts.clock, parts.retry);
  }

  /**
   * Deadline of a call made now. Every call begins with this.
   *
   * @throws {InvalidOptionsError} the call's options are wrong.
   */
  deadlineOf(options: CallOptions): MonotonicInstant | undefined {
    const { timeoutMs } = readOptions(CallOptionsSchema, options, "an option of a call");
    if (timeoutMs === undefined) return undefined;
    return plusMs(this.#parts.clock.monotonic(), timeoutMs);
  }

  async call(call: ManagementCall): Promise<CallResult> {
    const first = await this.#attempt(call);
    if (first.result.kind !== "answer" || first.result.status !== 401 || !first.refuse()) return this.#read(first);
    return this.#read(await this.#attempt(call));
  }

  /** Makes a look-up under the retry policy. It is idempotent, so that its result is never `ambiguous`. */
  async look<T extends { readonly kind: string }>(
    recipient: string,
    bounds: Bounds,
    attempt: (bounds: Bounds) => Promise<T | FailedOutcome>,
  ): Promise<T | FailedOutcome> {
    const [found] = await this.retries.run<T>([recipient], bounds, async (_, each) => [await attempt(each)]);
    return found?.kind === "ambiguous" ? { ...(found as AmbiguousOutcome), kind: "retryable" } : (found as T);
  }

  close(): Promise<void> {
    this.retries.end();
    this.#closing ??= Promise.all([this.#parts.http.close(), this.#parts.authorization.close()]).then(() => undefined);
    return this.#closing;
  }

  async #attempt(call: ManagementCall): Promise<Attempt> {
    const { http, authorization, clock, headers, name, origin } = this.#parts;
    const { method, path, body, signal, deadline, recipients } = call;
    const credentials = await authorization.headers({ signal, deadline });
    if (credentials.kind === "failure") {
      const { code, detail, retryAfterMs } = credentials;
      return { result: { kind: "no-credentials", code, detail, retryAfterMs }, secret: "", refuse: () => false };
    }
    const startedAt = clock.monotonic();
    const result = await http.request({
      method,
      path,
      headers: [...credentials.headers, ...headers, "content-type", "application/json"],
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      deadline,
    });
    publish("cloud-messaging:http-request", () => ({
      transport: name,
      origin,
      recipients,
      ...(result.kind === "answer" ? { status: result.status } : { code: result.code }),
      durationMs: Math.round(elapsedMs(clock, startedAt)),
    }));
    return { result, secret: credentials.secret, refuse: credentials.refuse };
  }

  #read({ result, secret }: Attempt): CallResult {
    if (result.kind === "no-credentials") {
      const { code, detail, retryAfterMs } = result;
      return failed((recipient) => failureOutcome(code, { recipient, detail, retryAfterMs }));
    }
    if (result.kind === "failure") {
      const { code, detail, sentAt, written } = result;
      return failed((recipient) =>
        written
          ? ambiguousOutcome(code, { recipient, detail, sentAt })
          : failureOutcome(code, { recipient, detail, sentAt }),
      );
    }
    const { incomplete, body: text, sentAt, status } = result;
    if (status < 200 || status >= 300) return this.#refused(result, secret);
    const unread = (code: ErrorCode, detail: string): CallResult => {
      const service = unreadAnswerOf(result, secret);
      return failed((recipient) => ambiguousOutcome(code, { recipient, detail, sentAt, service }), result, secret);
    };
    if (status !== 200) return unread("unexpected-status", `status ${status} is none that this service answers with`);
    if (incomplete !== undefined) return unread(incomplete.code, incomplete.detail);
    const body = parseObject(text);
    return body === undefined
      ? unread("invalid-response", "the answer is not a JSON object")
      : {
          kind: "ok",
          body,
          answer: result,
          service: answerOf(result, secret),
          retryAfterMs: this.#retryAfter(result, body),
          textOf: (word) => errorText(word, secret),
        };
  }

  #retryAfter({ headers }: HttpAnswer, json: unknown): number | undefined {
    return readRetryAfter(headers["retry-after"], json, this.#parts.clock.now());
  }

  #refused(answer: HttpAnswer, secret: string): CallResult {
    const { status, sentAt } = answer;
    const { json, word, description, service } = readRefusal(answer, secret);
    const code = this.#codeOf(status, word);
    const retryAfterMs = this.#retryAfter(answer, json);
    const gone = code === "endpoint-gone" && !isGoogleHost(this.#parts.host);
    const action = gone ? `Nothing answers at this address of ${this.#parts.host}.` : errorRow(code).action;
    const detail = description === undefined ? action : `${description} – ${action}`;
    return failed(
      (recipient) => failureOutcome(code, { recipient, detail, sentAt, service, retryAfterMs }),
      answer,
      secret,
    );
  }

  #codeOf(status: number, word: string | undefined): ErrorCode {
    const code = errorCodeForHttpStatus(status);
    if (code !== "invalid-argument" || word === undefined) return code;
    const known = errorCodeFor(this.#parts.vocabulary, word);
    // an unknown word of a 400 is no internal error, and one about a token does not name the token
    return outcomeKindFor(known) === "rejected" ? known : code;
  }
}

interface Attempt {
  readonly result:
    | HttpResult
    | { kind: "no-credentials"; code: ErrorCode; detail: string; retryAfterMs: number | undefined };
  readonly secret: string;
  readonly refuse: () => boolean;
}

function failed(outcomeFor: (recipient: string) => RecipientOutcome, answer?: HttpAnswer, secret = ""): CallResult {
  return {
    kind: "failed",
    secret,
    outcomeFor: outcomeFor as (recipient: string) => FailedOutcome,
    ...defined({ answer }),
  };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseBoundedJson(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Creates the error of an invalid argument. */
export function invalidArgument(path: string, problem: string): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem }]);
}

/**
 * Checks tokens before they go into a URL or a body.
 *
 * @throws {InvalidOptionsError} naming every bad one by its position, and the limit where there are too many or none.
 */
export function checkTokens(tokens: readonly string[], path: string, max = Number.POSITIVE_INFINITY): void {
  if (!Array.isArray(tokens) || tokens.length === 0)
    throw invalidArgument(path, "must be an array of at least one token");
  if (tokens.length > max) throw invalidArgument(path, `has ${tokens.length} entries, at most ${max} are possible`);
  const problems = tokens.flatMap((token, position) => {
    const problem = tokenProblem(token);
    return problem === undefined ? [] : [{ path: `${path}.${position}`, problem }];
  });
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/**
 * Makes a call about the well-formed tokens of a list. A malformed one has an outcome of its own at its position, as in a send; an empty
 * list gives no outcome and makes no call.
 *
 * @throws {InvalidOptionsError} there is no list.
 */
export async function forTokens<T>(
  tokens: readonly string[],
  path: string,
  run: (tokens: readonly string[]) => Promise<readonly (T | FailedOutcome)[]>,
  problemOf: (token: unknown) => string | undefined = tokenProblem,
): Promise<(T | FailedOutcome)[]> {
  if (!Array.isArray(tokens)) throw invalidArgument(path, "must be an array of tokens");
  // by index, since holes are not to be skipped
  const problems = Array.from(tokens, problemOf);
  const good = tokens.filter((_, position) => problems[position] === undefined);
  const results = good.length === 0 ? [] : await run(good);
  let next = 0;
  return Array.from(problems, (problem, position) =>
    problem === undefined
      ? (results[next++] as T | FailedOutcome)
      : (refusedRecipient(tokens[position], `The token ${problem}`) as FailedOutcome),
  );
}

/** The problem of a token that becomes one step of a URL's path. */
export function pathTokenProblem(token: unknown): string | undefined {
  return tokenProblem(token) ?? (token === "." || token === ".." ? DOT_SEGMENT : undefined);
}

const DOT_SEGMENT = "must not be . or ..: it would change the address";

/**
 * Checks a segment of a URL path.
 *
 * @throws {InvalidOptionsError} it is `.` or `..`, which URLs resolve even when percent-encoded.
 */
export function checkPathSegment(value: string, path: string): void {
  if (value === "." || value === "..") throw invalidArgument(path, DOT_SEGMENT);
}

/**
 * A topic's bare name.
 *
 * @throws {InvalidOptionsError} it is none.
 */
export function checkTopic(topic: string): string {
  const name = typeof topic === "string" && topic.startsWith("/topics/") ? topic.slice("/topics/".length) : topic;
  if (typeof name !== "string" || !isTopicName(name)) {
    throw invalidArgument("topic", "must have 1 to 900 of the characters a-z A-Z 0-9 - _ . ~ %");
  }
  return name;
}
