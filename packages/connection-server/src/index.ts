// HTTP server and router
export { createHttpApp, type HttpApp, type HttpAppOptions } from "./http/http-app.ts";
export type { HttpListenOptions, HttpServer } from "./http/listen.ts";
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
export { SocketGuard } from "./http/socket-guard.ts";
