import { type Channel, channel } from "node:diagnostics_channel";
import type { ErrorCode } from "./outcome/error-code.ts";
import type { OutcomeCounts } from "./outcome/outcome.ts";

/**
 * Events published on `node:diagnostics_channel`, by channel name. An event without subscribers is not built.
 * Tokens are shortened, keys and access tokens never appear.
 */
export interface CloudMessagingEvents {
  /** A send has settled. */
  "cloud-messaging:send": {
    readonly transport: string;
    readonly counts: OutcomeCounts;
    readonly attempts: number;
    /** Unit: milliseconds. */
    readonly durationMs: number;
  };
  /** Some recipients are going to be sent to again. */
  "cloud-messaging:retry": {
    readonly transport: string;
    readonly recipients: number;
    /** Number of the attempt that is going to be made, from 2. */
    readonly attempt: number;
    /** Unit: milliseconds. */
    readonly delayMs: number;
    readonly codes: readonly ErrorCode[];
    /** Retry-After of the service. Unit: milliseconds. */
    readonly retryAfterMs?: number;
  };
  /** One HTTP request has been answered or has failed. */
  "cloud-messaging:http-request": {
    readonly transport: string;
    readonly origin: string;
    readonly recipients: number;
    readonly status?: number;
    readonly code?: ErrorCode;
    readonly durationMs: number;
  };
  /** Sends to a project over FCM HTTP v1 have begun to wait for its quota, or none waits any more. */
  "cloud-messaging:quota": {
    readonly transport: string;
    readonly project: string;
    readonly state: "waiting" | "flowing";
    /** Current rate. Unit: messages per minute. */
    readonly perMinute: number;
  };
  /** The first connection of a sender to an endpoint that has never answered has failed. Told once per sender and endpoint. */
  "cloud-messaging:unreachable": {
    readonly transport: string;
    /** Origin or `host:port`. */
    readonly address: string;
    readonly code: ErrorCode;
    /** Address and cause, and the cure where waiting does not help. */
    readonly detail: string;
  };
  /** A CCS connection has changed its state. */
  "cloud-messaging:ccs-connection": {
    /** In phase `backing-off` the connection that is going to be followed by another; 0 before there was any. */
    readonly connectionId: number;
    readonly phase: string;
    readonly attempt?: number;
    readonly pending: number;
    readonly reason?: string;
  };
  /** Downstream messages were written again on another connection under their old IDs. */
  "cloud-messaging:ccs-resend": { readonly connectionId: number; readonly messages: number; readonly reason: string };
  /** An upstream message or receipt was processed. `discarded`: a receipt that was acknowledged without a handler. */
  "cloud-messaging:ccs-upstream": {
    readonly connectionId: number;
    readonly type: "upstream" | "receipt";
    readonly messageId: string;
    readonly result: "handled" | "discarded" | "duplicate" | "failed" | "dead-lettered";
  };
  /** A message or campaign was stored in an outbox. */
  "cloud-messaging:outbox-enqueue": {
    readonly engine: string;
    readonly id: string;
    /** False where its key was taken already. */
    readonly created: boolean;
    readonly recipients: number;
  };
  /** Final outcomes were recorded in an outbox. */
  "cloud-messaging:outbox-settle": {
    readonly engine: string;
    readonly id: string;
    /** Number of outcomes by kind. */
    readonly counts: Readonly<Record<string, number>>;
  };
  /** Recipients were found whose worker had ended between the sending mark and the outcome: copies in doubt. */
  "cloud-messaging:outbox-recover": { readonly engine: string; readonly id: string; readonly recipients: number };
  /** A lease has expired while its worker was alive, and another worker has taken the chunk. */
  "cloud-messaging:outbox-lease-lost": { readonly engine: string; readonly id: string; readonly chunk: number };
  /**
   * The service refuses the sender of a worker as a whole, its credential or its endpoint: the worker holds its work and tries again after
   * `delayMs`. `resumed`: the service has answered about a recipient again.
   */
  "cloud-messaging:outbox-hold": {
    readonly engine: string;
    readonly state: "held" | "resumed";
    readonly code: ErrorCode;
    /** Words of the refusal, or its cure. */
    readonly detail: string;
    /** Unit: milliseconds; 0 when the work is resumed. */
    readonly delayMs: number;
  };
  /** An operation of an outbox has failed and will be tried again: `claim`, `write`, `renew`, `read`, `send` or `prune`. */
  "cloud-messaging:outbox-failure": { readonly engine: string; readonly operation: string; readonly detail: string };
  /** Notice about the service or the configuration that is not an error of one send. */
  "cloud-messaging:notice": { readonly transport: string; readonly notice: string; readonly detail: string };
}

/** The name of a channel. */
export type EventName = keyof CloudMessagingEvents;

const channels = new Map<EventName, Channel>();

/** The channel of a name. */
export function eventChannel(name: EventName): Channel {
  let found = channels.get(name);
  if (found === undefined) {
    found = channel(name);
    channels.set(name, found);
  }
  return found;
}

/** Publishes an event if the channel has subscribers; `event` is called only then. */
export function publish<N extends EventName>(name: N, event: () => CloudMessagingEvents[N]): void {
  const target = eventChannel(name);
  if (target.hasSubscribers) target.publish(event());
}

/**
 * Subscribes to a channel, with the type of its events.
 *
 * @returns Function that unsubscribes.
 *
 * @example
 * ```ts
 * import { subscribe } from "@cloud-messaging/core";
 *
 * const unsubscribe = subscribe("cloud-messaging:retry", ({ transport, recipients, delayMs }) => {
 *   console.log(`${transport}: ${recipients} recipients again in ${delayMs} ms`);
 * });
 * unsubscribe();
 * ```
 */
export function subscribe<N extends EventName>(
  name: N,
  listener: (event: CloudMessagingEvents[N]) => void,
): () => void {
  const onMessage = (event: unknown): void => listener(event as CloudMessagingEvents[N]);
  const target = eventChannel(name);
  target.subscribe(onMessage);
  return () => target.unsubscribe(onMessage);
}
