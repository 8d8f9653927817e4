/** Longest description kept. Unit: characters. */
const MAX_DESCRIPTION = 300;
/** Longest JSON body looked into for its `error`. Unit: characters. */
const MAX_JSON = 64 * 1024;
/** As much of any other body is looked at: what a page has to say stands at its top. Unit: characters. */
const MAX_PAGE = 4 * 1024;

/**
 * What a body says, in a line: the reason of a plain-text 400, the title of an HTML page, the `error` of a JSON object.
 * `undefined` where it says nothing.
 *
 * @param secret Taken out wherever it stands: a proxy's error page may repeat the request.
 */
export function describeBody(body: string, secret: string): string | undefined {
  // the secret goes first, whole: a cut could leave half of it
  const text = readable(body.replaceAll(secret, "…"))
    .replaceAll(secret, "…")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (text === "") return undefined;
  return text.length > MAX_DESCRIPTION ? `${text.slice(0, MAX_DESCRIPTION - 1)}…` : text;
}

/** A service's word for an error, as it may be shown: a plain word as it is, anything else in a line of bounded length. */
export function errorText(word: string, secret: string): string {
  if (/^\w{1,64}$/.test(word) && !word.includes(secret)) return word;
  return describeBody(word, secret) ?? "";
}

/** Whether a value is text that says something. */
export function isWord(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "";
}

/** The `error` of a JSON body: a word, or the `message` of Google's error object. */
export function errorWordOf(body: string): string | undefined {
  if (!body.trimStart().startsWith("{")) return undefined;
  try {
    const { error } = JSON.parse(body) as { error?: unknown };
    if (typeof error === "string") return error;
    const message = (error as { message?: unknown } | null | undefined)?.message;
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

function readable(body: string): string {
  const word = errorWordOf(body.slice(0, MAX_JSON));
  if (word !== undefined) return word;
  const page = body.slice(0, MAX_PAGE);
  if (!/<(!doctype|html|head|body|title)\b/i.test(page)) return page;
  // every repetition stops at the next < or has a bound, so that no page makes these look at a character more than a few times
  const title = /<title[^<>]{0,200}>([^<]{0,500})<\/title/i.exec(page)?.[1];
  return title !== undefined && title.trim() !== "" ? title : page.replace(/<[^<>]*>/g, " ");
}
