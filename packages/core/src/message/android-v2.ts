import * as z from "../zod.ts";
import {
  type Android,
  type AndroidNotification,
  androidCommonShape,
  androidNotificationShape,
  checkLocArgs,
} from "./android.ts";

/** The notification of an `androidV2` block: that of `android`, and a number to name it by. */
export interface AndroidV2Notification extends AndroidNotification {
  /** Number of the notification on the device: a later one with the same `tag` and number replaces it. A whole number of 32 bits. */
  readonly id?: number | undefined;
}

/** A notification that an Android device shows. */
export interface AndroidV2RemoteNotification {
  /** Content of the notification. */
  readonly notification: AndroidV2Notification;
  /** `true` lets the app's code change the notification before it is shown. */
  readonly mutableContent?: boolean | undefined;
  /** `true` makes it a data message for apps whose messaging library knows only the older block. */
  readonly useAsV1DataMessage?: boolean | undefined;
}

/**
 * Settings for Android devices only, over FCM HTTP v1, in the form of 2026 that takes the place of `android`: a message has one of the
 * two. Exactly one of `remoteNotification` and `backgroundSync` says what kind of message it is. There is no priority of delivery.
 *
 * Source: docs/protocol/fcm-v1.md#android-v2
 */
export interface AndroidV2 extends Omit<Android, "priority" | "notification"> {
  /** Makes it a notification. What is set in it wins over the general `notification`. */
  readonly remoteNotification?: AndroidV2RemoteNotification | undefined;
  /** Makes it a message that only wakes the app. An empty object. */
  readonly backgroundSync?: { readonly [field: string]: never } | undefined;
}

/** Checks an `androidV2` block. */
export const AndroidV2Schema = z
  .strictObject({
    ...androidCommonShape,
    remoteNotification: z
      .strictObject({
        notification: z
          .strictObject({ ...androidNotificationShape, id: z.int32().optional() })
          .superRefine(checkLocArgs),
        mutableContent: z.boolean().optional(),
        useAsV1DataMessage: z.boolean().optional(),
      })
      .optional(),
    backgroundSync: z.strictObject({}).optional(),
  })
  .superRefine(({ remoteNotification, backgroundSync }, context) => {
    if ((remoteNotification === undefined) !== (backgroundSync === undefined)) return;
    const message = "must have exactly one of remoteNotification and backgroundSync";
    context.addIssue({ code: "custom", path: [], message });
  });
