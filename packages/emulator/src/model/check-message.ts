import { isReservedDataKey, MAX_TIME_TO_LIVE_SEC, payloadBytes } from "@cloud-messaging/core/transport";
import type { AppInstance } from "./devices.ts";
import type { IncomingMessage, MessageContent, Refusal } from "./message.ts";
import { admits } from "./token-rules.ts";

/** What is wrong with a message whoever it goes to: reserved keys, time to live. */
export function checkMessage(
  data: Readonly<Record<string, unknown>>,
  timeToLiveSec: number | undefined,
): Refusal | undefined {
  for (const key in data) {
    if (isReservedDataKey(key)) {
      return { kind: "refused", code: "invalid-data-key", detail: `"data" key "${key}" is a reserved keyword` };
    }
  }
  if (
    timeToLiveSec !== undefined &&
    !(Number.isInteger(timeToLiveSec) && timeToLiveSec >= 0 && timeToLiveSec <= MAX_TIME_TO_LIVE_SEC)
  ) {
    return {
      kind: "refused",
      code: "invalid-ttl",
      detail: `Invalid value (${timeToLiveSec}) for "time_to_live": must be between 0 and ${MAX_TIME_TO_LIVE_SEC}`,
    };
  }
  return undefined;
}

/** Whether a message is too long for what it is sent to. @param limit Unit: bytes of payload. */
export function checkSize(message: MessageContent, limit: number): Refusal | undefined {
  const bytes = message.payloadBytes ?? payloadBytes(message.data);
  if (bytes <= limit) return undefined;
  return {
    kind: "refused",
    code: "message-too-big",
    detail: `The payload has ${bytes} bytes, which exceeds the limit of ${limit}`,
  };
}

/** Whether an app is one that the message's sender may send to, and the one that the message asks for. */
export function checkApp(
  { senderId, restrictedPackageName }: Pick<IncomingMessage, "senderId" | "restrictedPackageName">,
  app: AppInstance,
): Refusal | undefined {
  if (!admits(app, senderId)) return { kind: "refused", code: "mismatch-sender-id", detail: "SenderId mismatch" };
  if (restrictedPackageName === undefined || restrictedPackageName === app.packageName) return undefined;
  const detail = "The registration token's package is not the restricted_package_name";
  return { kind: "refused", code: "invalid-package-name", detail };
}
