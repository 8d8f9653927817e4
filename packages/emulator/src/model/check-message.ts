import type { MessageContent, Refusal } from "@cloud-messaging/connection-server";
import { payloadBytes } from "@cloud-messaging/core/transport";
import type { AppInstance } from "./app-instance.ts";

import { admits } from "./token-rules.ts";

/** Checks the payload size. @param limit Unit: bytes of payload. */
export function checkSize(message: MessageContent, limit: number): Refusal | undefined {
  const bytes = message.payloadBytes ?? payloadBytes(message.data);
  if (bytes <= limit) return undefined;
  return {
    kind: "refused",
    code: "message-too-big",
    detail: `The payload has ${bytes} bytes, which exceeds the limit of ${limit}`,
  };
}

/** Checks that the sender may send to the app, and that it is the app that the message requires. */
export function checkApp(
  senderId: string | undefined,
  restrictedPackageName: string | undefined,
  app: AppInstance,
): Refusal | undefined {
  if (!admits(app, senderId)) return { kind: "refused", code: "mismatch-sender-id", detail: "SenderId mismatch" };
  if (restrictedPackageName === undefined || restrictedPackageName === app.packageName) return undefined;
  const detail = "The registration token's package is not the restricted_package_name";
  return { kind: "refused", code: "invalid-package-name", detail };
}
