import { z } from "zod";

/** CCS about the connection itself. Never acknowledged. */
export const ControlMessageSchema = z.object({
  /** `CONNECTION_DRAINING` is the only type so far. */
  controlType: z.string(),
});

/** A control message. */
export type ControlMessage = Readonly<z.output<typeof ControlMessageSchema>>;
