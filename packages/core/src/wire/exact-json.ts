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
 * `JSON.stringify` of an object whose own fields may be bigints, each written as a JSON number with all of its digits, before the other
 * fields. Emulator and gateway answer with it.
 *
 * @throws {TypeError} as `JSON.stringify` does, for a bigint further inside.
 */
export function stringifyExactJson(fields: Readonly<Record<string, unknown>>): string {
  let wide = "";
  // the rest in one call of JSON.stringify, which leaves out what is undefined
  const rest: Record<string, unknown> = { ...fields };
  for (const name of Object.keys(fields)) {
    const value = fields[name];
    if (typeof value !== "bigint") continue;
    wide += `${JSON.stringify(name)}:${value},`;
    rest[name] = undefined;
  }
  const json = JSON.stringify(rest);
  if (wide === "") return json;
  return json === "{}" ? `{${wide.slice(0, -1)}}` : `{${wide}${json.slice(1)}`;
}
