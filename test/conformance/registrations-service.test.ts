import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, describe, expect, it } from "vitest";
import { runsPostgres, startPostgres } from "../support/postgres.ts";
import { programEnvironment } from "../support/program-environment.ts";

const EXAMPLE = join(import.meta.dirname, "../../examples/fastify/server.mjs");
const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of cleanUp.splice(0).reverse()) await each();
});

/** The service in a process of its own, as written. */
async function startService(options: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [EXAMPLE, "--port", "0", ...options], {
    env: programEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  cleanUp.push(() => child.kill("SIGKILL"));
  const closed = once(child, "close");
  let errors = "";
  child.stderr?.on("data", (chunk) => (errors += chunk));
  const said: Record<string, string> = {};
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
    const [name = "", value = ""] = line.split(/: (.*)/);
    said[name] = value;
    if (name === "the service key") break;
  }
  if (said["the service key"] === undefined) throw new Error(`the service does not start: ${errors}`);
  const call = async (method: string, path: string, bearer: string | undefined, body?: unknown) => {
    const response = await fetch(`${said["listening"]}${path}`, {
      method,
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const answer = await response.text();
    return { status: response.status, body: answer === "" ? undefined : (JSON.parse(answer) as unknown) };
  };
  return {
    call,
    said,
    errors: () => errors,
    async stop() {
      child.kill("SIGTERM");
      const [code] = await closed;
      return code as number | null;
    },
    async kill() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "registrations-service-"));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

const STORES = {
  lmdb: async () => ["--path", join(newFolder(), "db")],
  PostgreSQL: async () => {
    const server = await startPostgres();
    cleanUp.push(() => server[Symbol.asyncDispose]());
    return ["--postgres", server.url];
  },
};

describe.each(Object.entries(STORES))("the example of a service with its registrations in %s", (name, start) => {
  const test = it.skipIf(name === "PostgreSQL" && !runsPostgres);

  test("registers, sends, signs out, and has what was confirmed after kill -9", async () => {
    const options = await start();
    const first = await startService(options);
    const { "a phone of the emulator": phone = "", "a session of ada": ada, "the service key": key } = first.said;
    const grace = first.said["a session of grace"];

    expect((await first.call("PUT", "/registrations", ada, { token: phone, platform: "android" })).status).toBe(204);
    expect(await first.call("POST", "/messages", key, { userId: "ada", data: { score: "5:1" } })).toEqual({
      status: 200,
      body: { outcomes: [{ kind: "accepted" }] },
    });
    // two users, one phone: what is sent to ada does not show on grace's screen
    expect((await first.call("PUT", "/registrations", grace, { token: phone })).status).toBe(204);
    expect((await first.call("POST", "/messages", key, { userId: "ada", data: { a: "b" } })).body).toEqual({
      outcomes: [],
    });
    expect((await first.call("PUT", "/registrations", ada, { token: "gone-since" })).status).toBe(204);
    const { body } = await first.call("POST", "/messages", key, { userId: "ada", data: { a: "b" } });
    expect(body).toMatchObject({ outcomes: [{ kind: "unregistered" }] });
    expect((await first.call("GET", "/health", undefined)).body).toMatchObject({ registrations: 1, users: 1 });
    await first.kill();

    const second = await startService(options);
    expect((await second.call("GET", "/health", undefined)).body).toMatchObject({ registrations: 1, users: 1 });
    const again = second.said["a session of grace"];
    expect((await second.call("POST", "/sign-out", again, { token: phone })).status).toBe(204);
    expect((await second.call("POST", "/sign-out", again, { token: phone })).status).toBe(204);
    expect((await second.call("GET", "/health", undefined)).body).toMatchObject({ registrations: 0, users: 0 });
    expect(await second.stop()).toBe(0);
    expect(second.errors()).toBe("");
  });

  it.runIf(name === "lmdb")("refuses malformed and hostile requests, stores nothing of them, and goes on", async () => {
    const service = await startService(await start());
    const { call, said } = service;
    const { "a session of ada": ada = "", "a session of grace": grace = "", "the service key": key = "" } = said;
    const token = "a-good-token";

    // who is not who they say they are
    const [adaId] = ada.split(".");
    const [, graceMac] = grace.split(".");
    for (const bearer of [undefined, "", ".", "..", `${adaId}.`, `${adaId}.${graceMac}`, `${adaId}.x`, key, "\u00e4"]) {
      expect((await call("PUT", "/registrations", bearer, { token })).status, String(bearer)).toBe(401);
      expect((await call("POST", "/sign-out", bearer, { token })).status).toBe(401);
    }
    for (const bearer of [undefined, "", ada, `${key}x`, key.slice(1)]) {
      expect((await call("POST", "/messages", bearer, { userId: "ada", data: {} })).status).toBe(401);
    }

    // bodies that hold something else
    const bodies = [
      "{",
      "null",
      "[]",
      '"x"',
      "{}",
      '{"token":7}',
      '{"token":""}',
      '{"token":null}',
      '{"token":["a"]}',
      '{"token":"with space"}',
      '{"token":"t","attributes":"a"}',
      '{"token":"t","attributes":{"a":{"b":1}}}',
      '{"__proto__":{"token":"t"}}',
      '{"token":"t","constructor":{"prototype":{"x":1}}}',
      JSON.stringify({ token: "t".repeat(4_097) }),
      JSON.stringify({ token: "t", platform: "p".repeat(33) }),
      JSON.stringify({ token: "t", locale: "a\u0000b" }),
      JSON.stringify({ token: "t\ud800" }),
      JSON.stringify({
        token: "t",
        attributes: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`a${n}`, ""])),
      }),
      `{"token":"${"[".repeat(5_000)}`,
    ];
    for (const body of bodies) {
      const { status, body: answer } = await call("PUT", "/registrations", ada, body);
      expect([400, 413], `${body.slice(0, 80)}: ${JSON.stringify(answer)}`).toContain(status);
    }
    expect(
      (await call("PUT", "/registrations", ada, JSON.stringify({ token: "t", x: "y".repeat(100_000) }))).status,
    ).toBe(413);
    for (const body of [
      "{",
      "{}",
      '{"userId":7,"data":{}}',
      '{"userId":"ada","data":{"from":"x"}}',
      '{"userId":"ada","data":{"a":{}}}',
      '{"userId":"ada","notification":{"title":7}}',
      '{"userId":"ada","notification":7}',
      '{"userId":"ada","timeToLiveSec":-1}',
      '{"userId":"","data":{}}',
    ]) {
      const { status, body: answer } = await call("POST", "/messages", key, body);
      expect([200, 400], `${body}: ${JSON.stringify(answer)}`).toContain(status);
      if (status === 200) expect(answer).toEqual({ outcomes: [] });
    }
    for (const path of ["/nothing", "/registrations/../x", "/%00", `/${"x".repeat(8_000)}`]) {
      expect((await call("GET", path, undefined)).status).toBe(404);
    }
    // no HTTP at all
    const socket = connect(Number(new URL(said["listening"] ?? "").port), "127.0.0.1");
    socket.on("error", () => {});
    socket.end("\u0016\u0003\u0001garbage\r\n\r\n");
    socket.resume();
    await once(socket, "close");

    expect((await call("GET", "/health", undefined)).body).toMatchObject({ registrations: 0, users: 0 });
    const many = Array.from({ length: 100 }, (_, n) =>
      call("PUT", "/registrations", n % 2 ? ada : grace, { token: `t-${n}` }),
    );
    expect(new Set((await Promise.all(many)).map(({ status }) => status))).toEqual(new Set([204]));
    expect((await call("GET", "/health", undefined)).body).toMatchObject({ registrations: 100, users: 2 });
    expect(await service.stop()).toBe(0);
    expect(service.errors()).toBe("");
  });
});
