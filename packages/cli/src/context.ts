import type { Clock } from "@cloud-messaging/core";
import type { Output } from "./output/output.ts";

/** Surroundings of a command that runs. */
export interface Context {
  readonly output: Output;
  /** Standard input. */
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Aborts at Ctrl-C: what is in flight is settled, what is open is closed. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}
