import type { IncomingMessage, ServerResponse } from "node:http";
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { createTestCertificates, type TestCertificates } from "./fault-server-certificates.ts";

/** A request as it arrived whole. */
export interface V1Request {
  readonly httpVersion: string;
  readonly path: string;
  readonly authorization: string;
  readonly body: string;
}

/** Calls by which a step answers a request; one of these, once. */
export interface V1Exchange {
  readonly request: V1Request;
  answer(status: number, body: string, headers?: Readonly<Record<string, string>>): void;
  /** An interim answer, `100 Continue`, which nobody has asked for. */
  interim(): void;
  /** The head and a part of the announced body; the rest never comes. */
  begin(status: number, body: string): void;
  /** The same, then the end of the stream or connection. */
  truncate(status: number, body: string): void;
  /** HTTP/2: RST_STREAM with this code. HTTP/1.1: a reset of the connection. */
  reset(code?: number): void;
  /** Ends the whole connection. */
  cut(): void;
  /** Of all of one connection, the same object. */
  readonly connection: object;
  /** HTTP/2 only: the stream's ID, and GOAWAY on its connection. */
  readonly streamId: number | undefined;
  goaway(lastStreamId: number, code?: number): void;
}
export type V1Step = (exchange: V1Exchange) => void;

/** A server for FCM HTTP v1 and its token endpoint, over TLS with HTTP/1.1 and HTTP/2, that does what it is told. */
export interface V1Server extends AsyncDisposable {
  readonly origin: string;
  readonly ca: string;
  /** Certificate and key of the server, in PEM. */
  readonly pair: TestCertificates["server"];
  /** Requests to `messages:send`. */
  readonly requests: readonly V1Request[];
  /** Requests to `/token`. */
  readonly tokenRequests: readonly V1Request[];
  /** Step for each request for which the script has nothing. */
  otherwise: V1Step;
  /** Step for each request for a token. */
  token: V1Step;
  script(...steps: V1Step[]): void;
  arrived(count: number): Promise<void>;
  /** Connections made so far. */
  readonly connections: number;
  /** Listens no more, and ends its connections. */
  pause(): Promise<void>;
  /** Listens again, on the same port. */
  resume(): Promise<void>;
  close(): Promise<void>;
}

export const acceptV1: V1Step = ({ request, answer }) => {
  const { message } = JSON.parse(request.body) as { message: { token?: string } };
  answer(200, JSON.stringify({ name: `projects/demo/messages/0:${message.token ?? "1"}` }));
};

/** `{"error":{…}}` as Google writes it. */
export function v1Error(
  status: number,
  word: string,
  options: { errorCode?: string; message?: string; details?: object[]; headers?: Record<string, string> } = {},
): V1Step {
  const { errorCode, message = word, details = [], headers = {} } = options;
  const fcm = { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode };
  const all = [...(errorCode === undefined ? [] : [fcm]), ...details];
  const body = JSON.stringify({ error: { code: status, message, status: word, details: all } });
  return ({ answer }) => answer(status, body, headers);
}

/** A device's own step by its token; others get what they got before. */
export function byToken(steps: Readonly<Record<string, V1Step>>, otherwise: V1Step = acceptV1): V1Step {
  return (exchange) => {
    const { message } = JSON.parse(exchange.request.body) as { message: { token?: string } };
    (steps[message.token ?? ""] ?? otherwise)(exchange);
  };
}

/** Names under which redirected programs know the server. */
const GOOGLE_NAMES = ["fcm.googleapis.com", "oauth2.googleapis.com", "www.googleapis.com"];
let certificates: Promise<TestCertificates> | undefined;

export async function startV1Server(): Promise<V1Server> {
  certificates ??= createTestCertificates(["127.0.0.1", ...GOOGLE_NAMES]);
  const { ca, server: pair } = await certificates;
  const requests: V1Request[] = [];
  const tokenRequests: V1Request[] = [];
  const steps: V1Step[] = [];
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  const watchers = new Set<() => void>();
  let connections = 0;
  let tokens = 0;

  const server = createSecureServer({ ...pair, allowHTTP1: true });
  server.on("secureConnection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => {});
  });
  server.on(
    "request",
    (incoming: Http2ServerRequest | IncomingMessage, response: Http2ServerResponse | ServerResponse) => {
      let body = "";
      incoming.setEncoding("utf8");
      incoming.on("error", () => {});
      response.on("error", () => {});
      incoming.on("data", (chunk: string) => {
        body += chunk;
      });
      incoming.on("end", () => {
        // a stream that was reset ends too, with what had come of it
        if (incoming.aborted || ("stream" in incoming && incoming.stream.aborted)) return;
        const request = {
          httpVersion: incoming.httpVersion,
          path: incoming.url ?? "",
          authorization: String(incoming.headers["authorization"] ?? ""),
          body,
        };
        const exchange = exchangeOf(request, response);
        if (/^\/(oauth2\/v4\/)?token$/.test(request.path)) {
          tokenRequests.push(request);
          v1.token(exchange);
        } else {
          requests.push(request);
          (steps.shift() ?? v1.otherwise)(exchange);
        }
        for (const watcher of [...watchers]) watcher();
      });
    },
  );
  const listen = (port: number): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
  await listen(0);
  const { port } = server.address() as { port: number };
  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      for (const session of sessions) session.destroy();
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });

  const v1: V1Server = {
    origin: `https://127.0.0.1:${port}`,
    ca,
    pair,
    requests,
    tokenRequests,
    otherwise: acceptV1,
    token: ({ answer }) => answer(200, JSON.stringify({ access_token: `ya29.${++tokens}`, expires_in: 3599 })),
    script: (...next) => void steps.push(...next),
    arrived: (count) =>
      new Promise((resolve) => {
        const watcher = (): void => {
          if (requests.length < count) return;
          watchers.delete(watcher);
          resolve();
        };
        watchers.add(watcher);
        watcher();
      }),
    get connections() {
      return connections;
    },
    pause,
    resume: () => listen(port),
    close: pause,
    [Symbol.asyncDispose]: pause,
  };
  return v1;
}

function exchangeOf(request: V1Request, response: Http2ServerResponse | ServerResponse): V1Exchange {
  const stream = "stream" in response ? (response.stream as ServerHttp2Stream) : undefined;
  const socket = response.socket as Socket;
  const endConnection = (): void => {
    const session = stream?.session;
    if (session === undefined) socket.destroy();
    // not while it is being read: Node 22 aborts the process when a stream that has just begun gets its data after that
    else setImmediate(() => session.destroy());
  };
  return {
    request,
    answer(status, body, headers = {}) {
      (response as ServerResponse).writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
      (response as ServerResponse).end(body);
    },
    interim() {
      (response as ServerResponse).writeContinue();
    },
    begin(status, body) {
      (response as ServerResponse).writeHead(status, { "content-length": String(body.length + 10) });
      (response as ServerResponse).write(body);
    },
    truncate(status, body) {
      (response as ServerResponse).writeHead(status, { "content-length": String(body.length + 10) });
      (response as ServerResponse).write(body, () => {
        if (stream === undefined) socket.destroy();
        else stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      });
    },
    reset(code = constants.NGHTTP2_INTERNAL_ERROR) {
      if (stream === undefined) socket.destroy();
      else stream.close(code);
    },
    cut: endConnection,
    connection: stream?.session ?? socket,
    streamId: stream?.id,
    goaway(lastStreamId, code = constants.NGHTTP2_NO_ERROR) {
      stream?.session?.goaway(code, lastStreamId);
    },
  };
}
