import { EventEmitter } from "node:events";

/** Socket given to @xmpp/client: passes writes on and emits `connect`. */
export class LibrarySocket extends EventEmitter {
  readonly secure = true;
  readonly #write: (text: string, done: (error?: Error) => void) => void;

  constructor(write: (text: string, done: (error?: Error) => void) => void) {
    super();
    this.#write = write;
  }

  connect(): void {
    // nothing to do: `connect` is emitted when TLS is up
  }

  write(text: string, done: (error?: Error) => void): boolean {
    this.#write(text, done);
    return true;
  }

  end(): void {
    // nothing to do: the stream owns the real socket
  }
}
