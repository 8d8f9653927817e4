import { UsageError } from "../exit-status.ts";
import type { OptionDefinition } from "./command.ts";

/** An option without a value. */
export function flag(help: string): OptionDefinition<true> {
  return { help, repeatable: false, read: () => true };
}

/** An option that is given as `--name` or as `--no-name`. */
export function negatable(help: string, negatedHelp: string): OptionDefinition<boolean> {
  return { help, negatedHelp, repeatable: false, read: ([value]) => value === "true" };
}

/** An option with a text. */
export function text(placeholder: string, help: string): OptionDefinition<string> {
  return { placeholder, help, repeatable: false, read: last };
}

/** An option with the path of a file. */
export function file(help: string): OptionDefinition<string> {
  return { ...text("FILE", help), isFile: true };
}

/** An option that may be given several times. */
export function texts(placeholder: string, help: string): OptionDefinition<readonly string[]> {
  return { placeholder, help, repeatable: true, read: (values) => values };
}

/** An option with one of a few values. */
export function choice<const T extends string>(choices: readonly T[], help: string): OptionDefinition<T> {
  return { placeholder: choices.join("|"), help, repeatable: false, choices, read: (values) => last(values) as T };
}

/** An option with a number from `min` to `max`. */
export function number(
  placeholder: string,
  help: string,
  { min = 0, max = Number.MAX_SAFE_INTEGER, whole = true }: { min?: number; max?: number; whole?: boolean } = {},
): OptionDefinition<number> {
  return {
    placeholder,
    help,
    repeatable: false,
    read(values) {
      const given = last(values);
      const value = given.trim() === "" ? Number.NaN : Number(given);
      if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
      throw new UsageError(`must be a ${whole ? "whole " : ""}number ${range}, not ${JSON.stringify(given)}`);
    },
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** An option with a duration such as `30s`, `15m`, `12h` or `270d`, read as milliseconds. */
export function duration(help: string): OptionDefinition<number> {
  return {
    placeholder: "DURATION",
    help,
    repeatable: false,
    read(values) {
      const given = last(values);
      const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(given) ?? [];
      const unitMs = UNITS[unit];
      if (count === undefined || unitMs === undefined) {
        throw new UsageError(`must be a number with s, m, h or d, such as 30d, not ${JSON.stringify(given)}`);
      }
      return Number(count) * unitMs;
    },
  };
}

function last(values: readonly string[]): string {
  return values[values.length - 1] as string;
}
