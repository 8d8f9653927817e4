import { MAX_TOKEN_LENGTH } from "@cloud-messaging/core/transport";
import type { AppInstance } from "./devices.ts";

/** Shortest token that is not malformed. Ours: the documented probe of a key is `ABC`, and it has to be malformed. */
export const MIN_TOKEN_LENGTH = 4;
/** Whether the app registered with this sender. An app without senders (registered by itself) admits all. */
export function admits(app: AppInstance, senderId: string | undefined): boolean {
  return senderId === undefined || app.senderIds.size === 0 || app.senderIds.has(senderId);
}

// white space and control characters
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NOT_IN_TOKENS = /[\s\u0000-\u001f\u007f-\u009f]/;

/** Tokens of Instance ID and FCM (`<installation ID>:<the rest>`), of GCM, and the keys of device groups; installation IDs. */
const GIVEN_OUT = /^(?:[\w-]{8,}:[\w-]{20,}|APA91[\w-]{20,}|[\w-]{22})$/;

/** Whether a token looks like one that the service gives out. Our choice: the service's own rule was never published. */
export function looksGivenOut(token: string): boolean {
  return GIVEN_OUT.test(token);
}

/** Whether no service could have given out this token: too short, too long, or with characters that no token has. */
export function isMalformed(token: string): boolean {
  return token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH || NOT_IN_TOKENS.test(token);
}
