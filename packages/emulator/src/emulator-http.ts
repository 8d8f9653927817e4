import {
  createHttpApp,
  type HttpAnswer,
  type HttpApp,
  type HttpRequest,
  type HttpRoute,
} from "@cloud-messaging/connection-server";
import { defined } from "@cloud-messaging/core/transport";
import { type HttpStream, LiveStreams } from "./inbox/live-streams.ts";
import { GOOGLE_HOSTS } from "./redirect/google-hosts.ts";
import { type KnownNames, refuseForeignPage } from "./servers/request-guard.ts";
import { type Spoiling, spoil } from "./servers/spoil.ts";

/** Answer that a fault may spoil. */
export interface EmulatorAnswer extends HttpAnswer {
  /** Damage in transit. */
  readonly spoil?: Spoiling;
}

type Result = EmulatorAnswer | HttpStream;

/** One method of one path, of the emulated service or of the emulator itself. */
export interface EmulatorRoute extends Pick<HttpRoute, "method" | "path" | "maxBodyBytes"> {
  /**
   * Google hosts of the route: requests that name another Google host do not match, any other name does. Empty: a route of the emulator
   * itself, whose answers are not reported.
   */
  readonly hosts: readonly string[];
  /** Static file without secrets, which any page may load: browsers send an origin also for a page's own modules. */
  readonly publicFile?: true;
  readonly before?: HttpRoute["before"];
  readonly handle: (request: HttpRequest) => Result | Promise<Result>;
}

/** Options shared by all HTTP ports of the emulator. */
export interface EmulatorHttpOptions {
  /** Unit: milliseconds. */
  readonly patienceMs: number;
  readonly onAnswer: (method: string, path: string, status: number) => void;
  /** Host names that requests may use. */
  readonly names: KnownNames;
}

/** Creates the HTTP side of the emulator: guarded routes, spoiled answers, event streams. */
export function createEmulatorHttp(
  routes: readonly EmulatorRoute[],
  { patienceMs, onAnswer, names }: EmulatorHttpOptions,
): HttpApp & { close(): void } {
  const streams = new LiveStreams();
  const own = new Set<HttpRoute>();
  const guarded = routes.map((route) => {
    const result = guardedRoute(route, names, streams);
    if (route.hosts.length === 0) own.add(result);
    return result;
  });
  const app = createHttpApp(guarded, {
    handshakeTimeoutMs: patienceMs,
    // a test may leave any number of requests unanswered
    maxConcurrentRequests: Number.POSITIVE_INFINITY,
    onAnswer({ method, path }, status, route) {
      if (route === undefined || !own.has(route)) onAnswer(method, path, status);
    },
  });
  return { listen: (where) => app.listen(where), close: () => streams.endAll() };
}

function guardedRoute(route: EmulatorRoute, names: KnownNames, streams: LiveStreams): HttpRoute {
  const { hosts, maxBodyBytes } = route;
  return {
    method: route.method,
    path: route.path,
    ...defined({ maxBodyBytes }),
    before(request) {
      if (GOOGLE_HOSTS.includes(request.host) && !hosts.includes(request.host)) return "not-found";
      const { method, host } = request;
      const named = route.publicFile === undefined ? request : { method, host, headers: {} };
      return refuseForeignPage(named, hosts, names) ?? route.before?.(request);
    },
    async handle(request) {
      const answer = await route.handle(request);
      if ("stream" in answer) return { status: 200, respond: (response) => streams.start(answer, response) };
      const { spoil: spoiling } = answer;
      if (spoiling === undefined) return answer;
      return { status: 0, respond: (response) => spoil(response, spoiling, answer) };
    },
  };
}
