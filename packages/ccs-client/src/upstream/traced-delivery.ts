import { operationChannel, redactToken } from "@cloud-messaging/core";
import { traced, type UpstreamOperation } from "@cloud-messaging/core/transport";

const deliveries = operationChannel("cloud-messaging:upstream");

/** Facts about a delivery for subscribers. */
interface DeliveryFacts {
  readonly item: { readonly from: string; readonly messageId: string };
  readonly connectionId: number;
  readonly receivedAt: number;
}

/**
 * Calls the handler of a delivery, and publishes the call where somebody subscribes to deliveries.
 *
 * @param handle Resolves `false` for a repeat of a handled message.
 */
export function tracedDelivery(
  { item, connectionId, receivedAt }: DeliveryFacts,
  type: "upstream" | "receipt",
  handle: () => Promise<boolean>,
): Promise<boolean> {
  if (!deliveries.hasSubscribers) return handle();
  const { messageId, from } = item;
  const operation: UpstreamOperation = {
    transport: "ccs",
    type,
    connectionId,
    messageId,
    from: redactToken(from),
    receivedAt,
  };
  return traced(deliveries, operation, handle, (isNew) => isNew);
}
