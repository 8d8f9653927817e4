import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as it arrived whole. */
export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An answer: a status and what is sent as JSON, or as it is where it is text. */
export interface StubAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Google's services on one plain port: token endpoints (`/token`), messages, topics, groups. */
export interface GoogleStub extends AsyncDisposable {
  readonly origin: string;
  readonly requests: readonly StubRequest[];
  /** Answer of a token endpoint. */
  token: (request: StubRequest) => StubAnswer;
  /** Answer to any other request. */
  answer: (request: StubRequest) => StubAnswer;
}

export async function startGoogleStub(): Promise<GoogleStub> {
  const requests: StubRequest[] = [];
  const stub = {
    token: (): StubAnswer => ({
      status: 200,
      body: {
        access_token: "granted",
        expires_in: 3600,
        token_type: "Bearer",
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      },
    }),
    answer: (): StubAnswer => ({ status: 200, body: { name: "projects/demo/messages/1", notification_key: "key" } }),
  } as Pick<GoogleStub, "token" | "answer">;
  const server = createServer((incoming, response) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      body += chunk;
    });
    incoming.on("end", () => {
      const { method = "", url: path = "", headers } = incoming;
      const request = { method, path, headers, body };
      requests.push(request);
      const answer = path.endsWith("/token") ? stub.token(request) : stub.answer(request);
      // whoever reads it compares it with a clock that may be a test's own
      response.sendDate = false;
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(stub, {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}
