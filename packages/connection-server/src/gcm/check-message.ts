import { isReservedDataKey, MAX_TIME_TO_LIVE_SEC } from "@cloud-messaging/core/transport";
import type { Refusal } from "../service.ts";

/** Checks what holds for every recipient of a message: reserved keys, time to live. */
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
