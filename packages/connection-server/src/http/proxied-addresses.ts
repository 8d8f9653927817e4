import type { Server, Socket } from "node:net";
import { callListener } from "@cloud-messaging/core/transport";
import { readProxyHeader } from "./proxy-header.ts";

/**
 * PROXY protocol, versions 1 and 2: each connection has to begin with a header, before TLS, in which a proxy names the client's address. A
 * header is believed: nobody but the proxy may be able to reach the port, or `isProxy` has to know it.
 */
export interface ProxyProtocolOptions {
  /** True for the address of a proxy; a connection from another one is closed before anything is read. @defaultValue every address is */
  readonly isProxy?: (remoteAddress: string | undefined) => boolean;
  /** Called for a connection that was closed: it is not from a proxy, or its header is malformed or has not come in time. */
  readonly onRefused: (refused: { readonly problem: string; readonly remoteAddress: string | undefined }) => void;
}

type Peer = Pick<Socket, "remoteAddress" | "remotePort">;

/** Addresses of the clients of a server, by the connections of its proxy. */
export class ProxiedAddresses {
  readonly #byPeer = new Map<string, string | undefined>();

  /**
   * Has each connection of a server begin with a header. Takes the place of the listeners that are there, which get the connection after its
   * header; to be called before others are added, which get it at once.
   *
   * @param timeoutMs Time limit of the header. Unit: milliseconds.
   */
  expect(server: Server, timeoutMs: number, { isProxy = () => true, onRefused }: ProxyProtocolOptions): void {
    const listeners = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      const peer = nameOf(socket);
      const { remoteAddress } = socket;
      socket.on("error", () => {}); // "close" follows
      const refuse = (problem: string): void => {
        socket.destroy();
        const refused = { problem, remoteAddress };
        callListener("connection-server", "refusal-listener-failed", onRefused, refused);
      };
      if (!isProxy(remoteAddress)) return refuse("The connection is not from a proxy that is listed");
      const refuseHeader = (problem: string): void => {
        stop();
        refuse(`The header of the PROXY protocol is refused: ${problem}`);
      };
      const timer = setTimeout(() => refuseHeader("it has not come in time"), timeoutMs);
      let start: Buffer = Buffer.alloc(0);
      const read = (): void => {
        for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
          start = Buffer.concat([start, chunk]);
        }
        const header = readProxyHeader(start);
        if (header.kind === "malformed") refuseHeader(header.problem);
        if (header.kind !== "header") return;
        stop();
        this.#byPeer.set(peer, header.address);
        socket.once("close", () => this.#byPeer.delete(peer));
        if (start.length > header.bytes) socket.unshift(start.subarray(header.bytes));
        // by then the stream knows that nobody reads it, and starts for the next reader
        process.nextTick(() => {
          for (const listener of listeners) listener.call(server, socket);
        });
      };
      const stop = (): void => {
        clearTimeout(timer);
        socket.off("readable", read);
        socket.off("close", stop);
      };
      socket.on("close", stop);
      socket.on("readable", read);
    });
  }

  /** Address of a connection's client: of the header if there was one, else the connection's own; `undefined`: not known. */
  of(socket: Peer): string | undefined {
    if (this.#byPeer.size === 0) return socket.remoteAddress;
    const peer = nameOf(socket);
    return this.#byPeer.has(peer) ? this.#byPeer.get(peer) : socket.remoteAddress;
  }
}

const nameOf = ({ remoteAddress, remotePort }: Peer): string => `${remoteAddress} ${remotePort}`;
