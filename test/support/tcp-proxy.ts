import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A proxy on loopback. */
export interface TcpProxy {
  readonly port: number;
  close(): Promise<void>;
}

/** Header of the PROXY protocol, version 1. */
export const proxyV1 = (address: string): Buffer => Buffer.from(`PROXY TCP4 ${address} 127.0.0.1 54321 5235\r\n`);

/** Header of the PROXY protocol, version 2. */
export const proxyV2 = (address: string): Buffer =>
  Buffer.concat([
    Buffer.from("0d0a0d0a000d0a515549540a2111000c", "hex"),
    Buffer.from(address.split(".").map(Number)),
    Buffer.from("7f000001d4311473", "hex"),
  ]);

/**
 * Starts a proxy that passes everything on to a port.
 *
 * @param how `header`: bytes that begin each connection to the port. `tls`: certificate and key, PEM, of a proxy that ends TLS.
 */
export async function startTcpProxy(
  port: number,
  { header, tls }: { readonly header?: Buffer; readonly tls?: { readonly cert: string; readonly key: string } },
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const pass = (client: Socket): void => {
    const target = connect(port, "127.0.0.1");
    for (const [socket, other] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    if (header !== undefined) target.write(header);
    client.pipe(target).pipe(client);
  };
  const server = tls === undefined ? createServer(pass) : createTlsServer(tls, pass);
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
