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
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPENING_BRACE:
      case OPENING_BRACKET:
        if (++depth > MAX_JSON_DEPTH) throw new SyntaxError(`nests more than ${MAX_JSON_DEPTH} levels deep`);
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        depth--;
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;

/** Finds the quote that ends a string. A search for it is several times faster than a loop over the characters in between. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return text.length;
}
