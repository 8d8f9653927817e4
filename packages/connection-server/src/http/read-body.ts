import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";

/** Node's request of either HTTP version. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;

/**
 * Reads a body as UTF-8.
 *
 * @param maxBytes Unit: bytes.
 * @returns `too-large` as soon as that is known, with the rest left unread; `gone` when the client went away before the end.
 */
export function readBody(request: NodeRequest, maxBytes: number): Promise<string | { problem: "too-large" | "gone" }> {
  if (Number(request.headers["content-length"]) > maxBytes) return Promise.resolve({ problem: "too-large" });
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const finish = (result: string | { problem: "too-large" | "gone" }): void => {
      request.off("data", onData);
      resolve(result);
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) finish({ problem: "too-large" });
      else chunks.push(chunk);
    };
    request.on("data", onData);
    request.once("end", () => finish(Buffer.concat(chunks).toString("utf8")));
    request.once("error", () => finish({ problem: "gone" }));
    request.once("close", () => finish({ problem: "gone" }));
  });
}
