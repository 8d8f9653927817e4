// Service behind the servers
export { type CallOptions, DecisionTimeoutError, type ServerOptions } from "./ask.ts";
// CCS
export type {
  CcsConnection,
  CcsHooks,
  CcsPhase,
  CcsServerEvent,
  CcsServerOptions,
  CutOptions,
  DrainOptions,
  ReadDownstream,
} from "./ccs/options.ts";
export { type CcsServer, startCcsServer } from "./ccs/server.ts";
export type { ElementStyle } from "./ccs/stanzas.ts";
export { bearerOfHeader, keyOfHeader, managementBearer, senderIdOfHeader } from "./credentials.ts";

// FCM HTTP v1
export { failureAnswer, refusalAnswer, unauthenticatedAnswer } from "./fcm-v1/answer.ts";
export { FCM_V1_HOSTS, fcmV1Routes } from "./fcm-v1/routes.ts";
// GCM HTTP
export {
  GCM_HTTP_HOSTS,
  type GcmHttpServerOptions,
  gcmHttpRoutes,
  type ValidationStyle,
} from "./gcm-http/routes.ts";
// HTTP server and router
export { createHttpApp, type HttpApp, type HttpAppOptions } from "./http/http-app.ts";
export type { HttpListenOptions, HttpServer } from "./http/listen.ts";
export type { ProxyProtocolOptions } from "./http/proxied-addresses.ts";
export {
  type HttpAnswer,
  type HttpMethod,
  type HttpRequest,
  type HttpRequestHead,
  type HttpResponse,
  type HttpRoute,
  jsonAnswer,
  MAX_BODY_BYTES,
  type RawAnswer,
} from "./http/route.ts";
// OAuth2 token endpoint
export {
  type Grant,
  type GrantDecision,
  OAUTH_HOSTS,
  TOKEN_PATHS,
  type TokenServerOptions,
  type TokenService,
  tokenRoutes,
} from "./oauth/routes.ts";
export {
  type Acceptance,
  type Address,
  type Decision,
  FCM_RULES,
  type IncomingMessage,
  type Login,
  type MaybePromise,
  type MessageContent,
  type MessagingService,
  PLATFORMS,
  type Platform,
  type Protocol,
  type ProtocolRules,
  type Refusal,
  type Sender,
  type UpstreamPort,
  type UpstreamReceiver,
  type UpstreamStanza,
} from "./service.ts";
