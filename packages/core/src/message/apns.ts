import { z } from "zod";
import { AnalyticsLabelSchema, ImageUrlSchema } from "./android.ts";
import { isPlainObject, type JsonValue } from "./data.ts";
import { describeType } from "./token.ts";

/** Deepest nesting of an APNs payload. Ours: the whole payload has at most 4096 bytes. */
const MAX_DEPTH = 32;

/** A whole APNs payload: `aps`, in Apple's own spelling, and keys of one's own. */
export interface ApnsPayload {
  /** What the system reads: `alert`, `badge`, `sound`, `category` … */
  readonly aps?: { readonly [key: string]: JsonValue };
  readonly [key: string]: JsonValue | undefined;
}

/**
 * What only Apple devices are told, over FCM HTTP v1. A header or a key of `aps` set here wins over the one made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export interface Apns {
  /** `apns-priority` ("5" or "10"), `apns-expiration`, `apns-collapse-id`, `apns-push-type`, `apns-topic` and so on. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The whole APNs payload: `aps`, in Apple's own spelling, and keys of your own beside it. */
  readonly payload?: ApnsPayload | undefined;
  /** Label for the console's statistics. 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ % */
  readonly analyticsLabel?: string | undefined;
  /** A picture's http or https URL, for the notification service extension. */
  readonly image?: string | undefined;
  /** Push token of a Live Activity. */
  readonly liveActivityToken?: string | undefined;
}

const ApnsPayloadSchema: z.ZodType<ApnsPayload, ApnsPayload> = z
  .custom<ApnsPayload>(() => true)
  .transform((payload: unknown, context): ApnsPayload => {
    const report = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
    if (!isPlainObject(payload)) report([], `must be a plain object, not ${describeType(payload)}`);
    else if (payload["aps"] !== undefined && !isPlainObject(payload["aps"])) {
      report(["aps"], `must be a plain object, not ${describeType(payload["aps"])}`);
    } else return copyJson(payload, [], report) as ApnsPayload;
    return z.NEVER;
  });

/** A copy of what is JSON; what is not is reported. The depth is bounded, so a value that contains itself is found out too. */
function copyJson(value: unknown, path: string[], report: (path: string[], message: string) => void): unknown {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (path.length >= MAX_DEPTH) {
    report(path, `nests more than ${MAX_DEPTH} deep`);
    return null;
  }
  if (Array.isArray(value)) return value.map((item, index) => copyJson(item, [...path, String(index)], report));
  if (isPlainObject(value)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(entries.map(([key, item]) => [key, copyJson(item, [...path, key], report)]));
  }
  report(
    path,
    `must be JSON: a string, number, true, false, null, an array or a plain object, not ${describeType(value)}`,
  );
  return null;
}

/**
 * What only Apple devices are told, over FCM HTTP v1. A header or a key of `aps` set here wins over the one made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export const ApnsSchema = z.strictObject({
  headers: z.record(z.string(), z.string()).optional(),
  payload: ApnsPayloadSchema.optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  image: ImageUrlSchema.optional(),
  liveActivityToken: z.string().min(1, "must not be empty").optional(),
});
