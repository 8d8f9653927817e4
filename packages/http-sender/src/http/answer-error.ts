/** undici's names for an answer that breaks the rules of HTTP. */
const BROKEN_ANSWER: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_OVERFLOW",
  "UND_ERR_RES_CONTENT_LENGTH_MISMATCH",
  "UND_ERR_RES_EXCEEDED_MAX_SIZE",
]);

/** True for an answer whose first byte is none of HTTP. */
export function isNotHttp({ name, message }: Error): boolean {
  // the parser's words: undici gives these errors no code of its own
  return name === "HTTPParserError" && message.includes("(Expected HTTP/");
}

/** Code of an error that came after the request had been written. */
export function answerErrorCode(error: Error): "invalid-response" | "connection-lost" {
  const { code } = error as NodeJS.ErrnoException;
  if (error.name === "HTTPParserError" || (code !== undefined && BROKEN_ANSWER.has(code))) return "invalid-response";
  return "connection-lost";
}
