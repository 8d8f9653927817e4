/**
 * Maximum depth of JSON that is read. Implementation limit: what would be passed on has to be written again, which recurses, and `JSON.parse` takes a second for four
 * megabytes of brackets.
 */
const MAX_JSON_DEPTH = 64;

/**
 * `JSON.parse` for text from outside: refuses what nests too deep.
 *
 * @throws {SyntaxError} as `JSON.parse` does, and for more than 64 levels.
 */
export function parseBoundedJson(text: string): unknown {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x7b || code === 0x5b) {
      if (++depth > MAX_JSON_DEPTH) throw new SyntaxError(`nests more than ${MAX_JSON_DEPTH} levels deep`);
    } else if (code === 0x7d || code === 0x5d) depth--;
  }
  return JSON.parse(text);
}
