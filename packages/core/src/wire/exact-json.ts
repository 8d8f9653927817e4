import { parseBoundedJson } from "./bounded-json.ts";

// "multicast_id" and a topic's "message_id" are signed 64-bit JSON numbers, beyond what a JavaScript number can hold. Inside a JSON
// string a quote is always escaped, so this text can only be a key with a number behind it.
const WIDE_IDS = /"(multicast_id|message_id)"(\s*:\s*)(-?(?:0|[1-9]\d*))(?![\d.eE])/g;

/**
 * `JSON.parse` that gives the service's 64-bit IDs as strings, to the last digit: they never pass through a JavaScript number.
 *
 * @throws {SyntaxError} as `parseBoundedJson` does.
 */
export function parseExactJson(text: string): unknown {
  return parseBoundedJson(text.replace(WIDE_IDS, '"$1"$2"$3"'));
}

/** `JSON.stringify` that writes a bigint as a JSON number, every digit of it. What the emulator answers with. */
export function stringifyExactJson(value: unknown): string {
  // what stands for a number until it is written has to be text that occurs nowhere else
  const plain = JSON.stringify(value, (_key, field: unknown) => (typeof field === "bigint" ? null : field));
  let mark = "int64:";
  while (plain.includes(mark)) mark += ":";
  return JSON.stringify(value, (_key, field: unknown) => (typeof field === "bigint" ? mark + field : field)).replace(
    new RegExp(`"${mark}(-?\\d+)"`, "g"),
    "$1",
  );
}
