import * as z from "../zod.ts";

/** The device has confirmed a message that asked for a receipt. May come days later; no receipt means unknown, not lost. */
export interface DeliveryReceipt {
  /** The receipt's own ID, `dr2:` before the original one. This is what is acknowledged, whole. */
  readonly messageId: string;
  /** Whom to acknowledge it to: `gcm.googleapis.com`. */
  readonly from: string;
  /** The ID of the downstream message. */
  readonly originalMessageId: string;
  /** `MESSAGE_SENT_TO_DEVICE` is the only value seen. */
  readonly status: string;
  /** The token the message was sent to. */
  readonly deviceRegistrationId?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly sentAt?: number | undefined;
  /** The app's package name. */
  readonly category?: string | undefined;
}

/** Checks a delivery receipt. */
export const DeliveryReceiptSchema = z.object({
  messageId: z.string().min(1),
  from: z.string().min(1),
  originalMessageId: z.string(),
  status: z.string(),
  deviceRegistrationId: z.string().optional(),
  sentAt: z.number().optional(),
  category: z.string().optional(),
});
