import type { IncomingHttpHeaders } from "node:http";
import { isPastError } from "./http-client.ts";
import { textOf } from "./http-text.ts";

/** Answer to a request over HTTP/1.1, as far as it was received. */
export class PartialAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  #first: Buffer | undefined;
  #more: Buffer[] | undefined;
  #bytes = 0;

  constructor(status: number, headers: IncomingHttpHeaders) {
    this.status = status;
    this.headers = headers;
  }

  /** Adds a chunk of the body. @returns `false` if the body is longer than `maxBytes`. */
  add(chunk: Buffer, maxBytes: number): boolean {
    const before = this.#bytes;
    this.#bytes += chunk.length;
    if (this.#bytes > maxBytes) return false;
    if (isPastError(this.status, before)) return true; // dropped
    if (this.#first === undefined) this.#first = chunk;
    else {
      this.#more ??= [this.#first];
      this.#more.push(chunk);
    }
    return true;
  }

  /** The body so far. */
  text(): string {
    return textOf(this.#more === undefined ? this.#first : Buffer.concat(this.#more));
  }
}
