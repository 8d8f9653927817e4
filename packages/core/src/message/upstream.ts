import * as z from "../zod.ts";
import { recordOf } from "./json.ts";

/** A message from an app to the app server, as CCS hands it over. */
export interface UpstreamMessage {
  /** Token of the sending app. */
  readonly from: string;
  /** Chosen by the device; unique together with `from`. */
  readonly messageId: string;
  /** The app's package name. */
  readonly category?: string | undefined;
  /** The app's own keys and values. */
  readonly data: Readonly<Record<string, string>>;
  /** Time for which CCS keeps the message for the app server. Unit: seconds. */
  readonly timeToLiveSec?: number | undefined;
}

/** Checks an upstream message. */
export const UpstreamMessageSchema = z.object({
  from: z.string().min(1),
  messageId: z.string().min(1),
  category: z.string().optional(),
  data: recordOf(z.string()),
  timeToLiveSec: z.number().optional(),
});
