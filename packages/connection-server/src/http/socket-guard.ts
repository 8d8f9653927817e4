import type { Server, Socket } from "node:net";

/** Maximum number of connections before a complete handshake or request; beyond it the oldest is closed. Implementation limit. */
const MAX_UNPROVEN = 1024;

/**
 * Knows every socket of a server: so that closing ends them all, and so that connections which never get anywhere (a handshake that is
 * never finished) are bounded in number and do not keep good clients out.
 */
export class SocketGuard {
  readonly #all = new Set<Socket>();
  readonly #unproven = new Map<string, Socket>();

  /** Follows the TCP connections of a server. */
  watch(server: Server): void {
    server.on("connection", (socket) => {
      this.#all.add(socket);
      const name = nameOf(socket);
      this.#unproven.set(name, socket);
      socket.on("error", () => {}); // its "close" follows; there is nobody to tell
      socket.once("close", () => {
        this.#all.delete(socket);
        if (this.#unproven.get(name) === socket) this.#unproven.delete(name);
      });
      if (this.#unproven.size > MAX_UNPROVEN) {
        const oldest = this.#unproven.values().next().value as Socket;
        this.#unproven.delete(nameOf(oldest));
        oldest.destroy();
      }
    });
  }

  /** The connection has come far enough to be kept. Takes the TCP socket or the TLS socket on top of it. */
  proven(socket: Pick<Socket, "remoteAddress" | "remotePort">): void {
    // asked with each request, and rarely of use
    if (this.#unproven.size > 0) this.#unproven.delete(nameOf(socket));
  }

  get size(): number {
    return this.#all.size;
  }

  closeAll(): void {
    for (const socket of this.#all) socket.destroy();
  }
}

const nameOf = ({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">): string =>
  `${remoteAddress} ${remotePort}`;
