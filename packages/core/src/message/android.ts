import { z } from "zod";
import { DataSchema } from "./data.ts";

/** Longest time to live an Android block can ask for: four weeks. Unit: seconds. Source: docs/protocol/fcm-v1.md#limits */
const MAX_TTL_SEC = 2_419_200;

/** A label for the console's statistics. Source: docs/protocol/fcm-v1.md#message */
export const AnalyticsLabelSchema = z
  .string()
  .regex(/^[a-zA-Z0-9\-_.~%]{1,50}$/, "must have 1 to 50 of the characters a-z A-Z 0-9 - _ . ~ %");

/** The address of a picture that the device loads. */
export const ImageUrlSchema = z.string().regex(/^https?:\/\/[^\s/]+/, "must be an http or https URL");

const ColorSchema = z.string().regex(/^#[0-9a-fA-F]{6}$/, "must have the form #rrggbb");
const DurationMsSchema = z.number().min(0);

const LightSettingsSchema = z.strictObject({
  /** `#rrggbb`, or `#rrggbbaa` with an opacity. */
  color: z.string().regex(/^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$/, "must have the form #rrggbb or #rrggbbaa"),
  /** How long the light is on in each cycle. Unit: milliseconds. */
  lightOnDurationMs: DurationMsSchema,
  /** How long the light is off in each cycle. Unit: milliseconds. */
  lightOffDurationMs: DurationMsSchema,
});

/** What an Android notification can say beyond the general one. Whatever is set here wins over `notification` on Android. */
export const AndroidNotificationSchema = z
  .strictObject({
    title: z.string().optional(),
    body: z.string().optional(),
    /** A drawable's name. */
    icon: z.string().optional(),
    color: ColorSchema.optional(),
    /** `default` or a resource's name. Below Android 8 only: later the channel decides. */
    sound: z.string().optional(),
    /** Replaces an older notification with the same tag. */
    tag: z.string().optional(),
    /** Intent filter of the activity to open. */
    clickAction: z.string().optional(),
    bodyLocKey: z.string().optional(),
    bodyLocArgs: z.array(z.string()).optional(),
    titleLocKey: z.string().optional(),
    titleLocArgs: z.array(z.string()).optional(),
    /** Android 8 and later. */
    channelId: z.string().optional(),
    /** Text for accessibility services. */
    ticker: z.string().optional(),
    /** `true` keeps it when the user touches it. */
    sticky: z.boolean().optional(),
    /** When what it is about happened. */
    eventTime: z.iso.datetime({ offset: true, error: "must be an RFC 3339 time, 2026-11-22T09:30:00Z" }).optional(),
    /** Not on other devices of the user (a watch). */
    localOnly: z.boolean().optional(),
    /** Below Android 8; not the priority of delivery. */
    notificationPriority: z.enum(["min", "low", "default", "high", "max"]).optional(),
    defaultSound: z.boolean().optional(),
    defaultVibrateTimings: z.boolean().optional(),
    defaultLightSettings: z.boolean().optional(),
    /** Off, on, off, on … Unit: milliseconds. */
    vibrateTimingsMs: z.array(DurationMsSchema).optional(),
    /** On the lock screen. */
    visibility: z.enum(["private", "public", "secret"]).optional(),
    /** What it adds to the badge of the launcher's icon. */
    notificationCount: z.int().min(0).optional(),
    lightSettings: LightSettingsSchema.optional(),
    image: ImageUrlSchema.optional(),
    /** Whether the system may show it in the app's place. */
    proxy: z.enum(["allow", "deny", "if-priority-lowered"]).optional(),
  })
  .superRefine((notification, context) => {
    for (const part of ["body", "title"] as const) {
      if (notification[`${part}LocArgs`] !== undefined && notification[`${part}LocKey`] === undefined) {
        context.addIssue({ code: "custom", path: [`${part}LocArgs`], message: `needs ${part}LocKey beside it` });
      }
    }
  });

/**
 * What only Android devices are told, over FCM HTTP v1. What is set here wins over the general field of the same meaning.
 *
 * Source: docs/protocol/fcm-v1.md#message
 */
export const AndroidSchema = z.strictObject({
  /** At most 4 keys are kept per device. */
  collapseKey: z.string().min(1, "must not be empty").optional(),
  priority: z.enum(["normal", "high"]).optional(),
  /** 0 means now or never. Unit: seconds. Range: 0 to 2419200 (four weeks, the service's default). Rounded down for delivery. */
  timeToLiveSec: z.number().min(0).max(MAX_TTL_SEC).optional(),
  restrictedPackageName: z.string().min(1, "must not be empty").optional(),
  /** Takes the place of `data` on Android. */
  data: DataSchema.optional(),
  notification: AndroidNotificationSchema.optional(),
  analyticsLabel: AnalyticsLabelSchema.optional(),
  /** Deliver before the user has unlocked the device after a restart. */
  directBootOk: z.boolean().optional(),
  /** Deliver over a network with little bandwidth. */
  bandwidthConstrainedOk: z.boolean().optional(),
  /** Deliver over a satellite network. */
  restrictedSatelliteOk: z.boolean().optional(),
});

/** The Android block of a message, checked. */
export type Android = z.output<typeof AndroidSchema>;
/** The notification of an Android block, checked. */
export type AndroidNotification = z.output<typeof AndroidNotificationSchema>;
