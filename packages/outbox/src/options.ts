import type { Clock } from "@cloud-messaging/core";
import type { MachineClock } from "./boot.ts";

/** Options of `createEmbeddedEngine`. */
export interface EmbeddedEngineOptions {
  /** Folder of the outbox, made where it is missing, on a disk of this machine. */
  readonly path: string;
  /** @defaultValue the system's clock */
  readonly clock?: Clock;
  /** Clock of leases. @defaultValue the machine's */
  readonly machine?: MachineClock;
}
