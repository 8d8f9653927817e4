import { isCloudMessagingError } from "@cloud-messaging/core";
import type { Attributes } from "@opentelemetry/api";
import type { OwnAttributes } from "./attributes.ts";

/** Type of an error for `error.type`: the code of an error of this SDK, the name of any other; never its message. */
export function errorType(error: unknown): string {
  if (isCloudMessagingError(error)) return error.code;
  return error instanceof Error ? error.name : "_OTHER";
}

/** Leaves out attributes without a value. */
export function kept(attributes: OwnAttributes): Attributes {
  const present: Attributes = {};
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) present[name] = value;
  return present;
}
