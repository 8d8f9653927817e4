import * as z from "../zod.ts";

/** A change of a device group. Unknown fields are ignored, as everywhere on these wires. Source: docs/protocol/gcm-http.md#device-groups */
export const DeviceGroupRequestSchema = z.looseObject({
  operation: z.enum(["create", "add", "remove"]),
  notification_key_name: z.string().max(1024).optional(),
  notification_key: z.string().optional(),
  registration_ids: z.array(z.string()).min(1).max(1000).readonly(),
  id_token: z.string().optional(),
});
/** Type of `DeviceGroupRequestSchema`. */
export type DeviceGroupRequest = z.output<typeof DeviceGroupRequestSchema>;

/** Instance ID: tokens to add to a topic or to remove from it. */
export const TopicBatchRequestSchema = z.looseObject({
  to: z.string(),
  registration_tokens: z.array(z.string()).readonly().optional(),
});
/** Type of `TopicBatchRequestSchema`. */
export type TopicBatchRequest = z.output<typeof TopicBatchRequestSchema>;

/** Instance ID: APNs tokens to import. */
export const ApnsImportRequestSchema = z.looseObject({
  application: z.string().min(1),
  sandbox: z.boolean(),
  apns_tokens: z.array(z.string()).min(1).readonly(),
});
/** Type of `ApnsImportRequestSchema`. */
export type ApnsImportRequest = z.output<typeof ApnsImportRequestSchema>;
