import type { MessageContent } from "@cloud-messaging/core";
import { encodeFcmV1Content } from "./codec.ts";

/**
 * Content up to this size is certainly below the service's limit of 4096 bytes: measured in JSON, all platforms together, with a margin for
 * the fields that FCM adds for APNs. Unit: bytes. Implementation limit, not part of the protocol.
 */
const CERTAINLY_FITS_BYTES = 3_584;

/**
 * True if something in a message other than its token can lead to a refusal worded like that of a bad token: parts validated by Apple or by
 * a browser's push service, a package name, the `androidV2` block, a size near the limit.
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
