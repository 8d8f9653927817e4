import { isPlainObject } from "../message/json.ts";
import { type GcmHttpRequest, GcmNotificationSchema } from "./gcm-http.ts";

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === "string";
const isFlag: Check = (value) => typeof value === "boolean";

/** Checks of the fields of GCM HTTP and CCS, in the usual form of each. */
const CHECKS = new Map<string, Check>([
  ["to", isText],
  ["registration_ids", (value) => Array.isArray(value) && value.every(isText)],
  ["message_id", isText],
  ["condition", isText],
  ["collapse_key", isText],
  ["priority", isText],
  ["restricted_package_name", isText],
  ["time_to_live", Number.isFinite],
  ["content_available", isFlag],
  ["mutable_content", isFlag],
  ["delay_while_idle", isFlag],
  ["delivery_receipt_requested", isFlag],
  ["dry_run", isFlag],
  ["data", (value) => isPlainObject(value) && Object.keys(value).every((key) => key.isWellFormed())],
  ["notification", isTexts],
]);

/**
 * Checks the types of the fields of nearly all requests of GCM HTTP and CCS, as parsed from JSON, without the cost of their schemas.
 *
 * @returns `true` only for what `GcmHttpRequestSchema` accepts with the same result, and `CcsDownstreamSchema` where there is a `message_id`;
 * `false` says nothing: the schema is the authority, and words the problem.
 */
export function isPlainGcmRequest(value: unknown): value is GcmHttpRequest {
  if (!isPlainObject(value)) return false;
  for (const name of Object.keys(value)) if (CHECKS.get(name)?.(value[name]) !== true) return false;
  return true;
}

/** A notification whose fields are all text. */
function isTexts(value: unknown): boolean {
  if (!isPlainObject(value)) return false;
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(GcmNotificationSchema.shape, name) || !isText(value[name])) return false;
  }
  return true;
}
