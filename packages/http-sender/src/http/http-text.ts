/** The text of a body. A byte order mark is no part of it, and no JSON. */
export function textOf(bytes: Buffer | undefined): string {
  const text = bytes?.toString("utf8") ?? "";
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
