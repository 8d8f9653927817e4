import { callListener } from "../call-listener.ts";
import type { OutcomeListener } from "../sending/downstream-transport.ts";
import type { SendAllOutcome } from "../sending/sender.ts";

/**
 * Creates a listener that passes each recipient's outcome on once. An error of the caller's listener disturbs no send and is published as
 * a notice.
 */
export function tellOnce(transport: string, listener: (outcome: SendAllOutcome) => void): OutcomeListener {
  const told = new Set<number>();
  return (position, outcome) => {
    if (told.has(position)) return;
    told.add(position);
    callListener(transport, "outcome-listener-failed", listener, { position, ...outcome });
  };
}
