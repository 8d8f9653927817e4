import { z } from "zod";
import { AnalyticsLabelSchema, ImageUrlSchema } from "./android.ts";
import { isPlainObject } from "./data.ts";
import { describeType } from "./token.ts";

/** Deepest nesting of an APNs payload. Ours: the whole payload has at most 4096 bytes. */
const MAX_DEPTH = 32;

/** What an APNs payload can hold. */
export type ApnsPayloadValue =
  | string
  | number
  | boolean
  | null
  | readonly ApnsPayloadValue[]
  | { readonly [key: string]: ApnsPayloadValue };
/** A whole APNs payload: `aps` and keys of one's own. */
export type ApnsPayload = {
  readonly aps?: { readonly [key: string]: ApnsPayloadValue };
  readonly [key: string]: ApnsPayloadValue | undefined;
};

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
  /** `apns-priority` ("5" or "10"), `apns-expiration`, `apns-collapse-id`, `apns-push-type`, `apns-topic` and so on. */
  headers: z.record(z.string(), z.string()).optional(),
  /** The whole APNs payload: `aps`, in Apple's own spelling, and keys of your own beside it. */
  payload: ApnsPayloadSchema.optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  /** A picture for the notification service extension. */
  image: ImageUrlSchema.optional(),
  /** Push token of a Live Activity. */
  liveActivityToken: z.string().min(1, "must not be empty").optional(),
});

/** The APNs block of a message, checked. */
export type Apns = z.output<typeof ApnsSchema>;
