/** Longest text in base64 that is looked at for a key: a key file has about two kilobytes. Unit: characters. */
const MAX_BASE64_CHARS = 1 << 20;
const BASE64 = /^[\w+/\-\s]{20,}={0,2}\s*$/;

/**
 * Text of a file of credentials: UTF-8 or UTF-16 of either byte order, with or without a byte order mark.
 *
 * A key file is ASCII, so that a zero in one of its first two bytes tells the encoding where no mark does.
 */
export function decodeText(bytes: Buffer): string {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return bytes.toString("utf16le");
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0)) {
    return Buffer.from(bytes.subarray(0, bytes.length & ~1))
      .swap16()
      .toString("utf16le");
  }
  return bytes.toString("utf8");
}

/**
 * The JSON object that a text holds, in the shapes in which files, variables and secret stores hand it on: as it is, in quotation marks,
 * with its own marks escaped, with the line ends of its texts spelled out or not, and in base64 of any of these.
 *
 * `"damaged"`: begins like one and cannot be read. `undefined`: is none, and may be a path.
 */
export function findJson(text: string): object | "damaged" | undefined {
  // what is left of UTF-16 that was read as UTF-8
  const bare = text.replaceAll("\0", "").replace(/^[\uFEFF\uFFFD\s]+|[\uFFFD\s]+$/g, "");
  if (bare.startsWith("{")) {
    return parseObject(bare) ?? parseObject(keepLineEnds(bare)) ?? parseEscaped(bare) ?? "damaged";
  }
  const quoted = /^(["'`])([\s\S]*)\1$/.exec(bare);
  if (quoted !== null) return findQuoted(bare, quoted[2] as string);
  if (bare.length > MAX_BASE64_CHARS || !BASE64.test(bare)) return undefined;
  const decoded = decodeText(Buffer.from(bare, "base64"));
  return /^[\uFEFF\s]*(?:\{\s*["}]|["']\{)/.test(decoded) ? findJson(decoded) : undefined;
}

function findQuoted(whole: string, inner: string): object | "damaged" | undefined {
  const unescaped = parse(whole);
  if (typeof unescaped !== "string") return findJson(inner);
  const found = findJson(unescaped);
  return found === "damaged" ? findJson(inner) : found;
}

/** `{\"type\":…}`: the inside of a JSON text without its marks. */
function parseEscaped(text: string): object | undefined {
  const unescaped = parse(`"${keepLineEnds(text, true)}"`);
  if (typeof unescaped !== "string") return undefined;
  return parseObject(unescaped) ?? parseObject(keepLineEnds(unescaped));
}

/** Line ends inside of texts, which JSON does not allow, are spelled out. */
function keepLineEnds(text: string, inside = false): string {
  let escaped = false;
  let kept = "";
  for (const char of text) {
    kept += inside ? (LINE_ENDS[char] ?? char) : char;
    if (escaped) escaped = false;
    else if (char === "\\") escaped = true;
    else if (char === '"') inside = !inside;
  }
  return kept;
}

const LINE_ENDS: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function parseObject(text: string): object | undefined {
  const value = parse(text);
  return typeof value === "object" && value !== null ? value : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // without the error: it quotes what it could not read
    return undefined;
  }
}
