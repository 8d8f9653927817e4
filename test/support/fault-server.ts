import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A request as it stood on the wire. */
export interface WireRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Number of the connection it came on, from 1. */
  readonly connection: number;
}

/** Treatment of a request by the server. When the step has resolved, the next request of the connection is read. */
export type Step = (request: WireRequest, socket: Socket) => void | Promise<void>;

export interface FaultServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  /** Every request that arrived whole, in the order of arrival. */
  readonly requests: readonly WireRequest[];
  /** Connections made so far. */
  readonly connections: number;
  /** Connections open now. */
  readonly open: number;
  /** Steps for the next requests, one each. After that: `otherwise`. */
  script(...steps: Step[]): void;
  /** Step for every request for which the script has nothing. */
  otherwise: Step;
  /** Resolves when so many requests have arrived and their steps have been started. */
  arrived(count: number): Promise<void>;
  /** Resolves when so many connections have been made. */
  connected(count: number): Promise<void>;
  /** Resolves when no connection is open. */
  quiet(): Promise<void>;
  close(): Promise<void>;
}

export interface FaultServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca?: string; readonly requestCert?: boolean };
  /** Called with every new connection, before anything is read; may end it. */
  readonly onConnection?: (socket: Socket) => void;
}

/**
 * An HTTP/1.1 server that breaks the rules on demand. Written on bare sockets, since an HTTP library would not let it.
 */
export async function startFaultServer(options: FaultServerOptions = {}): Promise<FaultServer> {
  const requests: WireRequest[] = [];
  const steps: Step[] = [];
  const sockets = new Set<Socket>();
  const watchers = new Set<() => void>();
  const notify = (): void => {
    for (const watcher of [...watchers]) watcher();
  };
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const watcher = (): void => {
        if (!condition()) return;
        watchers.delete(watcher);
        resolve();
      };
      watchers.add(watcher);
      watcher();
    });
  let connections = 0;

  const serve = async (socket: Socket, connection: number): Promise<void> => {
    for await (const request of readRequests(socket, connection)) {
      requests.push(request);
      const step = steps.shift() ?? faults.otherwise;
      const done = step(request, socket);
      notify();
      await done;
    }
    socket.end(); // the far end is done
  };
  const onConnection = (socket: Socket): void => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      notify();
    });
    notify();
    options.onConnection?.(socket);
    serve(socket, connections).catch(() => socket.destroy());
  };
  const server: Server =
    options.tls === undefined
      ? createServer({ allowHalfOpen: true }, onConnection)
      : createTlsServer({ ...options.tls, ALPNProtocols: ["http/1.1"] }, onConnection);
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };

  const faults: FaultServer = {
    origin: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    script: (...next) => {
      steps.push(...next);
    },
    otherwise: acceptAll(),
    arrived: (count) => until(() => requests.length >= count),
    connected: (count) => until(() => connections >= count),
    quiet: () => until(() => sockets.size === 0),
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
    [Symbol.asyncDispose]: () => faults.close(),
  };
  return faults;
}

async function* readRequests(socket: Socket, connection: number): AsyncGenerator<WireRequest> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    buffered = Buffer.concat([buffered, chunk as Buffer]);
    for (;;) {
      const headEnd = buffered.indexOf("\r\n\r\n");
      if (headEnd === -1) break;
      const [start = "", ...lines] = buffered.subarray(0, headEnd).toString("latin1").split("\r\n");
      const headers = Object.fromEntries(
        lines.map((line) => {
          const colon = line.indexOf(":");
          return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
        }),
      );
      const bodyEnd = headEnd + 4 + Number(headers["content-length"] ?? 0);
      if (buffered.length < bodyEnd) break;
      const [method = "", path = ""] = start.split(" ");
      const body = buffered.subarray(headEnd + 4, bodyEnd).toString("utf8");
      buffered = buffered.subarray(bodyEnd);
      yield { method, path, headers, body, connection };
    }
  }
}

/** An answer, well formed unless `rest` says otherwise. */
export function answer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Step {
  return (_request, socket) => {
    socket.write(
      head(status, {
        "content-type": "application/json",
        "content-length": String(Buffer.byteLength(body)),
        ...headers,
      }) + body,
    );
  };
}

/** Answers with JSON. */
export function json(body: unknown, headers?: Readonly<Record<string, string>>): Step {
  return answer(200, JSON.stringify(body), headers);
}

/** The first line and the headers of an answer. */
export function head(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("")}\r\n`;
}

/** Accepts every token of a multicast. */
export function acceptAll(): Step {
  return (request, socket) => {
    const ids = (JSON.parse(request.body) as { registration_ids?: string[] }).registration_ids ?? ["one"];
    const results = ids.map((_, position) => ({ message_id: `0:${position}` }));
    return json({ multicast_id: 1, success: ids.length, failure: 0, canonical_ids: 0, results })(request, socket);
  };
}

/** Answers each token by its own rule. */
export function eachToken(result: (token: string) => object, headers?: Readonly<Record<string, string>>): Step {
  return (request, socket) => {
    const { registration_ids = [] } = JSON.parse(request.body) as { registration_ids?: string[] };
    return json(
      { multicast_id: 1, success: 0, failure: 0, canonical_ids: 0, results: registration_ids.map(result) },
      headers,
    )(request, socket);
  };
}

/** Writes exactly this, and leaves the connection as it is. */
export function raw(text: string): Step {
  return (_request, socket) => {
    socket.write(text);
  };
}

/** Writes this, then resets the connection. */
export function rawThenReset(text: string): Step {
  return (_request, socket) =>
    new Promise((resolve) => {
      const reset = (): void => {
        socket.resetAndDestroy();
        resolve();
      };
      if (text === "") reset();
      else socket.write(text, () => setImmediate(reset));
    });
}

/** Writes this, then ends our side of the connection in good order. */
export function rawThenEnd(text: string): Step {
  return (_request, socket) => {
    socket.end(text);
  };
}

/** Never answers. */
export function hang(): Step {
  return () => {};
}
