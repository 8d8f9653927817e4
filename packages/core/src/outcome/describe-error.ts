/** Errors inside errors that are looked at for words. */
const MAX_DEPTH = 3;
/** Maximum number of members of an aggregate error that are described. */
const MAX_TOLD = 3;

/**
 * An error in words: its message with its `code`. An error without a message (an `AggregateError` of a host with several addresses, above
 * all) is described by the errors in it, else by its code or its name. Goes by the shape and not by `instanceof`: an error of another
 * realm, such as Node's own under jest, is described likewise.
 *
 * The words may hold what a server said: bound and redact them before showing them.
 */
export function describeError(error: unknown): string {
  return describe(error, 0);
}

/** The name of an error, for places that must not show a message: `TypeError`; `"not an Error"` for anything else. */
export function nameOfError(error: unknown): string {
  if (!isErrorLike(error)) return "not an Error";
  return typeof error.name === "string" && error.name !== "" ? error.name : "Error";
}

/** The `code` of an error, `ECONNREFUSED` for example: its own, else that of the first error in it that has one. */
export function codeOfError(error: unknown): string | undefined {
  return codeOf(error, 0);
}

/** Tells errors of every realm from other values. */
export function isErrorLike(error: unknown): error is Error {
  return typeof error === "object" && error !== null && typeof (error as { message?: unknown }).message === "string";
}

function describe(error: unknown, depth: number): string {
  if (!isErrorLike(error)) return typeof error === "string" && error !== "" ? error : `${typeof error} thrown`;
  const inner = depth < MAX_DEPTH ? innerErrors(error).slice(0, MAX_TOLD) : [];
  const words = error.message || [...new Set(inner.map((one) => describe(one, depth + 1)))].join("; ");
  const code = codeOf(error, depth);
  if (words === "") return code ?? nameOfError(error);
  return code === undefined || words.includes(code) ? words : `${words} (${code})`;
}

function codeOf(error: unknown, depth: number): string | undefined {
  if (!isErrorLike(error)) return undefined;
  const { code } = error as { code?: unknown };
  if (typeof code === "string" && code !== "") return code;
  if (typeof code === "number") return String(code);
  if (depth >= MAX_DEPTH) return undefined;
  for (const one of innerErrors(error)) {
    const found = codeOf(one, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function innerErrors(error: Error): readonly unknown[] {
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors) && errors.length > 0) return errors;
  return error.cause === undefined ? [] : [error.cause];
}
