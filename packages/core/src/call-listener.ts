import { publish } from "./events.ts";
import { nameOfError } from "./outcome/describe-error.ts";

/**
 * Calls a listener of the application, if there is one. An error that it throws disturbs nothing: it is published as a notice, by its name
 * alone, since its message may hold anything.
 *
 * @param notice Name of that notice.
 */
export function callListener<A extends readonly unknown[]>(
  transport: string,
  notice: string,
  listener: ((...values: A) => void) | undefined,
  ...values: A
): void {
  try {
    listener?.(...values);
  } catch (error) {
    publish("cloud-messaging:notice", () => ({ transport, notice, detail: nameOfError(error) }));
  }
}
