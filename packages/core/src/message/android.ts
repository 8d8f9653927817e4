import * as z from "../zod.ts";
import { DataSchema } from "./data.ts";
import { NonEmptyTextSchema, TextSchema } from "./text.ts";

/** Longest time to live an Android block can ask for: four weeks. Unit: seconds. Source: docs/protocol/fcm-v1.md#limits */
const MAX_TTL_SEC = 2_419_200;

/** A label for the console's statistics. Source: docs/protocol/fcm-v1.md#message */
export const AnalyticsLabelSchema = z
  .string()
  .regex(/^[a-zA-Z0-9\-_.~%]{1,50}$/, "must have 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ %");

/** The address of a picture that the device loads. */
export const ImageUrlSchema = TextSchema.regex(/^https?:\/\/[^\s/]+/, "must be an http or https URL");

const ColorSchema = z.string().regex(/^#[0-9a-fA-F]{6}$/, "must have the form #rrggbb");
const DurationMsSchema = z.number().min(0);
const EVENT_TIME = "must be an RFC 3339 time with up to nine digits of a second, 2026-11-22T09:30:00Z";
const WHOLE_TIME = /T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/** Blinking of an Android device's light. */
export interface AndroidLightSettings {
  /** `#rrggbb`, or `#rrggbbaa` with an opacity. */
  readonly color: string;
  /** Time in each cycle for which the light is on. Unit: milliseconds. */
  readonly lightOnDurationMs: number;
  /** Time in each cycle for which the light is off. Unit: milliseconds. */
  readonly lightOffDurationMs: number;
}

/** Fields of an Android notification beyond the general one. Whatever is set here wins over `notification` on Android. */
export interface AndroidNotification {
  /** First line. */
  readonly title?: string | undefined;
  /** The text below the title. */
  readonly body?: string | undefined;
  /** A drawable's name. */
  readonly icon?: string | undefined;
  /** Colour of the icon, `#rrggbb`. */
  readonly color?: string | undefined;
  /** `default` or a resource's name. Below Android 8 only: later the channel decides. */
  readonly sound?: string | undefined;
  /** Replaces an older notification with the same tag. */
  readonly tag?: string | undefined;
  /** Intent filter of the activity to open. */
  readonly clickAction?: string | undefined;
  /** Name of a string resource that takes the place of `body`, in the user's language. */
  readonly bodyLocKey?: string | undefined;
  /** Values for the places of the text that `bodyLocKey` names. Needs it. */
  readonly bodyLocArgs?: readonly string[] | undefined;
  /** Name of a string resource that takes the place of `title`, in the user's language. */
  readonly titleLocKey?: string | undefined;
  /** Values for the places of the text that `titleLocKey` names. Needs it. */
  readonly titleLocArgs?: readonly string[] | undefined;
  /** The notification channel. Android 8 and later. */
  readonly channelId?: string | undefined;
  /** Text for accessibility services. */
  readonly ticker?: string | undefined;
  /** `true` keeps it when the user touches it. */
  readonly sticky?: boolean | undefined;
  /** Time of the event it is about: an RFC 3339 time, `2026-11-22T09:30:00Z`. */
  readonly eventTime?: string | undefined;
  /** Not on other devices of the user (a watch). */
  readonly localOnly?: boolean | undefined;
  /** Below Android 8; not the priority of delivery. */
  readonly notificationPriority?: "min" | "low" | "default" | "high" | "max" | undefined;
  /** The system's sound. */
  readonly defaultSound?: boolean | undefined;
  /** The system's way to vibrate. */
  readonly defaultVibrateTimings?: boolean | undefined;
  /** The system's light. */
  readonly defaultLightSettings?: boolean | undefined;
  /** Off, on, off, on … Unit: milliseconds. */
  readonly vibrateTimingsMs?: readonly number[] | undefined;
  /** On the lock screen. */
  readonly visibility?: "private" | "public" | "secret" | undefined;
  /** Number that it adds to the badge of the launcher's icon. A whole number, 0 or more. */
  readonly notificationCount?: number | undefined;
  /** Blinking of the device's light. */
  readonly lightSettings?: AndroidLightSettings | undefined;
  /** A picture's http or https URL. */
  readonly image?: string | undefined;
  /** Permission for the system to show it in the app's place. */
  readonly proxy?: "allow" | "deny" | "if-priority-lowered" | undefined;
  /** `true` leaves the notification to the app and not to the system. Google's reference marks it deprecated in favour of `proxy`. */
  readonly bypassProxyNotification?: boolean | undefined;
}

/**
 * Settings for Android devices only, over FCM HTTP v1. A field that is set here wins over the general field of the same meaning.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export interface Android {
  /** The last stored message of a key replaces the earlier ones. At most 4 keys are kept per device. */
  readonly collapseKey?: string | undefined;
  /** `high` wakes a sleeping device. */
  readonly priority?: "normal" | "high" | undefined;
  /** 0 means now or never. Unit: seconds. Range: 0 to 2419200 (four weeks, the service's default). Rounded down for delivery. */
  readonly timeToLiveSec?: number | undefined;
  /** Deliver only where the token belongs to this package. */
  readonly restrictedPackageName?: string | undefined;
  /** Takes the place of `data` on Android. */
  readonly data?: Readonly<Record<string, string>> | undefined;
  /** The notification on Android. */
  readonly notification?: AndroidNotification | undefined;
  /** Label for the console's statistics. 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ % */
  readonly analyticsLabel?: string | undefined;
  /** Deliver before the user has unlocked the device after a restart. */
  readonly directBootOk?: boolean | undefined;
  /** Deliver over a network with little bandwidth. */
  readonly bandwidthConstrainedOk?: boolean | undefined;
  /** Deliver over a satellite network. */
  readonly restrictedSatelliteOk?: boolean | undefined;
}

const LightSettingsSchema = z.strictObject({
  color: z.string().regex(/^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$/, "must have the form #rrggbb or #rrggbbaa"),
  lightOnDurationMs: DurationMsSchema,
  lightOffDurationMs: DurationMsSchema,
});

/** The fields of a notification in either of the Android blocks. */
export const androidNotificationShape = {
  title: TextSchema.optional(),
  body: TextSchema.optional(),
  icon: TextSchema.optional(),
  color: ColorSchema.optional(),
  sound: TextSchema.optional(),
  tag: TextSchema.optional(),
  clickAction: TextSchema.optional(),
  bodyLocKey: TextSchema.optional(),
  bodyLocArgs: z.array(TextSchema).optional(),
  titleLocKey: TextSchema.optional(),
  titleLocArgs: z.array(TextSchema).optional(),
  channelId: TextSchema.optional(),
  ticker: TextSchema.optional(),
  sticky: z.boolean().optional(),
  // zod alone takes any number of digits behind the seconds, and FCM refuses more than nine
  eventTime: z.iso.datetime({ offset: true, abort: true, error: EVENT_TIME }).regex(WHOLE_TIME, EVENT_TIME).optional(),
  localOnly: z.boolean().optional(),
  notificationPriority: z.enum(["min", "low", "default", "high", "max"]).optional(),
  defaultSound: z.boolean().optional(),
  defaultVibrateTimings: z.boolean().optional(),
  defaultLightSettings: z.boolean().optional(),
  vibrateTimingsMs: z.array(DurationMsSchema).optional(),
  visibility: z.enum(["private", "public", "secret"]).optional(),
  notificationCount: z.int().min(0).optional(),
  lightSettings: LightSettingsSchema.optional(),
  image: ImageUrlSchema.optional(),
  proxy: z.enum(["allow", "deny", "if-priority-lowered"]).optional(),
  bypassProxyNotification: z.boolean().optional(),
};

/** Reports arguments of a text that is not named. */
export function checkLocArgs(notification: AndroidNotification, context: z.RefinementCtx): void {
  for (const part of ["body", "title"] as const) {
    if (notification[`${part}LocArgs`] !== undefined && notification[`${part}LocKey`] === undefined) {
      context.addIssue({ code: "custom", path: [`${part}LocArgs`], message: `needs ${part}LocKey beside it` });
    }
  }
}

/** Checks the notification of an Android block. */
export const AndroidNotificationSchema = z.strictObject(androidNotificationShape).superRefine(checkLocArgs);

/** The fields that both Android blocks have. */
export const androidCommonShape = {
  collapseKey: NonEmptyTextSchema.optional(),
  timeToLiveSec: z.number().min(0).max(MAX_TTL_SEC).optional(),
  restrictedPackageName: NonEmptyTextSchema.optional(),
  data: DataSchema.optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  directBootOk: z.boolean().optional(),
  bandwidthConstrainedOk: z.boolean().optional(),
  restrictedSatelliteOk: z.boolean().optional(),
};

/** Checks an Android block. */
export const AndroidSchema = z.strictObject({
  ...androidCommonShape,
  priority: z.enum(["normal", "high"]).optional(),
  notification: AndroidNotificationSchema.optional(),
});
