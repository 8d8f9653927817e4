import type { CancelTimer, Clock } from "@cloud-messaging/core";
import type { EmulatorEvent, EventHub } from "../events.ts";
import type { EmulatorState } from "../schemas.ts";
import type { StateFile } from "./state-file.ts";

/** Delay from a change to the file that holds it; changes meanwhile go with it. Implementation limit. Unit: milliseconds. */
const SAVE_AFTER_MS = 2000;

/** Events that change nothing that is saved. */
const UNSAVED: ReadonlySet<EmulatorEvent["type"]> = new Set(["request", "connection", "fault", "violation", "state"]);

/** Saves of the running emulator. */
export interface StateKeeper {
  /**
   * Saves once more, and lets others write the file.
   *
   * @throws {StateNotSavedError} naming the file and the reason.
   */
  close(): Promise<void>;
}

/** Saves the state within two seconds of every change. A save that fails is told as an event and tried again. */
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
