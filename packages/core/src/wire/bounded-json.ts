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
  // nearly every text has fewer brackets than levels are allowed; a search for them is many times faster than a loop over all characters
  const objects = countUpTo(MAX_JSON_DEPTH, text, "{");
  if (objects + countUpTo(MAX_JSON_DEPTH, text, "[") > MAX_JSON_DEPTH) checkDepth(text);
  return JSON.parse(text);
}

/** Counts a character; stops above the limit. */
function countUpTo(limit: number, text: string, character: string): number {
  let found = 0;
  for (let at = text.indexOf(character); at !== -1 && found <= limit; at = text.indexOf(character, at + 1)) found++;
  return found;
}

function checkDepth(text: string): void {
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
}
