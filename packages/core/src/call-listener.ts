import { publish } from "./events.ts";
import { nameOfError } from "./outcome/describe-error.ts";
import { isPromiseLike } from "./registrations/maybe-promise.ts";

/**
 * Calls a listener of the application, if there is one. An error that it throws, or that the promise of an async one rejects with, disturbs
 * nothing: it is published as a notice, by its name alone, since its message may hold anything.
 *
 * @param notice Name of that notice.
 */
export function callListener<A extends readonly unknown[]>(
  transport: string,
  notice: string,
  listener: ((...values: A) => void) | undefined,
  ...values: A
): void {
  const failed = (error: unknown): void =>
    publish("cloud-messaging:notice", () => ({ transport, notice, detail: nameOfError(error) }));
  try {
    const result: unknown = listener?.(...values);
    if (isPromiseLike(result)) result.then(undefined, failed);
  } catch (error) {
    failed(error);
  }
}
