import { readOptions, requireOptions, z } from "@cloud-messaging/core/transport";
import type { CallOptions } from "../ask.ts";

/** Names of the options of an interface; the type makes the list complete. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** Names of {@link CallOptions}. */
export const CALL_OPTION_NAMES: OptionNames<CallOptions> = {
  decisionTimeoutMs: true,
  onServiceFailure: true,
  clock: true,
};

/**
 * Makes the check that options are an object without misspelt names.
 *
 * @param name The noun for one of them: `an option of fcmV1Routes`.
 * @returns Gives the options. @throws {InvalidOptionsError} naming every unknown name, with the one that it resembles.
 */
export function optionNamesCheck<T extends object>(name: string, names: OptionNames<T>): (options: T) => T {
  const schema = z.strictObject(Object.fromEntries(Object.keys(names).map((key) => [key, z.unknown().optional()])));
  return (options) => {
    const given = requireOptions(options);
    readOptions(schema, given, name);
    return given;
  };
}
