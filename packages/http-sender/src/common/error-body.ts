import { defined, type ServiceAnswer, serviceText, withoutSecrets } from "@cloud-messaging/core/transport";
import { parseBoundedJson } from "@cloud-messaging/core/wire";
import { type HttpAnswer, MAX_ERROR_BYTES } from "../http/http-client.ts";

/** Part of any other body that is read: the title of a page is near its top. Unit: characters. */
const MAX_PAGE = 4 * 1024;
/** Headers kept of an answer: request IDs for the service's support, and `Retry-After`. */
const KEPT_HEADERS = [
  "retry-after",
  "x-request-id",
  "request-id",
  "x-correlation-id",
  "x-goog-request-id",
  "x-google-request-id",
  "x-cloud-trace-context",
  "traceparent",
] as const;

/** Contents of the body of an error answer. */
export interface ErrorBody {
  /** The JSON in it; `undefined` where there is none, or more than 64 KB. */
  readonly json: unknown;
  /** The `error` of a JSON object: a word, or the `message` of Google's error object. Unredacted: for look-ups only. */
  readonly word: string | undefined;
  /** One line of the body, redacted and bounded: the reason of a plain-text 400, the title of an HTML page, the word. */
  readonly description: string | undefined;
}

/**
 * Reads the body of an error answer of any HTTP service, in time linear in its bounded size.
 *
 * @param secret Redacted in the description: a proxy's error page may repeat the request.
 */
export function readErrorBody(body: string, secret: string): ErrorBody {
  const json = body.length > MAX_ERROR_BYTES ? undefined : parseJson(body);
  const word = errorWordOf(json);
  // before the cut of the page, which could leave half of a secret
  const description = serviceText(word ?? readablePage(withoutSecrets(body, [secret]).slice(0, MAX_PAGE)), [secret]);
  return { json, word, description: description === "" ? undefined : description };
}

/** Status and kept headers of an answer, for `service` of an outcome, with the ID of a multicast where there is one. */
export function statusOf(
  { status, headers }: Pick<HttpAnswer, "status" | "headers">,
  multicastId?: string,
): ServiceAnswer {
  // field by field: it is made for every answer, and an object that is spread into another costs several microseconds
  const service: { status: number; headers?: Record<string, string>; multicastId?: string } = { status };
  let kept: Record<string, string> | undefined;
  for (const name of KEPT_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    kept ??= {};
    kept[name] = serviceText(String(value));
  }
  if (kept !== undefined) service.headers = kept;
  if (multicastId !== undefined) service.multicastId = multicastId;
  return service;
}

/** Status, kept headers and the beginning of the body of an answer, redacted. */
export function answerOf(answer: HttpAnswer, secret: string): ServiceAnswer {
  const body = serviceText(answer.body, [secret]);
  return body === "" ? statusOf(answer) : { ...statusOf(answer), body };
}

/** A refusal, read: its parts, and its form for `service` of an outcome. */
export interface Refusal extends ErrorBody {
  readonly service: ServiceAnswer;
}

/** Reads a refusal, redacted. Its `error` is one bounded line. */
export function readRefusal(answer: HttpAnswer, secret: string): Refusal {
  const body = readErrorBody(answer.body, secret);
  const { word, description } = body;
  const error = word === undefined ? undefined : description;
  return { ...body, service: { ...answerOf(answer, secret), ...defined({ error, description }) } };
}

/** An answer that is neither a readable acceptance nor a refusal, for `service` of an outcome, redacted. */
export function unreadAnswerOf(answer: HttpAnswer, secret: string): ServiceAnswer {
  const { description } = readErrorBody(answer.body, secret);
  return { ...answerOf(answer, secret), ...defined({ description }) };
}

/** Redacts a service's error word: a plain word stays as it is, other text becomes one bounded line. */
export function errorText(word: string, secret: string): string {
  if (/^\w{1,64}$/.test(word) && !word.includes(secret)) return word;
  return serviceText(word, [secret]);
}

/** True for text other than white space. */
export function isWord(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function parseJson(body: string): unknown {
  if (!/^\s*[{[]/.test(body)) return undefined;
  try {
    return parseBoundedJson(body);
  } catch {
    return undefined;
  }
}

function errorWordOf(json: unknown): string | undefined {
  const error = (json as { error?: unknown } | undefined)?.error;
  if (typeof error === "string") return error;
  const message = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === "string" ? message : undefined;
}

function readablePage(page: string): string {
  if (!/<(!doctype|html|head|body|title)\b/i.test(page) && !/^\s*</.test(page)) return page;
  // every repetition stops at the next < or has a bound
  const title = /<title[^<>]{0,200}>([^<]{0,500})<\/title/i.exec(page)?.[1];
  return title !== undefined && title.trim() !== "" ? title : page.replace(/<[^<>]*>/g, " ");
}
