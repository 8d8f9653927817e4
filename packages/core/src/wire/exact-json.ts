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

/**
 * `JSON.stringify` of an object whose own fields may be bigints, each written as a JSON number with all of its digits. Emulator and gateway
 * answer with it.
 *
 * @throws {TypeError} as `JSON.stringify` does, for a bigint further inside.
 */
export function stringifyExactJson(fields: Readonly<Record<string, unknown>>): string {
  let members = "";
  for (const [name, value] of Object.entries(fields)) {
    const json = typeof value === "bigint" ? String(value) : JSON.stringify(value);
    // a field that is undefined is left out
    if (json !== undefined) members += `${members === "" ? "" : ","}${JSON.stringify(name)}:${json}`;
  }
  return `{${members}}`;
}
