// The public list, name by name: what users need first comes first.

// messages, outcomes, registrations, errors and events: one install, one import
export * from "@cloud-messaging/core";
export {
  type CcsClient,
  type CcsClientOptions,
  type CcsSendOptions,
  createCcsClient,
  type ReceiptedSendReport,
} from "./client.ts";
export type { CcsConnectionInfo, CcsPeer, CcsTransport } from "./connection/peer.ts";
export { CCS_RETRY_POLICY, type CcsTransportOptions, type ReconnectPolicy } from "./options.ts";
export { createCcsTransport } from "./transport.ts";
export { createHandledMessages, type HandledMessages } from "./upstream/handled-messages.ts";
export type {
  DeadLetter,
  DeadLetterHandler,
  DeliveryContext,
  ReceiptContext,
  ReceiptHandler,
  SentMessage,
  UpstreamHandler,
} from "./upstream/handlers.ts";
