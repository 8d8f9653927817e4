// The names in the order in which an operator meets them.

export type { GatewayEvent } from "./event.ts";
export { type CapturedInput, type Forwarder, openForwarder } from "./forward/forwarder.ts";
export { createGateway, type Gateway } from "./gateway.ts";
export { createKey, hashKey } from "./keys.ts";
export type {
  GatewayChanges,
  GatewayClient,
  GatewayOperations,
  GatewayOptions,
  GatewayProxyProtocol,
  GatewayTls,
} from "./options.ts";
