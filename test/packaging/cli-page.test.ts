import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import * as program from "@cloud-messaging/cli";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { createGcmHttpTransport } from "@cloud-messaging/http-sender";
import { createOutbox } from "@cloud-messaging/outbox";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cliPage, withPart } from "../../scripts/cli-page.mjs";
import { cli, collector } from "../support/cli.ts";
import { installed } from "../support/programs.ts";

const PAGE = join(import.meta.dirname, "../../docs/cli.md");
const README = join(import.meta.dirname, "../../packages/cli/README.md");

let folder: string;
let emulator: Emulator;
let page: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-page-"));
  page = await readFile(PAGE, "utf8");
  emulator = await startEmulator();
  const { host, port } = emulator.ccsOptions();
  vi.stubEnv("CLOUD_MESSAGING_EMULATOR_HOST", new URL(emulator.httpUrl).host);
  vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CCS", `${host}:${port}`);
  vi.stubEnv("CLOUD_MESSAGING_EMULATOR_CA_FILE", join(folder, "ca.pem"));
  emulator.createDevice({ token: "TOKEN" });
  emulator.createDevice({ token: "OTHER" });
  const files = {
    "ca.pem": emulator.caCertificate,
    "service-account.json": JSON.stringify(emulator.fcm.serviceAccount()),
    "key.txt": "any-key",
    "message.json": '{"android":{"collapseKey":"a"}}',
    "tokens.csv": "token\nTOKEN\n",
    "apns-tokens.txt": "ab".repeat(32),
    "registrations.ndjson": '{"userId":"ada","token":"TOKEN","platform":"android"}\n',
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await emulator.close();
  await rm(folder, { recursive: true, force: true });
});

/** Arguments of a line as a shell reads them, with files in the test's folder; what is redirected into a file is left out. */
function argumentsOf(line: string): string[] {
  const words = line.replace(/ > \S+$/, "").match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => {
    const text = word.replace(/^(['"])(.*)\1$/, "$2");
    const file = text.replace(/^lmdb:\.\//, "");
    if (text !== file) return `lmdb:${join(folder, file)}`;
    return text.includes(".") && existsSync(join(folder, text)) ? join(folder, text) : text;
  });
}

describe("the page of the command line", () => {
  it("says of commands and problems what the program says: after a change, npm run docs:cli", () => {
    expect(page).toBe(cliPage(page, program));
  });

  it("shows a run as it is", async () => {
    const lines = [
      "cloud-messaging send --to TOKEN --title Hello",
      "cloud-messaging send --to UNINSTALLED --title Hello --protocol gcm",
      "cloud-messaging validate TOKEN OTHER",
      "cloud-messaging registrations import --file registrations.ndjson --store lmdb:./run",
      "cloud-messaging send --user ada --title 'For you' --store lmdb:./run --json",
      "cloud-messaging check --protocol ccs --sender-id 1234567890",
      "cloud-messaging send --to TOKEN --ttl soon",
    ];
    const parts: string[] = [];
    for (const line of lines) {
      const { out, err, status } = await cli(argumentsOf(line.replace("cloud-messaging ", "")));
      parts.push(`$ ${line}\n${out}${err}${status === 0 ? "" : `(status ${status})\n`}`);
    }
    const text = parts
      .join("\n")
      // what differs from run to run
      .replaceAll(/(0:)\d+%[0-9a-f]+/g, "$11795824000123456%31bd1c9631bd1c96")
      .replaceAll(/("sentAt":)\d+/g, "$11795824000123")
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:5235")
      .trimEnd();
    const written = withPart(page, "run", `\`\`\`text\n${text}\n\`\`\``);
    if (process.env["WRITE_CLI_RUN"] !== undefined) await writeFile(PAGE, written);
    expect(written).toBe(page);
  });

  it("has examples that run", async () => {
    const outbox = createOutbox({ path: join(folder, "outbox"), transport: createGcmHttpTransport({ apiKey: "any" }) });
    const sale = await outbox.enqueueAll({ data: { a: "1" } }, ["TOKEN"], { key: "spring-sale" });
    await outbox.work({ untilIdle: true });
    await outbox.close();
    vi.stubEnv("CLOUD_MESSAGING_OUTBOX_URL", `lmdb:${join(folder, "outbox")}`);
    const texts = [page, await readFile(README, "utf8")];
    const found = texts.flatMap((text) => [
      ...text.matchAll(/^ *(?:npx @cloud-messaging\/cli|cloud-messaging) (?!\[)(.*)$/gm),
    ]);
    const lines = [...new Set(found.map(([, line = ""]) => line))].filter((line) => !/^(emulator|gateway) /.test(line));
    expect(lines.length).toBeGreaterThan(25);
    const wrong: string[] = [];
    for (const line of lines) {
      const ending = new AbortController();
      const stdout = collector();
      const { write } = stdout;
      stdout.write = (text) => {
        // Ctrl-C
        if (line.startsWith("listen") && text.includes('"open"')) ending.abort();
        return write(text);
      };
      const stderr = collector();
      const args = argumentsOf(line).map((word) => (word === "ID" ? sale.id : word));
      const { run } = program.createCommandLine({ stdout, stderr, signal: ending.signal });
      const status = await run(args);
      if (status !== (line.startsWith("listen") ? 130 : 0))
        wrong.push(`${line}: ${status} ${stdout.text()}${stderr.text()}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("completion", () => {
  const completions = async (shell: "bash" | "zsh", ...words: readonly string[]): Promise<string[]> => {
    const { out } = await cli(["completion", shell]);
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const last = words.length - 1;
    const script = `${out}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${last}; _cloud_messaging; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout } = await promisify(execFile)("bash", ["--norc", "-c", script]);
    return stdout.split("\n").filter(Boolean);
  };

  it.runIf(installed("bash"))("of bash knows commands, their second words, options and values", async () => {
    expect(await completions("bash", "cloud-messaging", "s")).toEqual(["send"]);
    expect(await completions("bash", "cloud-messaging", "outbox", "re")).toEqual(["replay", "resume"]);
    expect(await completions("bash", "cloud-messaging", "send", "--to")).toEqual(["--to", "--topic"]);
    expect(await completions("bash", "cloud-messaging", "send", "--priority", "")).toEqual(["normal", "high"]);
    expect(await completions("bash", "cloud-messaging", "topics", "info", "--back")).toEqual(["--backend"]);
    expect(await completions("bash", "cloud-messaging", "listen", "--no")).toEqual(["--no-ack"]);
    expect(await completions("bash", "cloud-messaging", "check", "--credential", `${folder}/service`)).toEqual([
      `${folder}/service-account.json`,
    ]);
  });

  it.runIf(installed("zsh"))("of zsh is accepted by zsh", async () => {
    const { out } = await cli(["completion", "zsh"]);
    const script = `autoload -U +X compinit && compinit -u -D\n${out}\necho "\${_comps[cloud-messaging]}"`;
    const { stdout } = await promisify(execFile)("zsh", ["-f", "-c", script]);
    expect(stdout.trim()).toMatch(/_cloud_messaging/);
  });

  it("knows bash and zsh alone", async () => {
    expect(await cli(["completion", "fish"])).toMatchObject({ status: 2, err: "The shell must be bash or zsh\n" });
  });
});
