/** Longest Retry-After taken at its word. Unit: milliseconds. Our choice: a year; a longer one is a mistake, and sums of it stay exact. */
const MAX_RETRY_AFTER_MS = 365 * 24 * 60 * 60 * 1000;
const SECONDS = /^\d+(\.\d+)?$/;
// the two date forms of HTTP that name a zone, and the one that does not and means GMT all the same
const DATE_WITH_ZONE = /^[A-Za-z]{3,9}, \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const DATE_WITHOUT_ZONE = /^[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Parses the value of `Retry-After` as a wait in milliseconds; `undefined` where there is none or it cannot be read. Seconds and all three
 * date forms of HTTP are understood; a date in the past means 0.
 *
 * Source: docs/protocol/gcm-http.md#retry-after
 *
 * @param now Milliseconds since the epoch.
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim();
  if (text === undefined || text === "") return undefined;
  if (SECONDS.test(text)) return Math.min(MAX_RETRY_AFTER_MS, Math.ceil(Number(text) * 1000));
  const at = DATE_WITH_ZONE.test(text)
    ? Date.parse(text)
    : DATE_WITHOUT_ZONE.test(text)
      ? Date.parse(`${text} GMT`)
      : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.min(MAX_RETRY_AFTER_MS, Math.max(0, at - now));
}

/** `@type` of the detail of Google's error object that asks for a wait. */
const RETRY_INFO_TYPE = "type.googleapis.com/google.rpc.RetryInfo";
const DURATION = /^(\d+(?:\.\d+)?)s$/;

/**
 * The wait that an answer asks for: its `Retry-After`, a `google.rpc.RetryInfo` in its error object, or the longer of the two. Unit:
 * milliseconds; `undefined` where it asks for none. The one rule for GCM HTTP, FCM v1 and management.
 *
 * @param header Value of `Retry-After`.
 * @param body The parsed JSON of the answer.
 * @param now Milliseconds since the epoch.
 */
export function readRetryAfter(
  header: string | readonly string[] | undefined,
  body: unknown,
  now: number,
): number | undefined {
  const asked = [parseRetryAfter(typeof header === "string" ? header : header?.[0], now), readRetryInfo(body)];
  const known = asked.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function readRetryInfo(body: unknown): number | undefined {
  const details = field(field(body, "error"), "details");
  if (!Array.isArray(details)) return undefined;
  for (const detail of details) {
    if (field(detail, "@type") !== RETRY_INFO_TYPE) continue;
    const delayMs = durationMs(field(detail, "retryDelay") ?? field(detail, "retry_delay"));
    if (delayMs !== undefined) return Math.min(MAX_RETRY_AFTER_MS, delayMs);
  }
  return undefined;
}

/** A duration as proto3 JSON writes it ("3.5s"), or its two parts as some front ends do. */
function durationMs(value: unknown): number | undefined {
  if (typeof value === "string") {
    const seconds = DURATION.exec(value)?.[1];
    return seconds === undefined ? undefined : Math.ceil(Number(seconds) * 1000);
  }
  const seconds = Number(field(value, "seconds") ?? 0);
  const nanos = Number(field(value, "nanos") ?? 0);
  const ms = Math.ceil(seconds * 1000 + nanos / 1_000_000);
  return ms > 0 ? ms : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Partial<Record<string, unknown>>)[name] : undefined;
}
