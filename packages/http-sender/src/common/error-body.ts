import type { ServiceAnswer } from "@cloud-messaging/core";
import { serviceText, withoutSecrets } from "@cloud-messaging/core/transport";
import type { HttpAnswer } from "../http/http-client.ts";

/** Longest JSON body that is read as an error. Unit: characters. */
const MAX_JSON = 64 * 1024;
/** As much of any other body is looked at: what a page has to say stands at its top. Unit: characters. */
const MAX_PAGE = 4 * 1024;
/** Headers that are kept of an answer: IDs by which a service's support finds a request, and the wait it asks for. */
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

/** What the body of an answer other than a plain acceptance says. */
export interface ErrorBody {
  /** The JSON in it; `undefined` where there is none, or more than 64 KB. */
  readonly json: unknown;
  /** The `error` of a JSON object: a word, or the `message` of Google's error object. As it came: to be looked up, not to be shown. */
  readonly word: string | undefined;
  /** The body in a line, fit to be shown: the reason of a plain-text 400, the title of an HTML page, the word. */
  readonly description: string | undefined;
}

/**
 * Reads the body of an error answer: the one reader for every HTTP service. It looks at a bounded part and at no character more than a few
 * times, whatever the body is.
 *
 * @param secret Taken out of the description wherever it stands: a proxy's error page may repeat the request.
 */
export function readErrorBody(body: string, secret: string): ErrorBody {
  const json = body.length > MAX_JSON ? undefined : parseJson(body);
  const word = errorWordOf(json);
  // before the cut of the page, which could leave half of a secret
  const description = serviceText(word ?? readablePage(withoutSecrets(body, [secret]).slice(0, MAX_PAGE)), [secret]);
  return { json, word, description: description === "" ? undefined : description };
}

/** Status and kept headers of an answer, for `service` of an outcome. */
export function statusOf({ status, headers }: Pick<HttpAnswer, "status" | "headers">): ServiceAnswer {
  let kept: Record<string, string> | undefined;
  for (const name of KEPT_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    kept ??= {};
    kept[name] = serviceText(String(value));
  }
  return kept === undefined ? { status } : { status, headers: kept };
}

/** The same of an answer that is no plain acceptance: with the beginning of its body. */
export function answerOf(answer: HttpAnswer, secret: string): ServiceAnswer {
  const body = serviceText(answer.body, [secret]);
  return body === "" ? statusOf(answer) : { ...statusOf(answer), body };
}

/** A service's word for an error, as it may be shown: a plain word as it is, anything else in a line of bounded length. */
export function errorText(word: string, secret: string): string {
  if (/^\w{1,64}$/.test(word) && !word.includes(secret)) return word;
  return serviceText(word, [secret]);
}

/** Whether a value is text that says something. */
export function isWord(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

function parseJson(body: string): unknown {
  if (!/^\s*[{[]/.test(body)) return undefined;
  try {
    return JSON.parse(body);
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
