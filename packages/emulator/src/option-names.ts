import { readOptions, z } from "@cloud-messaging/core/transport";

/**
 * Creates the check of the names of an options object, whose values are checked where they are used.
 *
 * @param kind The noun for one of them: `an option of a device`.
 * @returns Throws an `InvalidOptionsError` for a value that is no object, and for each name that is not listed.
 */
export function optionNames<T extends object>(kind: string, names: Readonly<Record<keyof T, true>>) {
  const schema = z.strictObject(Object.fromEntries(Object.keys(names).map((name) => [name, z.unknown().optional()])));
  return (options: T): void => {
    readOptions(schema, options, kind);
  };
}
