import { InvalidOptionsError } from "@cloud-messaging/core";

/**
 * Checks what a caller says about one call, before anything of it begins: a `signal` that is none would be found out halfway.
 *
 * @throws {InvalidOptionsError} the options are no object, or their `signal` is no AbortSignal.
 */
export function checkCallOptions(options: { readonly signal?: unknown }): void {
  if (typeof options !== "object" || options === null) throw refusal("", "must be an object");
  const { signal } = options;
  if (signal === undefined) return;
  // by what it can do and not by its class: a test runner may have put another AbortSignal in the place of Node's
  const { aborted, addEventListener } = (signal ?? {}) as Partial<Record<keyof AbortSignal, unknown>>;
  if (typeof aborted !== "boolean" || typeof addEventListener !== "function") {
    throw refusal("signal", "must be an AbortSignal");
  }
}

function refusal(path: string, problem: string): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem }]);
}
