import * as z from "../zod.ts";
import { AnalyticsLabelSchema, ImageUrlSchema } from "./android.ts";
import { copyJson, isPlainObject, type JsonValue, recordOf } from "./json.ts";
import { NonEmptyTextSchema, TextSchema } from "./text.ts";
import { describeType } from "./token.ts";

/** A whole APNs payload: `aps`, in Apple's own spelling, and keys of one's own. */
export interface ApnsPayload {
  /** Apple's own dictionary: `alert`, `badge`, `sound`, `category` … */
  readonly aps?: { readonly [key: string]: JsonValue };
  readonly [key: string]: JsonValue | undefined;
}

/**
 * Settings for Apple devices only, over FCM HTTP v1. A header or a key of `aps` set here wins over the one made from a general field.
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

/** Push type of a message: the value of its header `apns-push-type`, in lower case. */
export function apnsPushType({ headers }: Pick<Apns, "headers">): string | undefined {
  for (const name in headers) if (name.toLowerCase() === "apns-push-type") return headers[name]?.trim().toLowerCase();
  return undefined;
}

const ApnsPayloadSchema: z.ZodType<ApnsPayload, ApnsPayload> = z
  .custom<ApnsPayload>(() => true)
  .transform((payload: unknown, context): ApnsPayload => {
    const report = (path: string[], message: string): void => context.addIssue({ code: "custom", path, message });
    if (!isPlainObject(payload)) report([], `must be a plain object, not ${describeType(payload)}`);
    else if (payload["aps"] !== undefined && !isPlainObject(payload["aps"])) {
      report(["aps"], `must be a plain object, not ${describeType(payload["aps"])}`);
    } else return copyJson(payload, report) as ApnsPayload;
    return z.NEVER;
  });

/**
 * Settings for Apple devices only, over FCM HTTP v1. A header or a key of `aps` set here wins over the one made from a general field.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export const ApnsSchema = z.strictObject({
  headers: recordOf(TextSchema).optional(),
  payload: ApnsPayloadSchema.optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  image: ImageUrlSchema.optional(),
  liveActivityToken: NonEmptyTextSchema.optional(),
});
