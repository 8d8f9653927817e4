export { isCloudMessagingError, OutboxFullError, OutboxStorageError, subscribe } from "@cloud-messaging/core";
export {
  type CampaignRecipient,
  type CreateOutboxOptions,
  createOutbox,
  type EnqueueAllOptions,
  type Enqueued,
  type EnqueueOptions,
  type Outbox,
  type OutboxEncryption,
  type OutboxOptions,
  type OutboxProgress,
  type OutboxResult,
  type Rate,
  type ReplayOptions,
  type ResultOptions,
  type WorkOptions,
} from "@cloud-messaging/core/transport";
export { createBullmqEngine } from "./engine.ts";
export type { BullmqEngineOptions } from "./options.ts";
export type { RedisClient } from "./redis.ts";
