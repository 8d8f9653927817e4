import type { DownstreamMessage } from "@cloud-messaging/core";
import { callListener, publish, warn } from "@cloud-messaging/core/transport";
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
      if (onNotice !== undefined) callListener(transport, "notice-listener-failed", onNotice, notice);
      else {
        const text = `FCM HTTP v1 has no ${notice.field}, and the message is sent without: ${notice.detail}`;
        warn(process, "CLOUD_MESSAGING_NO_V1_EQUIVALENT", text);
      }
    }
  };
}
