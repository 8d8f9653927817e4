import type { DownstreamMessage } from "@cloud-messaging/core";
import { nameOfError, publish } from "@cloud-messaging/core/transport";
import { withoutV1Meaning } from "./codec.ts";
import type { FcmNotice } from "./options.ts";

/** Creates a notifier of fields without an equivalent in FCM HTTP v1: each is reported once per sender. */
export function createNotices(
  transport: string,
  onNotice: ((notice: FcmNotice) => void) | undefined,
): (message: DownstreamMessage) => void {
  const told = new Set<string>();
  return (message) => {
    for (const notice of withoutV1Meaning(message)) {
      if (told.has(notice.field)) continue;
      told.add(notice.field);
      publish("cloud-messaging:notice", () => ({
        transport,
        notice: "no-v1-equivalent",
        detail: `${notice.field} ${notice.detail}`,
      }));
      if (onNotice !== undefined) callListener(transport, onNotice, notice);
      else {
        process.emitWarning(`FCM HTTP v1 has no ${notice.field}, and the message is sent without: ${notice.detail}`, {
          type: "CloudMessagingWarning",
          code: "no-v1-equivalent",
        });
      }
    }
  };
}

/** Calls the listener of the application. An error that it throws is published and affects no message. */
function callListener(transport: string, onNotice: (notice: FcmNotice) => void, notice: FcmNotice): void {
  try {
    onNotice(notice);
  } catch (error) {
    publish("cloud-messaging:notice", () => ({
      transport,
      notice: "listener-failed",
      detail: `onNotice threw ${nameOfError(error)}`,
    }));
  }
}
