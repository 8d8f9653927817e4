// Public names, in the order in which an application meets them.

// Errors, messages, outcomes, registration stores, events: one package to install and to import from
export * from "@cloud-messaging/core";
// Client
export {
  type CcsClient,
  type CcsClientOptions,
  type CcsSendOptions,
  createCcsClient,
  type ReceiptedSendReport,
  type SingleReceiptedSendReport,
} from "./client.ts";
export type { CcsConnectionInfo, CcsPeer, CcsTransport } from "./connection/peer.ts";
export { CCS_RETRY_POLICY, type CcsTransportOptions, type ReconnectPolicy } from "./options.ts";
// Transport
export { createCcsTransport } from "./transport.ts";
export { createHandledMessages, type HandledMessages } from "./upstream/handled-messages.ts";
// Handlers of upstream messages and receipts
export type {
  DeadLetter,
  DeadLetterHandler,
  DeliveryContext,
  ReceiptContext,
  ReceiptHandler,
  SentMessage,
  UpstreamHandler,
} from "./upstream/handlers.ts";
