import { z } from "zod";

/** A message from an app to the app server, as CCS hands it over. */
export const UpstreamMessageSchema = z.object({
  /** Token of the sending app. */
  from: z.string().min(1),
  /** Chosen by the device; unique together with `from`. */
  messageId: z.string().min(1),
  /** The app's package name. */
  category: z.string().optional(),
  data: z.record(z.string(), z.string()),
  /** Unit: seconds. */
  timeToLiveSec: z.number().optional(),
});

/** A message from an app to the app server. */
export type UpstreamMessage = Readonly<z.output<typeof UpstreamMessageSchema>>;
