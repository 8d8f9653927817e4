import { recordOf, z } from "@cloud-messaging/core/transport";

/** Text that is not empty. */
export const text = z.string().min(1);
/** `data` of a message. */
export const texts = recordOf(z.string()).meta({ type: "object", additionalProperties: { type: "string" } });
export const senderId = z.string().regex(/^\d{1,20}$/, "must be 1 to 20 digits");
/** Form of the Retry-After of a refusal. */
export const retryAfterForm = z.enum(["seconds", "date", "absent"]);
