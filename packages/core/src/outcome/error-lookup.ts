import { ERROR_CODES, type ErrorCode, type ErrorRow, errorRow, type WireVocabulary } from "./error-code.ts";
import { type OutcomeKind, outcomeKindFor } from "./outcome.ts";

const rows = Object.entries(ERROR_CODES) as [ErrorCode, ErrorRow][];

const byWireString: Record<WireVocabulary, ReadonlyMap<string, ErrorCode>> = {
  gcmHttp: indexOf("gcmHttp"),
  ccs: indexOf("ccs"),
  fcmV1: indexOf("fcmV1"),
  instanceId: indexOf("instanceId"),
  deviceGroups: indexOf("deviceGroups"),
};
const byHttpStatus = new Map(rows.flatMap(([code, row]) => (row.gcmHttpStatus ?? []).map((status) => [status, code])));

function indexOf(wire: WireVocabulary): ReadonlyMap<string, ErrorCode> {
  return new Map(rows.flatMap(([code, row]) => (row[wire] ?? []).map((word) => [word, code] as const)));
}

/**
 * The code for a wire's error string. A string nobody documented counts as `internal-error`, as the CCS page asks.
 * A 2013 CCS nack put code and text in one field: a known word inside a longer string is found too.
 *
 * Source: docs/protocol/ccs.md#nack
 */
export function errorCodeFor(wire: WireVocabulary, word: string): ErrorCode {
  const known = byWireString[wire].get(word);
  if (known !== undefined) return known;
  if (wire === "ccs") {
    for (const [candidate, code] of byWireString.ccs) if (word.includes(candidate)) return code;
    if (word.startsWith("InvalidJson")) return "invalid-argument";
  }
  return "internal-error";
}

/** Longest explanation looked at. Unit: characters. */
const MAX_EXPLANATION_CHARS = 500;

// codes wide enough that the explanation beside them may say which narrower one is meant
const WIDE_CODES: ReadonlySet<ErrorCode> = new Set(["invalid-argument", "bad-registration", "stanza-error"]);
const byText = rows.flatMap(([code, row]) => (row.text === undefined ? [] : [{ code, text: row.text }]));

/**
 * The code that an explanation proves, where the service's word is a wide one; otherwise the code itself. This is what tells a
 * `BAD_REGISTRATION` about a malformed token from one about another sender's, and the live service's 400 texts from each other.
 *
 * Source: docs/protocol/error-codes.md
 */
export function narrowErrorCode(code: ErrorCode, explanation: string | undefined): ErrorCode {
  if (explanation === undefined || !WIDE_CODES.has(code)) return code;
  const words = explanation.slice(0, MAX_EXPLANATION_CHARS);
  // a BAD_REGISTRATION can only be proven to be about a bad token; and nothing else proves that, since "token" is also a word of JSON
  const possible = (found: ErrorCode): boolean => (code === "bad-registration") === (found === "invalid-registration");
  return byText.find((row) => possible(row.code) && row.text.test(words))?.code ?? code;
}

/** The code for the HTTP status of a whole answer: every 5xx not listed is `unavailable`, any other status `unexpected-status`. */
export function errorCodeForHttpStatus(status: number): ErrorCode {
  return byHttpStatus.get(status) ?? (status >= 500 && status <= 599 ? "unavailable" : "unexpected-status");
}

/** Words of the legacy wires for codes that are another wire's or ours: the nearest word that programs know. */
const NEAREST_WORDS: Readonly<Record<"gcmHttp" | "ccs", Readonly<Partial<Record<ErrorCode, string>>>>> = {
  gcmHttp: {
    "bad-registration": "InvalidRegistration",
    // programs delete what is called InvalidRegistration, and this token may be good
    "suspect-registration": "InvalidParameters",
    "request-too-big": "MessageTooBig",
    "connection-draining": "Unavailable",
    expired: "Unavailable",
    "authentication-failed": "Unauthorized",
    "permission-denied": "Unauthorized",
  },
  ccs: {
    "invalid-registration": "BAD_REGISTRATION",
    "mismatch-sender-id": "BAD_REGISTRATION",
    expired: "SERVICE_UNAVAILABLE",
    "missing-registration": "INVALID_JSON",
    "invalid-package-name": "INVALID_JSON",
    "message-too-big": "INVALID_JSON",
    "invalid-data-key": "INVALID_JSON",
    "invalid-ttl": "INVALID_JSON",
  },
};

/** Words for codes without one of these: of a permanent failure, and of one after which the same may be sent again. */
const LAST_WORDS = {
  gcmHttp: { permanent: "InvalidParameters", transient: "Unavailable" },
  ccs: { permanent: "INVALID_JSON", transient: "SERVICE_UNAVAILABLE" },
} as const;

/**
 * Word of a legacy wire for a failure: the code's own, else the nearest that programs know, else one by the kind.
 *
 * @param kind Default: the kind that follows from the code.
 */
export function legacyWordFor(
  wire: "gcmHttp" | "ccs",
  code: ErrorCode,
  kind: OutcomeKind = outcomeKindFor(code),
): string {
  const last = LAST_WORDS[wire][kind === "rejected" ? "permanent" : "transient"];
  return wireStringFor(wire, code) ?? NEAREST_WORDS[wire][code] ?? last;
}

/** The word a wire uses for a code; `undefined` where it has none. */
export function wireStringFor(wire: WireVocabulary, code: ErrorCode): string | undefined {
  return errorRow(code)[wire]?.[0];
}
