import { InvalidOptionsError } from "@cloud-messaging/core";
import { isAbortSignal } from "@cloud-messaging/core/transport";

/**
 * Checks the `signal` of one call.
 *
 * @throws {InvalidOptionsError} the options are no object, or their `signal` is no AbortSignal.
 */
export function checkCallOptions(options: { readonly signal?: unknown }): void {
  if (typeof options !== "object" || options === null) throw refusal("", "must be an object");
  if (options.signal !== undefined && !isAbortSignal(options.signal)) throw refusal("signal", "must be an AbortSignal");
}

function refusal(path: string, problem: string): InvalidOptionsError {
  return new InvalidOptionsError([{ path, problem }]);
}
