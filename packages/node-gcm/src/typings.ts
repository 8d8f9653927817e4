// Types of @types/node-gcm by the same names, extended by later fields of the service.

import type { RetryOptions, SenderOptions } from "./options.ts";

/** Fields of a notification, in the spelling of the wire. */
export interface INotificationOptions {
  title: string;
  body?: string | undefined;
  /** Android: a drawable's name. Web: a URL. */
  icon: string;
  sound?: string | undefined;
  /** iOS: the number on the app's icon. */
  badge?: string | undefined;
  tag?: string | undefined;
  /** Form: `#rrggbb`. */
  color?: string | undefined;
  /** Picture's http or https URL. */
  image?: string | undefined;
  click_action?: string | undefined;
  android_channel_id?: string | undefined;
  /** Android: addition to the badge of the launcher's icon. */
  notification_count?: number | string | undefined;
  body_loc_key?: string | undefined;
  /** JSON array, written as text. */
  body_loc_args?: string | undefined;
  title_loc_key?: string | undefined;
  /** JSON array, written as text. */
  title_loc_args?: string | undefined;
}

/** Content of a message. */
export interface IMessageOptions {
  collapseKey?: string | undefined;
  /** `normal` or `high`. */
  priority?: string | undefined;
  contentAvailable?: boolean | undefined;
  mutableContent?: boolean | undefined;
  delayWhileIdle?: boolean | undefined;
  /** Unit: seconds. */
  timeToLive?: number | undefined;
  restrictedPackageName?: string | undefined;
  dryRun?: boolean | undefined;
  data?: { [key: string]: string } | undefined;
  notification?: INotificationOptions | undefined;
}

/** Options of a sender. */
export type ISenderOptions = SenderOptions;

/** Retries of one send. */
export type ISenderSendOptions = RetryOptions;

/** Recipient by its kind: exactly one of the fields. */
export interface IRecipient {
  /** Token, `/topics/name`, or a device group's key. */
  readonly to?: string | undefined;
  readonly topic?: string | undefined;
  readonly condition?: string | undefined;
  readonly notificationKey?: string | undefined;
  readonly registrationIds?: readonly string[] | undefined;
  readonly registrationTokens?: readonly string[] | undefined;
}

/** Body of an answer, as @types/node-gcm declares it: the counts are there for tokens and groups only. */
export interface IResponseBody {
  success: number;
  failure: number;
  canonical_ids: number;
  /** Text at run time where a number cannot hold every digit. */
  multicast_id?: number | undefined;
  /** One per token, by position. */
  results?:
    | {
        message_id?: string | undefined;
        registration_id?: string | undefined;
        error?: string | undefined;
      }[]
    | undefined;
  /** To a topic or condition. Text at run time where a number cannot hold every digit. */
  message_id?: number | undefined;
  /** To a topic or condition: the reason of the refusal. */
  error?: string | undefined;
  /** To a device group: its members that were not sent to. */
  failed_registration_ids?: string[] | undefined;
}

/**
 * Receives the error or the response, exactly once and never from within the call.
 *
 * `error` is `null` or undefined after a success, else an HTTP status, an `Error` or a text; it is declared as @types/node-gcm declares it,
 * since programs read `error.code` and `error.message` without narrowing. `tokens` are the recipients that were attempted.
 */
// biome-ignore lint/suspicious/noExplicitAny: as @types/node-gcm has it
export type Callback = (error: any, response: IResponseBody, tokens: readonly string[]) => void;

/** Recipient of a message: a token, a device group's key or `/topics/name` as text, tokens as an array, or one of the named kinds. */
export type Recipient = string | readonly string[] | IRecipient;
