import { operationChannel } from "@cloud-messaging/core";
import { type AttemptOptions, traced, type WaitOperation } from "@cloud-messaging/core/transport";
import type { Quota, QuotaWait } from "./quota.ts";

const waits = operationChannel("cloud-messaging:wait");

/** Waits for a permit, and publishes the wait where somebody subscribes to waits. */
export function tracedWait(quota: Quota, options: AttemptOptions, transport: string): Promise<QuotaWait> {
  if (!waits.hasSubscribers) return quota.wait(options);
  const { sendId = "", operation: parent } = options;
  const operation: WaitOperation = { transport, sendId, reason: "quota", recipients: 1, parent };
  return traced(
    waits,
    operation,
    () => quota.wait(options),
    (waited) => waited === "granted",
  );
}
