import type { MessageContent } from "@cloud-messaging/core";
import { encodeFcmV1Content } from "./codec.ts";

/**
 * Content up to this size cannot be what a service with a limit of 4096 bytes objects to: it is measured in JSON, all platforms together,
 * with room for what FCM adds on the way to APNs. Unit: bytes. Ours.
 */
const CERTAINLY_FITS_BYTES = 3_584;

/**
 * Something in a message, other than its token, that can be the reason of a refusal in the words of a bad token: parts that only Apple or
 * a browser's push service judges, a package that the token must belong to, a block too new to be known everywhere, a size near the limit.
 *
 * Source: docs/protocol/fcm-v1.md#bad-tokens
 */
export function hasOtherFault(message: MessageContent): boolean {
  const { notification, android, androidV2, apns, webpush } = message;
  return (
    [apns?.headers, apns?.payload, apns?.liveActivityToken].some((part) => part !== undefined) ||
    [webpush?.headers, webpush?.notification, webpush?.link].some((part) => part !== undefined) ||
    typeof notification?.sound === "object" ||
    (android?.restrictedPackageName ?? message.restrictedPackageName) !== undefined ||
    androidV2 !== undefined ||
    Buffer.byteLength(JSON.stringify(encodeFcmV1Content(message, 0))) > CERTAINLY_FITS_BYTES
  );
}
