import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import * as core from "@cloud-messaging/core";
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
    const get = async (path: string) => {
      const response = await fetch(server.url + path);
      return `${response.status} ${await response.text()}`;
    };
    expect(await get(`/register/ada/${encodeURIComponent(phone.token)}`)).toBe("200 registered\n");
    expect(await get("/send/ada")).toBe("200 accepted\n");
    expect(phone.received).toMatchObject([{ data: { hello: "there" } }]);
    expect(await get("/register/ada/not%20a%20token")).toMatch(/^400 .*white space/);
    expect(await server.terminate()).toBe(0);
    expect(server.printed.at(-1)).toBe("closed");
  });

  it("lists the code of every error there is", () => {
    const errors = Object.values(core).filter(
      (value) => typeof value === "function" && value.prototype instanceof core.CloudMessagingError,
    );
    const source = readFileSync(join(root, "packages/core/src/errors.ts"), "utf8");
    const codes = [...source.matchAll(/readonly code = "(\w+)"/g)].map(([, code]) => code as string);
    expect(codes.length).toBe(errors.length);
    expect(codes.filter((code) => !guide.includes(`| \`${code}\` |`))).toEqual([]);
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
    ...below("docs"),
    ...packages.map((name) => `packages/${name}/README.md`),
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
    expect([...readme.matchAll(/\]\((?!https?:|#)([^)]*)\)/g)].map(([, link]) => link)).toEqual([]);
    expect(readFileSync(join(root, `packages/${name}/README.md`), "utf8")).toContain(`@cloud-messaging/${name}`);
  });
});
