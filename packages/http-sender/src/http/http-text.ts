/** Decodes a body as UTF-8 without its byte order mark, which is no valid JSON. */
export function textOf(bytes: Buffer | undefined): string {
  const text = bytes?.toString("utf8") ?? "";
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
