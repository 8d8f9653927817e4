import { callListener } from "@cloud-messaging/core/transport";
import { optionNamesCheck } from "../options/option-names.ts";
import { AppRequest } from "./app-request.ts";
import { type HttpListenOptions, type HttpServer, listenHttp } from "./listen.ts";
import { Permits } from "./permits.ts";
import { type NodeRequest, readBody } from "./read-body.ts";
import { type HttpAnswer, type HttpResponse, type HttpRoute, MAX_BODY_BYTES, type RawAnswer } from "./route.ts";
import { createRouter } from "./router.ts";

/** Options shared by all ports of an application. */
export interface HttpAppOptions {
  /**
   * Time limit for a handshake and for the headers of a request; a whole request may take three times as long.
   *
   * Unit: milliseconds.
   */
  readonly handshakeTimeoutMs: number;
  /**
   * Requests handled at the same time. The body of a further one is not read before its turn, so that a slow service slows the sockets.
   *
   * @defaultValue 1000
   */
  readonly maxConcurrentRequests?: number;
  /**
   * True behind a proxy that sets `X-Forwarded-For`: the address of a client is the last one there. Never without such a proxy, since a client
   * can write the header itself.
   *
   * @defaultValue `false`
   */
  readonly trustProxy?: boolean;
  /** Called with every answer; `route` is absent when no route matched. */
  readonly onAnswer?: (
    request: { readonly method: string; readonly path: string },
    status: number,
    route?: HttpRoute,
  ) => void;
  /** Called with an error that a handler threw; the client gets the answer 500 without it. */
  readonly onError?: (error: unknown) => void;
}

/** Routes ready to be served on any number of ports. */
export interface HttpApp {
  /** @throws the system's error when the port cannot be had. */
  listen(options: HttpListenOptions): Promise<HttpServer>;
}

const checked = optionNamesCheck<HttpAppOptions>("an option of createHttpApp", {
  handshakeTimeoutMs: true,
  maxConcurrentRequests: true,
  trustProxy: true,
  onAnswer: true,
  onError: true,
});

const NOT_FOUND: HttpAnswer = {
  status: 404,
  contentType: "text/html; charset=UTF-8",
  body: "<html><title>Error 404 (Not Found)</title><body>404. Not Found</body></html>\n",
};
const TOO_LARGE = textAnswer(413, "Request Entity Too Large\n");
const MALFORMED = textAnswer(400, "The path is not valid percent-encoding\n");
const INTERNAL = textAnswer(500, "Internal Server Error\n");

/** Implementation limit: enough for any client, few enough for 1 MiB each. */
const DEFAULT_CONCURRENT_REQUESTS = 1000;

/**
 * Creates the application of a list of routes.
 *
 * @example
 * ```ts
 * import { createHttpApp, fcmV1Routes, gcmHttpRoutes, type MessagingService } from "@cloud-messaging/connection-server";
 *
 * export async function serve(service: MessagingService) {
 *   const app = createHttpApp([...gcmHttpRoutes({ service }), ...fcmV1Routes({ service })], { handshakeTimeoutMs: 10_000 });
 *   return app.listen({ host: "127.0.0.1", port: 8080 });
 * }
 * ```
 *
 * @throws {InvalidOptionsError} the options are no object, or one has another name.
 */
export function createHttpApp(routes: readonly HttpRoute[], options: HttpAppOptions): HttpApp {
  const lookup = createRouter(routes);
  const { onAnswer, onError, maxConcurrentRequests, handshakeTimeoutMs, trustProxy = false } = checked(options);
  const permits = new Permits(maxConcurrentRequests ?? DEFAULT_CONCURRENT_REQUESTS);

  async function answer(request: NodeRequest, response: HttpResponse, peer: string | undefined): Promise<void> {
    const url = (request.url ?? "/").replace(/^https?:\/\/[^/?]*/i, "");
    const mark = url.indexOf("?");
    const path = (mark === -1 ? url : url.slice(0, mark)) || "/";
    const { method = "GET" } = request;
    const found = lookup(method, path);
    const finish = (result: HttpAnswer | RawAnswer, route?: HttpRoute): void => {
      callListener("connection-server", "answer-listener-failed", onAnswer, { method, path }, result.status, route);
      if ("respond" in result) result.respond(response);
      else write(result, response);
    };
    if (found === "malformed") return finish(MALFORMED);
    if (found === "not-found") return finish(NOT_FOUND);
    const { route } = found;
    if (!permits.tryAcquire()) await permits.acquire();
    try {
      if (response.destroyed) return;
      const query = mark === -1 ? "" : url.slice(mark + 1);
      const remoteAddress = addressOf(request, peer, trustProxy);
      const read = new AppRequest(request, { method, path, query, params: found.params, remoteAddress });
      const pending = route.before?.(read);
      const early = pending instanceof Promise ? await pending : pending;
      if (early === "not-found") return finish(NOT_FOUND);
      if (early !== undefined) return finish(early, route);
      const body = method === "GET" ? "" : await readBody(request, route.maxBodyBytes ?? MAX_BODY_BYTES);
      if (typeof body === "string") {
        read.body = body;
        return finish(await route.handle(read), route);
      }
      if (body.problem === "too-large") finish(TOO_LARGE, route);
    } catch (error) {
      callListener("connection-server", "error-listener-failed", onError, error);
      if (!response.headersSent) finish(INTERNAL, route);
      else response.destroy();
    } finally {
      permits.release();
    }
  }

  return {
    listen: (where) =>
      listenHttp(where, handshakeTimeoutMs, (request, response, remoteAddress) => {
        // an error of the socket: "close" follows, and no client to answer
        request.on("error", () => {});
        response.on("error", () => {});
        void answer(request, response, remoteAddress);
      }),
  };
}

function write({ status, contentType, headers, body = "" }: HttpAnswer, response: HttpResponse): void {
  if (response.destroyed || response.headersSent) return;
  const length = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  // no spreads: this runs for every answer
  const sent: Record<string, string | number> = { "content-type": contentType ?? "application/json; charset=UTF-8" };
  if (status !== 204 && status !== 304) sent["content-length"] = length;
  if (headers !== undefined) Object.assign(sent, headers);
  (response as { writeHead(status: number, headers: Record<string, string | number>): void }).writeHead(status, sent);
  response.end(body);
}

function addressOf({ headers }: NodeRequest, peer: string | undefined, trustProxy: boolean): string | undefined {
  const forwarded = trustProxy ? headers["x-forwarded-for"] : undefined;
  const last = String(forwarded ?? "")
    .split(",")
    .at(-1)
    ?.trim();
  return last ? last : peer;
}

function textAnswer(status: number, body: string): HttpAnswer {
  return { status, contentType: "text/plain; charset=UTF-8", body };
}
