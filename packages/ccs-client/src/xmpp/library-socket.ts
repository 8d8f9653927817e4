import { EventEmitter } from "node:events";

/** What the library takes for its socket: it may write, and hears that it is connected. */
export class LibrarySocket extends EventEmitter {
  readonly secure = true;
  readonly #write: (text: string, done: (error?: Error) => void) => void;

  constructor(write: (text: string, done: (error?: Error) => void) => void) {
    super();
    this.#write = write;
  }

  connect(): void {
    // connected from the start: `connect` is said when TLS is up
  }

  write(text: string, done: (error?: Error) => void): boolean {
    this.#write(text, done);
    return true;
  }

  end(): void {
    // only the stream ends its socket
  }
}
