import { z } from "zod";

/** The device has confirmed a message that asked for a receipt. May come days later; no receipt means unknown, not lost. */
export const DeliveryReceiptSchema = z.object({
  /** The receipt's own ID, `dr2:` before the original one. This is what is acknowledged, whole. */
  messageId: z.string().min(1),
  /** Whom to acknowledge it to: `gcm.googleapis.com`. */
  from: z.string().min(1),
  /** The ID of the downstream message. */
  originalMessageId: z.string(),
  /** `MESSAGE_SENT_TO_DEVICE` is the only value seen. */
  status: z.string(),
  /** The token the message was sent to. */
  deviceRegistrationId: z.string().optional(),
  /** Milliseconds since the epoch. */
  sentAt: z.number().optional(),
  /** The app's package name. */
  category: z.string().optional(),
});

/** A delivery receipt. */
export type DeliveryReceipt = Readonly<z.output<typeof DeliveryReceiptSchema>>;
