/** Longest text of a server that is kept. Unit: characters. */
const MAX_LENGTH = 300;
/** Longest part of a text that is looked at. Unit: characters. */
const MAX_SCANNED = 4 * 1024;
// white space, control characters (escape sequences start with one), and the marks that turn the direction of writing
const UNPRINTABLE = /[\s\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu;
const NO_WORD = /[^\x21-\x7e]/;

/**
 * Makes text of a server fit to be shown and logged: at most 300 characters in one line, without control characters and without secrets.
 * The one rule for every transport. Empty where the text holds nothing printable.
 *
 * @param secrets Replaced by `…` wherever they stand: an error page may repeat the request.
 */
export function serviceText(text: string, secrets: readonly string[] = []): string {
  // nearly all that a service says of an accepted message: its ID
  if (secrets.length === 0 && text.length <= MAX_LENGTH && !NO_WORD.test(text)) return text;
  // before the cut, which could leave half of a secret
  const line = withoutSecrets(text, secrets).slice(0, MAX_SCANNED).replace(UNPRINTABLE, " ").trim();
  if (line.length <= MAX_LENGTH) return line;
  const cut = line.slice(0, MAX_LENGTH - 1);
  // half of a surrogate pair is no character
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}

/** Replaces every secret in a text by `…`. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) if (secret !== "") clean = clean.replaceAll(secret, "…");
  return clean;
}
