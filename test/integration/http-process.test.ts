import { spawn } from "node:child_process";
import { createServer, type Server, type Socket } from "node:net";
import { parseDownstreamMessage } from "@cloud-messaging/core/transport";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answer, hang, rawThenReset, startFaultServer } from "../support/fault-server.ts";

/** Runs a program that ends by itself or not at all; resolves with what it printed. */
async function run(
  program: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: import.meta.dirname,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

const PROGRAM = `
  import { createGcmSender } from "@cloud-messaging/http-sender";
  const sender = createGcmSender({ apiKey: "AIza-EXAMPLE", endpoint: process.env.ENDPOINT, requestTimeoutMs: Number(process.env.TIMEOUT ?? 60_000), retry: false });
  const { outcomes } = await sender.send({ target: { token: "tok-a" } });
`;

describe("a process that has sent", () => {
  it.each([
    ["an answer", answer(200, '{"results":[{"message_id":"0:1"}]}'), "accepted"],
    ["no answer at all", hang(), "ambiguous timeout"],
    ["a reset", rawThenReset(""), "ambiguous connection-lost"],
  ])("ends by itself after close(): %s", async (_, step, expected) => {
    await using server = await startFaultServer();
    server.script(step);
    const { code, output } = await run(
      `${PROGRAM} await sender.close(); console.log(outcomes[0].kind, outcomes[0].code ?? "");`,
      { ENDPOINT: server.origin, ...(expected.includes("timeout") ? { TIMEOUT: "300" } : {}) },
    );
    expect(output.trim()).toBe(expected);
    expect(code).toBe(0);
  });

  it("ends by itself even where close() was forgotten: idle connections hold nobody", async () => {
    await using server = await startFaultServer();
    const { code, output } = await run(`${PROGRAM} console.log(outcomes[0].kind);`, { ENDPOINT: server.origin });
    expect(output.trim()).toBe("accepted");
    expect(code).toBe(0);
  });

  it("keeps the key to itself whatever is printed", async () => {
    await using server = await startFaultServer();
    server.script(answer(401, "Authorization: key=AIza-EXAMPLE is no good"));
    const { output } = await run(
      `${PROGRAM}
       import { inspect } from "node:util";
       console.log(inspect({ sender, outcomes }, { depth: 20, showHidden: true }), JSON.stringify({ sender, outcomes }));
       await sender.close();`,
      { ENDPOINT: server.origin },
    );
    expect(output).toContain("authentication-failed");
    expect(output).not.toContain("AIza-EXAMPLE");
  });
});

describe("proxies of the environment", () => {
  let proxy: Server;
  let proxyUrl: string;
  let asked: string[];
  const before = { ...process.env };
  const message = parseDownstreamMessage({ target: { token: "tok-a" } });

  beforeEach(async () => {
    asked = [];
    for (const name of ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"])
      delete process.env[name];
    proxy = createServer((socket: Socket) => {
      socket.on("error", () => {});
      socket.once("data", (chunk) => {
        asked.push(/^CONNECT (\S+)/.exec(chunk.toString())?.[1] ?? "");
        socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    proxyUrl = `http://127.0.0.1:${(proxy.address() as { port: number }).port}`;
  });
  afterEach(async () => {
    process.env = { ...before };
    await new Promise((resolve) => proxy.close(resolve));
  });

  const sendTo = async (endpoint: string, options: object = {}) => {
    await using transport = createGcmHttpTransport({ apiKey: "AIza-EXAMPLE", endpoint, ...options });
    return (await transport.send(message)).outcomes[0];
  };

  it("HTTPS_PROXY is used", async () => {
    process.env["HTTPS_PROXY"] = proxyUrl;
    expect(await sendTo("https://gcm.invalid/gcm/send")).toMatchObject({
      kind: "retryable",
      code: "connection-failed",
      detail: expect.stringMatching(/403/),
    });
    expect(asked).toEqual(["gcm.invalid:443"]);
  });

  it("NO_PROXY takes hosts out of it, and `proxy: false` all of them", async () => {
    process.env["HTTPS_PROXY"] = proxyUrl;
    process.env["NO_PROXY"] = ".invalid";
    expect(await sendTo("https://gcm.invalid/gcm/send")).toMatchObject({ code: "connection-failed" });
    delete process.env["NO_PROXY"];
    expect(await sendTo("https://gcm.invalid/gcm/send", { proxy: false })).toMatchObject({ code: "connection-failed" });
    expect(asked).toEqual([]);
  });

  it("this machine is never asked for through one", async () => {
    await using server = await startFaultServer();
    process.env["HTTP_PROXY"] = proxyUrl;
    process.env["HTTPS_PROXY"] = proxyUrl;
    expect(await sendTo(server.origin)).toMatchObject({ kind: "accepted" });
    expect(asked).toEqual([]);
  });
});
