import { MAX_TOKEN_LENGTH } from "@cloud-messaging/core/transport";
import type { AppInstance } from "./app-instance.ts";

/** Minimum length of a well-formed token. Implementation limit: the documented test token `ABC` has to be malformed. */
const MIN_TOKEN_LENGTH = 4;
/** True if the app registered with this sender. An app without senders (registered automatically) admits all. */
export function admits(app: AppInstance, senderId: string | undefined): boolean {
  return senderId === undefined || app.senderIds.size === 0 || app.senderIds.has(senderId);
}

// white space and control characters
// biome-ignore lint/suspicious/noControlCharactersInRegex: matches control characters on purpose
const NOT_IN_TOKENS = /[\s\u0000-\u001f\u007f-\u009f]/;

/** Tokens of Instance ID and FCM (`<installation ID>:<rest>`), of GCM, keys of device groups, installation IDs. */
const GIVEN_OUT = /^(?:[\w-]{8,}:[\w-]{20,}|APA91[\w-]{20,}|[\w-]{22})$/;

/** True if a token has the form of those that the service issues. Implementation choice: the rule was never published. */
export function looksGivenOut(token: string): boolean {
  return GIVEN_OUT.test(token);
}

/** True if no service could have issued this token: too short, too long, or with invalid characters. */
export function isMalformed(token: string): boolean {
  return token.length < MIN_TOKEN_LENGTH || token.length > MAX_TOKEN_LENGTH || NOT_IN_TOKENS.test(token);
}
