import type { Protocol, Refusal } from "@cloud-messaging/connection-server";
import type { ErrorCode } from "@cloud-messaging/core";
import type { DeviceView } from "./devices.ts";
import type { CapturedMessage, ModelMessage, TimelineEntry } from "./message.ts";

/** Log of the messages that the model takes, and of what becomes of them. */
export interface MessageLog {
  /** Enters a message. `at` is in milliseconds since the epoch, in the service's time. */
  capture(message: ModelMessage, at: number): CapturedMessage;
  /** Sets the ID that the service gave. */
  name(message: CapturedMessage, messageId: string): void;
  /** Sets the number of devices that it is for. */
  meantFor(message: CapturedMessage, devices: number): void;
  /** Adds a line to its timeline. */
  note(
    message: CapturedMessage,
    at: number,
    event: TimelineEntry["event"],
    facts?: { deviceId?: string | undefined; detail?: string | undefined; code?: ErrorCode },
  ): void;
}

/** An event of the model. */
export type ModelEvent =
  | { readonly type: "device"; readonly change: string; readonly device: DeviceView }
  | {
      readonly type: "upstream";
      readonly change: "queued" | "sent" | "resent" | "acked" | "expired" | "discarded";
      readonly kind: "upstream" | "receipt";
      readonly senderId: string;
      readonly messageId: string;
      readonly connectionId?: number;
    }
  /** An unknown token could not become a device, since there are as many as there may be. Told once, until one is removed. */
  | { readonly type: "full"; readonly detail: string };

/** Receiver of the model's events. */
export interface ModelEvents {
  /** True if there is a listener of that type, for events that are expensive to create. */
  isHeard(type: ModelEvent["type"]): boolean;
  emit(event: ModelEvent): void;
}

/** Source of refusals that the model itself has no reason for. */
export interface InjectedRefusals {
  /** Next refusal for one of these recipients, if one is due. */
  takeRefusal(protocol: Protocol, recipients: readonly string[]): Refusal | undefined;
}

/** Counts that the model raises. */
export type ModelCounters = Record<
  | "messages"
  | "accepted"
  | "rejected"
  | "canonical"
  | "delivered"
  | "collapsed"
  | "waiting"
  | "discarded"
  | "expired"
  | "receivedPruned"
  | "receiptsSent"
  | "receiptsAcked"
  | "upstreamSent"
  | "upstreamResent"
  | "upstreamAcked",
  number
>;
