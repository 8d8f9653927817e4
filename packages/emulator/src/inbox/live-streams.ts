import type { ServerResponse } from "node:http";
import type { HttpResponse } from "@cloud-messaging/connection-server";

/** An answer without an end: text written as it comes, until the client or the server goes. */
export interface HttpStream {
  readonly stream: (write: (text: string) => void) => () => void;
  readonly contentType: string;
}

/** A reader of live events that leaves more unread is let go; a page connects again and catches up. Unit: bytes. Ours. */
const MAX_UNREAD_BYTES = 8 * 1_048_576;
/** What all readers together leave unread at most; beyond that, the one furthest behind is let go. Unit: bytes. Ours. */
const MAX_UNREAD_BYTES_OF_ALL = 4 * MAX_UNREAD_BYTES;

/** Answers without an end. Who does not read is cut off rather than waited for: memory is bounded whatever their number. */
export class LiveStreams {
  readonly #open = new Map<ServerResponse, () => void>();

  /** Begins one. */
  start({ contentType, stream }: HttpStream, response: HttpResponse): void {
    const raw = response as ServerResponse;
    // nginx would collect what is written until its buffer is full
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

  /** Ends all of them. */
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
