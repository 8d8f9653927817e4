// "multicast_id" and a topic's "message_id" are signed 64-bit JSON numbers, beyond what a JavaScript number can hold. Inside a JSON
// string a quote is always escaped, so this text can only be a key with a number behind it.
const WIDE_IDS = /"(multicast_id|message_id)"(\s*:\s*)(-?\d+)(?![\d.eE])/g;

/**
 * `JSON.parse` that gives the service's 64-bit IDs as strings, to the last digit: they never pass through a JavaScript number.
 *
 * @throws {SyntaxError} as `JSON.parse` does.
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text.replace(WIDE_IDS, '"$1"$2"$3"'));
}

// stands for itself in no text we write: the control character is always escaped by JSON.stringify, so this is looked for escaped
const MARK = "\u0000int64:";
const MARKED = /"\\u0000int64:(-?\d+)"/g;

/** `JSON.stringify` that writes a bigint as a JSON number, every digit of it. What the emulator answers with. */
export function stringifyExactJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) =>
    typeof field === "bigint" ? `${MARK}${field}` : field,
  ).replace(MARKED, "$1");
}
