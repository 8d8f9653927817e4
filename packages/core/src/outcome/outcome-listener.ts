import { publish } from "../events.ts";
import type { SendAllOutcome } from "../sending/sender.ts";
import type { RecipientOutcome } from "./outcome.ts";

/** Outcomes by position; a hole where none is known yet. */
export type KnownOutcomes = readonly (RecipientOutcome | undefined)[];

/** Tells a listener each recipient's outcome once, as soon as it is known. */
export interface OutcomeTeller {
  /** Takes the outcomes that are final so far; those that were told before are passed over. */
  tell(known: KnownOutcomes): void;
}

/** Creates a teller. A listener that throws disturbs no send: it is told as a notice. */
export function createOutcomeTeller(transport: string, listener: (outcome: SendAllOutcome) => void): OutcomeTeller {
  const told = new Set<number>();
  return {
    tell(known) {
      for (let position = 0; position < known.length; position++) {
        const outcome = known[position];
        if (outcome === undefined || told.has(position)) continue;
        told.add(position);
        try {
          listener({ ...outcome, position });
        } catch (error) {
          publish("cloud-messaging:notice", () => ({
            transport,
            notice: "outcome-listener-failed",
            detail: error instanceof Error ? error.name : "not an Error",
          }));
        }
      }
    },
  };
}
