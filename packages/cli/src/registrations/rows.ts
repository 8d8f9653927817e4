import type { RegisterOptions, Registration } from "@cloud-messaging/core";
import { isJsonObject } from "@cloud-messaging/core/transport";
import { UsageError } from "../exit-status.ts";

/** Registration in a file: one JSON object per line. */
export interface RegistrationRow extends RegisterOptions {
  readonly userId: string;
  readonly token: string;
}

const FIELDS = ["platform", "appVersion", "locale", "attributes"] as const;

/** Writes a registration as a line that `import` reads; times are for people and not imported. */
export function toRow(registration: Registration): Record<string, unknown> {
  const { userId, token, registeredAt, lastSeenAt } = registration;
  const details = FIELDS.filter((field) => registration[field] !== undefined).map((field) => [
    field,
    registration[field],
  ]);
  return {
    userId,
    token,
    ...Object.fromEntries(details),
    registeredAt: new Date(registeredAt).toISOString(),
    lastSeenAt: new Date(lastSeenAt).toISOString(),
  };
}

/**
 * Reads a line.
 *
 * @throws {UsageError} it is no JSON object, or has no user ID or token. The line is named by its number.
 */
export function readRow(line: string, number: number): RegistrationRow {
  const wrong = (problem: string): never => {
    throw new UsageError(`Line ${number} ${problem}`);
  };
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch {
    return wrong("is no JSON: write one object per line");
  }
  if (!isJsonObject(row)) return wrong("is no JSON object");
  const { userId, token } = row;
  if (typeof userId !== "string" || typeof token !== "string") return wrong("needs the texts userId and token");
  const known = ["userId", "token", "owner", "registeredAt", "lastSeenAt", ...FIELDS];
  const unknown = Object.keys(row).find((key) => !known.includes(key));
  if (unknown !== undefined) wrong(`has the field ${JSON.stringify(unknown)}, which there is not`);
  const { registeredAt: _, lastSeenAt: __, ...rest } = row;
  // every field was checked above
  return rest as unknown as RegistrationRow;
}
