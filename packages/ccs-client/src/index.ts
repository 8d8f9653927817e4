// The public list, name by name: what users need first comes first.

export {
  type CcsClient,
  type CcsClientOptions,
  type CcsSendOptions,
  createCcsClient,
  type ReceiptedSendReport,
} from "./client.ts";
export { createHandledMessages, type HandledMessages } from "./handled-messages.ts";
export { CCS_RETRY_POLICY, type CcsTransportOptions, type ReconnectPolicy } from "./options.ts";
export type { CcsConnectionInfo, CcsPeer, CcsTransport } from "./peer.ts";
export { createCcsTransport } from "./transport.ts";
export type {
  DeliveryContext,
  GivenUp,
  GivenUpHandler,
  ReceiptContext,
  ReceiptHandler,
  SentMessage,
  UpstreamHandler,
} from "./upstream.ts";
