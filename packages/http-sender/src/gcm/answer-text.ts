/** Longest description kept. Unit: characters. */
const MAX_DESCRIPTION = 300;

/**
 * What a body says, in a line: the reason of a plain-text 400, the title of an HTML page, the `error` of a JSON object.
 * `undefined` where it says nothing.
 *
 * @param secret Taken out wherever it stands: a proxy's error page may repeat the request.
 */
export function describeBody(body: string, secret: string): string | undefined {
  const text = readable(body.slice(0, 64 * 1024))
    .replaceAll(secret, "…")
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (text === "") return undefined;
  return text.length > MAX_DESCRIPTION ? `${text.slice(0, MAX_DESCRIPTION - 1)}…` : text;
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
  const word = errorWordOf(body);
  if (word !== undefined) return word;
  if (!/<(!doctype|html|head|body|title)\b/i.test(body)) return body;
  const title = /<title[^>]*>([^<]*)<\/title/i.exec(body)?.[1];
  return title !== undefined && title.trim() !== "" ? title : body.replace(/<[^>]*>/g, " ");
}
