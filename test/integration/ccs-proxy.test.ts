import { createServer, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { createCcsClient } from "@cloud-messaging/ccs-client";
import { InvalidOptionsError, subscribe } from "@cloud-messaging/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { startScriptedServer } from "../support/ccs-scripted-server.ts";

/** A proxy that leads to one port whatever it is asked for, or refuses. */
async function startProxy(port: number, refusal?: string) {
  const asked: { readonly authority: string | undefined; readonly authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connect", (request: IncomingMessage, socket: Socket) => {
    sockets.add(socket);
    asked.push({ authority: request.url, authorization: request.headers["proxy-authorization"] });
    socket.on("error", () => undefined);
    if (refusal !== undefined) {
      socket.end(refusal);
      return;
    }
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      socket.pipe(onward).pipe(socket);
    });
    sockets.add(onward);
    onward.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    address,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Reason for which the next connection attempt ends. */
function nextFailure(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const stop = subscribe("cloud-messaging:ccs-connection", ({ phase, reason }) => {
      if (phase !== "closed") return;
      stop();
      resolve(reason);
    });
  });
}

const message = { target: { token: "tok-a" }, data: { n: "1" } };
const account = { senderId: "1234567890", apiKey: "AIza-EXAMPLE" };

/** No proxy of the machine's own. */
function environment(variables: Readonly<Record<string, string>>): void {
  for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"]) {
    vi.stubEnv(name, variables[name]);
  }
}
afterEach(() => vi.unstubAllEnvs());

describe("CCS through a proxy", () => {
  it("asks it for the connection, logs in over TLS with CCS itself, and sends", async () => {
    await using server = await startScriptedServer();
    await using proxy = await startProxy(server.port);
    await using client = createCcsClient({
      ...account,
      tls: { ca: server.ca },
      proxy: `http://us%40er:p%25ss@${proxy.address}`,
    });
    const connection = await server.next();
    connection.ackAll();
    const { outcomes } = await client.send(message);
    expect(outcomes).toMatchObject([{ kind: "accepted" }]);
    expect(proxy.asked).toEqual([
      {
        authority: "gcm.googleapis.com:5235",
        authorization: `Basic ${Buffer.from("us@er:p%ss").toString("base64")}`,
      },
    ]);
    await client.close();
    await connection.until(() => connection.closed);
  });

  it("verifies the certificate for the name of CCS, which the proxy cannot change", async () => {
    await using server = await startScriptedServer();
    await using proxy = await startProxy(server.port);
    const failure = nextFailure();
    await using _client = createCcsClient({
      ...account,
      host: "ccs.example.com",
      tls: { ca: server.ca },
      proxy: `http://${proxy.address}`,
    });
    expect(await failure).toMatch(/ccs\.example\.com.*altnames.*ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(server.connections).toEqual([]);
  });

  it.each<[string, Record<string, string>, boolean, object?]>([
    ["that HTTPS_PROXY names", { HTTPS_PROXY: "http://PROXY" }, true],
    ["that HTTP_PROXY names, where HTTPS_PROXY names none", { HTTP_PROXY: "http://PROXY" }, true],
    ["but for hosts in NO_PROXY", { HTTPS_PROXY: "http://PROXY", NO_PROXY: "invalid" }, false],
    ["but with proxy: false", { HTTPS_PROXY: "http://PROXY" }, false, { proxy: false }],
  ])("%s goes there without an option", async (_, variables, through, options = {}) => {
    await using server = await startScriptedServer();
    await using proxy = await startProxy(server.port);
    environment(
      Object.fromEntries(
        Object.entries(variables).map(([name, value]) => [name, value.replace("PROXY", proxy.address)]),
      ),
    );
    const failure = nextFailure();
    await using client = createCcsClient({
      ...account,
      ...options,
      // a name that nobody can look up but the proxy
      host: "ccs.invalid",
      tls: { ca: server.ca, servername: "gcm.googleapis.com" },
    });
    if (through) await client.ready();
    else expect(await failure).toMatch(/ENOTFOUND|EAI_AGAIN/);
    expect(proxy.asked.map(({ authority }) => authority)).toEqual(through ? ["ccs.invalid:5235"] : []);
  });

  it("is left aside for a loopback host, whatever the environment says", async () => {
    await using server = await startScriptedServer();
    environment({ HTTPS_PROXY: "http://127.0.0.1:1" });
    await using client = createCcsClient(server.options());
    await client.ready();
  });

  it("that refuses is a failed attempt with its words, and without the password that it repeats", async () => {
    const secret = Buffer.from("user:hunter22").toString("base64");
    await using proxy = await startProxy(0, `HTTP/1.1 407 Who is hunter22, ${secret}\r\n\r\n`);
    const failure = nextFailure();
    await using client = createCcsClient({ ...account, proxy: `http://user:hunter22@${proxy.address}` });
    expect(await failure).toBe(
      "no connection to gcm.googleapis.com:5235: the proxy refused the connection: HTTP 407 Who is …, …",
    );
    expect(client.lastError?.message).not.toContain("hunter22");
  });

  it("that is not there is a failed attempt with the system's words", async () => {
    const failure = nextFailure();
    await using _client = createCcsClient({ ...account, proxy: "http://127.0.0.1:1" });
    expect(await failure).toMatch(/the proxy made no connection: connect ECONNREFUSED 127\.0\.0\.1:1/);
  });

  it("that never answers ends with the time limit of the attempt, and with close()", async () => {
    const held: Socket[] = [];
    const silent = createServer().on("connect", (_, socket) => held.push(socket as Socket));
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    const failure = nextFailure();
    const client = createCcsClient({ ...account, proxy: `http://127.0.0.1:${port}`, connectTimeoutMs: 20 });
    expect(await failure).toMatch(/No TLS connection came about in time \(20 ms\)/);
    await client.close();
    for (const socket of held) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it("that cannot be used is refused by name, and its address is not told", () => {
    environment({ HTTPS_PROXY: "socks5://user:hunter22@127.0.0.1:1080" });
    expect(() => createCcsClient(account)).toThrow(InvalidOptionsError);
    expect(() => createCcsClient(account)).toThrow(/proxy: \(from HTTPS_PROXY\) must be the http: or https: URL/);
    expect(() => createCcsClient({ ...account, proxy: "proxy.corp:3128" })).toThrow(
      /proxy: must be the http: or https: URL of a proxy; false for none/,
    );
    expect(() => createCcsClient({ ...account, proxy: true as never })).toThrow(/proxy: must be the URL of a proxy/);
  });
});
