// An answer of a client, as its caller can read it.
const DOUBT =
  /tim(ed|e)[ -]?out|ETIMEDOUT|ESOCKETTIMEDOUT|ECONNRESET|ECONNABORTED|EPIPE|hang up|reset|aborted|cancel|terminated|(connection|session|stream|socket|transport).*(closed|lost|destroyed|ended|gone)|GOAWAY/i;

/**
 * `"doubt"` for an error that names a time-out or a lost connection: a careful caller can tell from it that the message may have been accepted.
 * `"failed"` for every other.
 */
export function toldBy(error) {
  return DOUBT.test(wordsOf(error)) ? "doubt" : "failed";
}

/** Code and message of an error, and of its causes. */
export function wordsOf(error) {
  if (typeof error !== "object" || error === null) return String(error);
  const { code, message, errorInfo, cause, error: inner } = error;
  const words = [code, errorInfo?.code, message].filter((word) => word !== undefined && word !== "");
  for (const further of [cause, inner]) if (further !== undefined && further !== null) words.push(wordsOf(further));
  return words.length > 0 ? [...new Set(words)].join(" ") : JSON.stringify(error);
}

/** Tells of every token what the promise of their one call says: it fulfils, or fails for all. */
export async function tellAll(promise, tokens, tell) {
  try {
    await promise;
    for (const token of tokens) tell(token, "accepted");
  } catch (error) {
    for (const token of tokens) tell(token, toldBy(error), wordsOf(error));
  }
}
