import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { describe, expect, it } from "vitest";
import { LiveStreams } from "./live-streams.ts";

const MIB = 1_048_576;

describe("readers of live events that do not read", () => {
  it("are let go, those furthest behind first, so that all together cost little; who reads stays", async () => {
    const streams = new LiveStreams();
    const writers: ((text: string) => void)[] = [];
    const responses: ServerResponse[] = [];
    const server = createServer((_request, response) => {
      responses.push(response);
      streams.start(
        {
          contentType: "text/event-stream",
          stream: (write) => {
            writers.push(write);
            return () => {};
          },
        },
        response,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const open = async (reads: boolean) => {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await new Promise((resolve) => socket.once("data", resolve));
      if (reads) socket.resume();
      else socket.pause();
      return socket;
    };
    const sockets = [await open(true)];
    for (let i = 0; i < 10; i++) sockets.push(await open(false));

    const unread = (): number =>
      responses.reduce((sum, { writableLength, destroyed }) => sum + (destroyed ? 0 : writableLength), 0);
    let most = 0;
    for (let i = 0; i < 16; i++) {
      for (const [index, write] of writers.entries()) {
        write("x".repeat(MIB));
        most = Math.max(most, unread());
        if (index === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
    expect(most).toBeGreaterThan(8 * MIB);
    expect(most).toBeLessThan(34 * MIB);
    expect(responses[0]?.destroyed).toBe(false);
    expect(responses.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(0);

    streams.endAll();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
});
