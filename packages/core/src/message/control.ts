import * as z from "../zod.ts";

/** CCS about the connection itself. Never acknowledged. */
export interface ControlMessage {
  /** `CONNECTION_DRAINING` is the only type so far. */
  readonly controlType: string;
}

/** Checks a control message. */
export const ControlMessageSchema = z.object({ controlType: z.string() });
