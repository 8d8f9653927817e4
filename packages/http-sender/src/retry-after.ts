/** Longest Retry-After taken at its word. Unit: milliseconds. Our choice: a year; a longer one is a mistake, and sums of it stay exact. */
const MAX_RETRY_AFTER_MS = 365 * 24 * 60 * 60 * 1000;
const SECONDS = /^\d+(\.\d+)?$/;
// the two date forms of HTTP that name a zone, and the one that does not and means GMT all the same
const DATE_WITH_ZONE = /^[A-Za-z]{3,9}, \d{1,2}[ -][A-Za-z]{3}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;
const DATE_WITHOUT_ZONE = /^[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * How long `Retry-After` asks to wait, in milliseconds; `undefined` where there is none or it cannot be read. Seconds and all three
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
