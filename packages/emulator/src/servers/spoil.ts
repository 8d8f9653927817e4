import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { nextTurn } from "@cloud-messaging/core/transport";
import type { Http2FaultKind, HttpFaultKind } from "../faults/faults.ts";

/** 64 MiB, in pieces. */
const OVERSIZED_PIECES = 1024;
const PIECE = Buffer.alloc(65_536, 0x20);

/** Kind of fault that changes the answer itself; `slow` only delays it. */
export type SpoiledKind = Exclude<HttpFaultKind, "slow">;

/** Fault applied to an answer. */
export interface Spoiling {
  readonly kind: SpoiledKind;
  /** True if the messages of the request were accepted. */
  readonly accept: boolean;
  /** Concurrent streams that are allowed from now on, of `lower-streams`. */
  readonly streams: number;
}

/** Answer before the fault. */
interface Answer {
  readonly status: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Answers a request as no good server would. */
export function spoil(response: ServerResponse | Http2ServerResponse, how: Spoiling, answer: Answer): void {
  const { kind } = how;
  response.on("error", () => {});
  const raw = response as ServerResponse;
  const body = Buffer.from(answer.body ?? "{}");
  const type = answer.contentType ?? "application/json; charset=UTF-8";
  const send = (contentType: string, text: string | Buffer): void => {
    raw.writeHead(200, { "content-type": contentType });
    raw.end(text);
  };
  switch (kind) {
    case "goaway":
    case "refuse-stream":
    case "lower-streams":
    case "close-session":
      if ("stream" in response)
        spoilSession(response, { ...how, kind }, () => {
          raw.writeHead(answer.status, { ...answer.headers, "content-type": type });
          raw.end(body);
        });
      return;
    case "reset-after-body": {
      // over HTTP/1.1 an announced length would be the body's end
      const length = "stream" in response ? { "content-length": body.length } : {};
      writePart(raw, { ...answer.headers, "content-type": type, ...length }, body, () => reset(response));
      return;
    }
    case "reset-before-headers":
      reset(response);
      return;
    case "close-before-headers":
      if ("stream" in response) response.stream.close();
      else raw.socket?.end();
      return;
    case "reset-after-headers":
      writePart(raw, { "content-type": type, "content-length": body.length }, undefined, () => reset(response));
      return;
    case "reset-in-body":
    case "truncate": {
      const half = body.subarray(0, Math.max(1, body.length >> 1));
      writePart(raw, { "content-type": type, "content-length": body.length + 1 }, half, () => {
        if (kind === "reset-in-body") reset(response);
        else if ("stream" in response) response.stream.close();
        else raw.socket?.end();
      });
      return;
    }
    case "hang":
      return; // the socket guard, or the client, ends it
    case "html":
      send("text/html; charset=UTF-8", "<html><body><h1>Welcome to our proxy</h1></body></html>\n");
      return;
    case "empty":
      send(type, "");
      return;
    case "not-json":
      send(type, '{"multicast_id":');
      return;
    case "wrong-length":
      send(type, oneResultLess(body.toString()));
      return;
    case "wrong-type":
      send("text/plain; charset=UTF-8", body);
      return;
    case "oversized":
      sendOversized(raw);
      return;
    case "garbage":
      if ("stream" in response) response.stream.close(0x2);
      else raw.socket?.end("\u0000\u0001\u0002 this is not HTTP\r\n\r\n");
      return;
  }
}

/** @param write Writes the right answer. */
function spoilSession(
  response: Http2ServerResponse,
  { kind, accept, streams }: Spoiling & { readonly kind: Http2FaultKind },
  write: () => void,
): void {
  const { stream } = response;
  const { session } = stream;
  if (session === undefined) return; // it has ended already
  switch (kind) {
    case "goaway":
      if (accept) {
        write();
      } else {
        // a last stream before this one says that this one was not looked at
        session.goaway(constants.NGHTTP2_NO_ERROR, Math.max(0, (stream.id ?? 0) - 2));
        stream.close(constants.NGHTTP2_REFUSED_STREAM);
      }
      session.close();
      return;
    case "refuse-stream":
      stream.close(constants.NGHTTP2_REFUSED_STREAM);
      return;
    case "lower-streams":
      session.settings({ maxConcurrentStreams: streams });
      write();
      return;
    case "close-session":
      session.destroy();
      return;
  }
}

function reset(response: ServerResponse | Http2ServerResponse): void {
  if ("stream" in response) {
    response.stream.close(0x2); // INTERNAL_ERROR
    return;
  }
  // over TLS only the socket below can be reset
  const socket = response.socket as (Socket & { readonly _parent?: Socket }) | null;
  const below = socket?._parent ?? socket;
  below?.resetAndDestroy?.();
  socket?.destroy();
}

function writePart(
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  part: Buffer | undefined,
  then: () => void,
): void {
  response.writeHead(200, headers);
  if (part === undefined) {
    response.flushHeaders();
    nextTurn(then);
  } else response.write(part, () => void nextTurn(then));
}

function oneResultLess(body: string): string {
  const start = body.indexOf('"results":[');
  if (start === -1) return '{"multicast_id":1,"success":0,"failure":0,"canonical_ids":0,"results":[]}';
  const end = body.lastIndexOf("]");
  const last = body.lastIndexOf(",{", end);
  return `${body.slice(0, last > start ? last : start + '"results":['.length)}${body.slice(end)}`;
}

function sendOversized(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json; charset=UTF-8" });
  let left = OVERSIZED_PIECES;
  const more = (): void => {
    while (left > 0) {
      if (response.destroyed) return;
      left--;
      if (!response.write(PIECE)) {
        response.once("drain", more);
        return;
      }
    }
    response.end("{}");
  };
  more();
}
