import type { Clock } from "@cloud-messaging/core";
import type { CancelTimer } from "@cloud-messaging/core/transport";
import type { EmulatorEvent, EventHub } from "../events.ts";
import type { EmulatorState } from "./schema.ts";
import type { StateFile } from "./state-file.ts";

/** Delay between a change and the write; later changes are included. Implementation limit. Unit: milliseconds. */
const SAVE_AFTER_MS = 2000;

/** Events that change nothing that is saved. */
const UNSAVED: ReadonlySet<EmulatorEvent["type"]> = new Set(["request", "connection", "fault", "violation", "state"]);

/** Saving of the state at run time. */
export interface StateKeeper {
  /**
   * Saves a last time and releases the lock.
   *
   * @throws {StateNotSavedError} Names the file and the reason.
   */
  close(): Promise<void>;
}

/** Saves the state within two seconds of every change. A failed save is published as an event and retried. */
export function keepState(file: StateFile, events: EventHub, clock: Clock, take: () => EmulatorState): StateKeeper {
  let cancel: CancelTimer | undefined;
  let running: Promise<void> | undefined;
  let changed = false;

  const arm = (): void => {
    changed = true;
    if (running !== undefined) return;
    cancel ??= clock.schedule(SAVE_AFTER_MS, () => {
      running = save();
    });
  };
  const save = async (): Promise<void> => {
    cancel = undefined;
    changed = false;
    try {
      await file.save(take());
      events.emit({ type: "state", change: "saved" });
    } catch (error) {
      changed = true;
      events.emit({ type: "state", change: "not-saved", problem: (error as Error).message });
    }
    running = undefined;
    if (changed) arm();
  };
  const unsubscribe = events.subscribe(({ type }) => {
    if (!UNSAVED.has(type)) arm();
  });

  return {
    async close() {
      unsubscribe();
      await running;
      cancel?.();
      try {
        await file.save(take());
      } finally {
        await file.release();
      }
    },
  };
}
