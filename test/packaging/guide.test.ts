import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const guide = readFileSync(join(root, "docs/guide.md"), "utf8");

/** The guide's server as it is written, against an emulator; ended when left. */
async function startServer(emulatorHost: string) {
  const program = /```js file=server\.mjs\n([\s\S]*?)```/.exec(guide)?.[1] as string;
  const folder = mkdtempSync(join(root, "examples", ".guide-"));
  writeFileSync(join(folder, "server.mjs"), program);
  const child: ChildProcess = spawn(process.execPath, [join(folder, "server.mjs")], {
    env: { ...process.env, PORT: "0", CLOUD_MESSAGING_EMULATOR_HOST: emulatorHost },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const printed: string[] = [];
  lines.on("line", (line) => printed.push(line));
  const [first] = await Promise.race([
    once(lines, "line"),
    ended.then(([code]) => {
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`the guide's server ended with ${code} before it said a word`);
    }),
  ]);
  return {
    url: `http://127.0.0.1:${first.replace("port ", "")}`,
    printed,
    async terminate() {
      child.kill("SIGTERM");
      return (await ended)[0] as number | null;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

describe("the guide", () => {
  it("has a server that sends as written, answers a caller's mistake, and ends cleanly when told to", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await using server = await startServer(new URL(emulator.httpUrl).host);
    const post = async (path: string, body: unknown) => {
      const response = await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) });
      return `${response.status} ${await response.text()}`;
    };
    expect(await post("/register", { user: "ada", token: phone.token })).toBe("200 registered\n");
    expect(await post("/send", { user: "ada" })).toBe("200 accepted\n");
    expect(phone.received).toMatchObject([{ data: { hello: "there" } }]);
    expect(await post("/register", { user: "ada", token: "not a token" })).toMatch(/^400 .*white space/);
    expect(await server.terminate()).toBe(0);
    expect(server.printed.at(-1)).toBe("closed");
  });

  it("has a server that no request brings down, and that ends cleanly afterwards", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await using server = await startServer(new URL(emulator.httpUrl).host);
    const { port } = new URL(server.url);
    /** The status of the answer to bytes as they are; `none` where the connection ends without one. */
    const raw = (request: string, then: "hang up" | "listen" = "listen") =>
      new Promise<string>((resolve) => {
        let answer = "";
        const socket = connect(Number(port), "127.0.0.1", () => {
          socket.write(request);
          if (then === "hang up") socket.end();
        });
        socket.setEncoding("latin1").on("data", (text: string) => {
          answer += text;
        });
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? "none"));
      });
    const request = (line: string, body = "") =>
      raw(`${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    expect(await request("GET /%ZZ")).toBe("404");
    expect(await request("GET /register/%E0%A4%A")).toBe("404");
    expect(await request("GET //[")).toBe("404");
    expect(await request("GET /send")).toBe("405");
    for (const body of [
      "",
      "{",
      "null",
      "[]",
      "1",
      '"x"',
      '{"user":1}',
      '{"user":{"toString":1}}',
      `"${"x".repeat(99_999)}"`,
    ]) {
      expect(await request("POST /send", body), body.slice(0, 30)).toBe("400");
    }
    for (const token of [null, 1, {}, [], "", " ", "\u0000", "x".repeat(9_000)]) {
      expect(await request("POST /register", JSON.stringify({ user: "ada", token })), JSON.stringify(token)).toBe(
        "400",
      );
    }
    expect(await request("POST /register", '{"user":"__proto__"}')).toBe("400");
    expect(await raw("POST /send HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{", "hang up")).not.toBe("200");
    expect(await raw("NONSENSE\r\n\r\n")).toBe("400");
    const body = JSON.stringify({ user: "ada", token: phone.token });
    expect(await request("POST /register?x=%ZZ", body)).toBe("200");
    expect(await request("POST /send", body)).toBe("200");
    expect(await server.terminate()).toBe(0);
  });
});

describe("every page", () => {
  const below = (folder: string) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((file) => `${folder}/${String(file).replaceAll("\\", "/")}`)
      .filter((file) => file.endsWith(".md"));
  const packages = readdirSync(join(root, "packages"));
  const pages = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    ...below("docs"),
    ...packages.map((name) => `packages/${name}/README.md`),
    ...packages.flatMap((name) => below(`packages/${name}/docs`)),
  ];
  const textOf = (page: string) => readFileSync(join(root, page), "utf8").replace(/```[\s\S]*?```/g, "");
  /** As GitHub makes them. */
  const anchorsOf = (page: string) =>
    [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replace(/\s/g, "-"),
    );

  it.each(pages)("%s links to nothing that does not exist", (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!\w+:)([^)\s]+)\)|src(?:set)?="(?!\w+:)([^"]+)"/g)];
    const broken = links
      .map((match) => (match[1] ?? match[2]) as string)
      .filter((link) => {
        const [path = "", anchor] = link.split("#");
        const file = path === "" ? page : resolve(root, dirname(page), path).slice(root.length + 1);
        if (!existsSync(join(root, file))) return true;
        return anchor !== undefined && file.endsWith(".md") && !anchorsOf(file).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it.each(packages)("the README of %s stands by itself where it is published", (name) => {
    const readme = textOf(`packages/${name}/README.md`);
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]*)/g)].map(([, link]) => link as string);
    expect(links).toEqual(expect.arrayContaining(["api.md", "docs/SECURITY.md"]));
    const { files } = JSON.parse(readFileSync(join(root, `packages/${name}/package.json`), "utf8"));
    expect(files).toEqual(expect.arrayContaining(["api.md", "docs"]));
    expect(readFileSync(join(root, `packages/${name}/README.md`), "utf8")).toContain(`@cloud-messaging/${name}`);
  });
});
