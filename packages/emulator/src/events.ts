import { setImmediate } from "node:timers";
import type { DeviceView } from "./model/devices.ts";
import type { CapturedMessage, TimelineEntry } from "./model/message.ts";

/** Everything that happens in the emulator, for tests, for the inbox and for server-sent events. */
export type EmulatorEvent =
  /** A message was captured, or something happened to it. */
  | { readonly type: "message"; readonly message: CapturedMessage; readonly entry: TimelineEntry }
  /** The oldest captured messages made room. */
  | { readonly type: "pruned"; readonly messages: number }
  /** The captured messages up to this ID were forgotten on request. */
  | { readonly type: "cleared"; readonly upTo: number }
  /** These captured messages were deleted. */
  | { readonly type: "removed"; readonly messages: readonly number[] }
  | { readonly type: "device"; readonly change: string; readonly device: DeviceView }
  /** A device group was made, changed or looked up; with no members it is gone. */
  | { readonly type: "group"; readonly name: string; readonly senderId: string; readonly members: number }
  | {
      readonly type: "connection";
      readonly change: "opened" | "online" | "draining" | "closed";
      readonly connectionId: number;
      readonly senderId?: string;
      readonly reason?: string;
    }
  | {
      readonly type: "upstream";
      readonly change: "queued" | "sent" | "resent" | "acked" | "expired" | "discarded";
      readonly kind: "upstream" | "receipt";
      readonly senderId: string;
      readonly messageId: string;
      readonly connectionId?: number;
    }
  /** A fault was asked for, or has struck. */
  | { readonly type: "fault"; readonly change: "armed" | "struck" | "cleared"; readonly fault: string }
  /** A client broke a rule of the protocol. */
  | { readonly type: "violation"; readonly connectionId?: number; readonly detail: string }
  /** One HTTP request was answered; `status` 0 when a fault left it unanswered. */
  | { readonly type: "request"; readonly method: string; readonly path: string; readonly status: number }
  /** An unknown token could not become a device, since there are as many as there may be. Told once, until there is room again. */
  | { readonly type: "full"; readonly detail: string }
  | { readonly type: "clock"; readonly now: number }
  /** The state file was written, or could not be. */
  | { readonly type: "state"; readonly change: "saved" }
  | { readonly type: "state"; readonly change: "not-saved"; readonly problem: string }
  | { readonly type: "reset" };

/** Called with each event, in order, while it happens: it must return soon, and what it throws is thrown apart. */
export type EmulatorListener = (event: EmulatorEvent) => void;

/** Where the parts say what happens, and others listen. */
export interface EmulatorEvents {
  /** Listens until the function it returns is called. */
  subscribe(listener: EmulatorListener): () => void;
}

/** The emulator's own side of the events. */
export interface EventHub extends EmulatorEvents {
  /** Whether anybody listens: for events that cost something to make. */
  readonly listening: boolean;
  /** The first hundred violations in words, kept for the end. */
  readonly violations: string[];
  emit(event: EmulatorEvent): void;
  close(): void;
}

/** Broken rules listed at most. Ours. */
const MAX_VIOLATIONS = 100;

/** A hub. A listener that throws does not disturb the service: the error surfaces as an uncaught one. */
export function createEventHub(): EventHub {
  const listeners = new Set<EmulatorListener>();
  const violations: string[] = [];
  return {
    violations,
    get listening() {
      return listeners.size > 0;
    },
    subscribe(listener) {
      const own: EmulatorListener = (event) => listener(event);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
    emit(event) {
      if (event.type === "violation" && violations.length < MAX_VIOLATIONS) violations.push(event.detail);
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          setImmediate(() => {
            throw error;
          });
        }
      }
    },
    close: () => listeners.clear(),
  };
}
