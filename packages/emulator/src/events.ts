import { nextTurn } from "@cloud-messaging/core/transport";
import type { CapturedMessage, TimelineEntry } from "./model/message.ts";
import type { ModelEvent } from "./model/ports.ts";

/** Events of the emulator, for tests, the inbox and server-sent events. */
export type EmulatorEvent =
  | ModelEvent
  /** A message was captured, or its state changed. */
  | { readonly type: "message"; readonly message: CapturedMessage; readonly entry: TimelineEntry }
  /** The oldest captured messages were dropped at the limit. */
  | { readonly type: "pruned"; readonly messages: number }
  /** The captured messages up to this ID were deleted on request. */
  | { readonly type: "cleared"; readonly upTo: number }
  /** These captured messages were deleted. */
  | { readonly type: "removed"; readonly messages: readonly number[] }
  /** A device group was created, changed or looked up; one without members has been deleted. */
  | { readonly type: "group"; readonly name: string; readonly senderId: string; readonly members: number }
  | {
      readonly type: "connection";
      readonly change: "opened" | "online" | "draining" | "closed";
      readonly connectionId: number;
      readonly senderId?: string;
      readonly reason?: string;
    }
  /** A fault was armed, or was applied. */
  | { readonly type: "fault"; readonly change: "armed" | "struck" | "cleared"; readonly fault: string }
  /** A client violated the protocol. */
  | { readonly type: "violation"; readonly connectionId?: number; readonly detail: string }
  /** An HTTP request was answered; `status` is 0 if a fault left it unanswered. */
  | { readonly type: "request"; readonly method: string; readonly path: string; readonly status: number }
  | { readonly type: "clock"; readonly now: number }
  /** The state file was written, or could not be. */
  | { readonly type: "state"; readonly change: "saved" }
  | { readonly type: "state"; readonly change: "not-saved"; readonly problem: string }
  | { readonly type: "reset" };

/** Type of an event. */
export type EmulatorEventType = EmulatorEvent["type"];

/** Listener, called synchronously with each event in order. Errors that it throws surface as uncaught exceptions. */
export type EmulatorListener<T extends EmulatorEventType = EmulatorEventType> = (
  event: Extract<EmulatorEvent, { readonly type: T }>,
) => void;

/** Source of the emulator's events. */
export interface EmulatorEvents {
  /**
   * Adds a listener; returns a function that removes it.
   *
   * @param types Types of the events that it is called with. Default: all. Events that nobody listens to are not made.
   */
  subscribe<T extends EmulatorEventType = EmulatorEventType>(listener: EmulatorListener<T>, ...types: T[]): () => void;
}

/** Publisher of the events. */
export interface EventHub extends EmulatorEvents {
  /** True if there is a listener of that type, for events that are expensive to create. */
  isHeard(type: EmulatorEventType): boolean;
  /** The first hundred protocol violations, as text. */
  readonly violations: string[];
  emit(event: EmulatorEvent): void;
  close(): void;
}

/** Maximum number of violations listed. Implementation limit. */
const MAX_VIOLATIONS = 100;

/** Creates an event hub. An error of a listener does not affect the emulator; it surfaces as an uncaught exception. */
export function createEventHub(): EventHub {
  interface Subscription {
    readonly listener: EmulatorListener;
    readonly types: readonly EmulatorEventType[];
  }
  const subscriptions = new Set<Subscription>();
  const violations: string[] = [];
  const hears = ({ types }: Subscription, type: EmulatorEventType): boolean =>
    types.length === 0 || types.includes(type);
  return {
    violations,
    isHeard(type) {
      for (const subscription of subscriptions) if (hears(subscription, type)) return true;
      return false;
    },
    subscribe<T extends EmulatorEventType>(listener: EmulatorListener<T>, ...types: T[]) {
      // called with events of these types alone
      const subscription: Subscription = { listener: listener as unknown as EmulatorListener, types };
      subscriptions.add(subscription);
      return () => {
        subscriptions.delete(subscription);
      };
    },
    emit(event) {
      if (event.type === "violation" && violations.length < MAX_VIOLATIONS) violations.push(event.detail);
      for (const subscription of subscriptions) {
        if (!hears(subscription, event.type)) continue;
        const { listener } = subscription;
        try {
          listener(event);
        } catch (error) {
          nextTurn(() => {
            throw error;
          });
        }
      }
    },
    close: () => subscriptions.clear(),
  };
}
