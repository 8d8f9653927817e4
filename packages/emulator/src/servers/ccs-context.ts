import type { Clock } from "@cloud-messaging/core";
import type { EmulatedService } from "../emulated-service.ts";
import type { EventHub } from "../events.ts";
import type { FaultScript } from "../faults/fault-script.ts";
import type { ServiceIds } from "../model/ids.ts";
import type { CloudService } from "../model/service.ts";
import type { UpstreamQueues } from "../model/upstream.ts";
import type { Counters } from "../stats.ts";
import type { CcsConnection } from "./ccs-connection.ts";
import type { ElementStyle } from "./ccs-stanzas.ts";
import type { Credentials } from "./credentials.ts";

/** What every connection shares. */
export interface CcsContext {
  readonly service: CloudService;
  readonly emulated: EmulatedService;
  readonly upstream: UpstreamQueues;
  readonly faults: FaultScript;
  readonly credentials: Credentials;
  readonly counters: Counters;
  readonly events: EventHub;
  readonly ids: ServiceIds;
  /** The network's time. */
  readonly clock: Clock;
  readonly maxPending: number;
  readonly ackDelayMs: number;
  readonly drainTimeoutMs: number;
  readonly drainQuietMs: number;
  readonly loginTimeoutMs: number;
  readonly elementStyle: ElementStyle;
  readonly resourceSuffix: boolean;
  readonly lenientNumbers: boolean;
  /** Whether a message to a group that reached nobody is acked with its counts rather than nacked. */
  readonly groupFailureCounts: boolean;
  /** Whether messages are acked by themselves; may change any time. */
  autoAck: boolean;
  /** Why a sender may have no further connection now; `undefined` when it may. Counts it. */
  refuseConnection(senderId: string): string | undefined;
  /** The connection has logged in and bound. */
  onOnline(connection: CcsConnection): void;
  onClosed(connection: CcsConnection): void;
  /** Whether the sender used this `message_id` before. */
  seenBefore(senderId: string, messageId: string): boolean;
}
