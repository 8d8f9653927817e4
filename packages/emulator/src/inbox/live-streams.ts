import type { ServerResponse } from "node:http";
import type { HttpResponse } from "@cloud-messaging/connection-server";

/** Endless answer: text is written as it arises, until client or server ends it. */
export interface HttpStream {
  readonly stream: (write: (text: string) => void) => () => void;
  readonly contentType: string;
}

/** Maximum unread data of one reader; beyond it the reader is disconnected, and a page reconnects and catches up. Implementation limit. Unit: bytes. */
const MAX_UNREAD_BYTES = 8 * 1_048_576;
/** Maximum unread data of all readers together; beyond it the slowest one is disconnected. Implementation limit. Unit: bytes. */
const MAX_UNREAD_BYTES_OF_ALL = 4 * MAX_UNREAD_BYTES;

/** Endless answers. Slow readers are disconnected instead of applying backpressure, so that memory is bounded. */
export class LiveStreams {
  readonly #open = new Map<ServerResponse, () => void>();

  /** Begins an endless answer. */
  start({ contentType, stream }: HttpStream, response: HttpResponse): void {
    const raw = response as ServerResponse;
    // disables buffering in nginx
    raw.writeHead(200, { "content-type": contentType, "cache-control": "no-store", "x-accel-buffering": "no" });
    raw.write("\n");
    const stop = stream((text) => {
      if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy();
      else raw.write(text);
      if (raw.writableLength > 0) this.#letFurthestBehindGo();
    });
    const end = (): void => {
      this.#open.delete(raw);
      stop();
      raw.end();
    };
    this.#open.set(raw, end);
    raw.on("close", end);
    raw.on("error", () => {});
  }

  /** Ends every answer. */
  endAll(): void {
    for (const end of [...this.#open.values()]) end();
  }

  #letFurthestBehindGo(): void {
    let unread = 0;
    let furthest: ServerResponse | undefined;
    for (const raw of this.#open.keys()) {
      if (raw.destroyed) continue;
      unread += raw.writableLength;
      if (furthest === undefined || raw.writableLength > furthest.writableLength) furthest = raw;
    }
    if (unread > MAX_UNREAD_BYTES_OF_ALL) furthest?.destroy();
  }
}
