import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const pnpm = (
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { packageManager: string }
).packageManager.split("+")[0] as string;

interface Manifest {
  readonly name: string;
  readonly exports: Record<string, unknown>;
  readonly dependencies?: Record<string, string>;
  readonly peerDependencies?: Record<string, string>;
}

// what `npm install ./*.tgz` would make of it, without a network: our packages unpacked, theirs linked
const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-pack-"));
const scope = join(folder, "node_modules", "@cloud-messaging");
let names: string[] = [];
const manifestOf = (name: string) => JSON.parse(readFileSync(join(scope, name, "package.json"), "utf8")) as Manifest;

beforeAll(() => {
  execFileSync("npm", ["exec", "--yes", "--", pnpm, "--filter", "./packages/*", "pack", "--pack-destination", folder], {
    cwd: root,
    stdio: "pipe",
    shell: process.platform === "win32",
  });
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".tgz"))) {
    const name = file.replace(/^cloud-messaging-/, "").replace(/-\d+\.\d+\.\d+\.tgz$/, "");
    mkdirSync(join(scope, name), { recursive: true });
    execFileSync("tar", ["-xzf", join(folder, file), "--strip-components=1", "-C", join(scope, name)]);
    const { dependencies, peerDependencies } = manifestOf(name);
    for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) {
      if (dependency.startsWith("@cloud-messaging/")) continue;
      const from = join(root, "packages", name, "node_modules", dependency);
      // of two peers that replace each other, one is installed
      if (!existsSync(from)) continue;
      const to = join(scope, name, "node_modules", dependency);
      mkdirSync(join(to, ".."), { recursive: true });
      symlinkSync(from, to, "junction");
    }
  }
  names = readdirSync(scope);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("what would be published", () => {
  it("is every package, with plain version ranges and no way into the sources", () => {
    expect(names).toEqual(expect.arrayContaining(["ccs-client", "core", "emulator", "http-sender"]));
    for (const name of names) {
      const manifest = manifestOf(name);
      expect(
        Object.values(manifest.dependencies ?? {}).filter((range) => !/^[\^~]?\d/.test(range)),
        name,
      ).toEqual([]);
      expect(JSON.stringify(manifest.exports), name).not.toContain("/source");
    }
  });

  it("holds what was built, and no test", () => {
    for (const name of names) {
      const files = readdirSync(join(scope, name), { recursive: true }).map(String);
      expect(
        files.filter((file) => /\.test(-d|-support)?\.|tsbuildinfo/.test(file) && !file.includes("node_modules")),
        name,
      ).toEqual([]);
      expect(
        existsSync(join(scope, name, "dist", "index.js")) || existsSync(join(scope, name, "dist", "index.cjs")),
        name,
      ).toBe(true);
      expect(existsSync(join(scope, name, "package.json"))).toBe(true);
    }
  });

  it("holds the pages that its README and these name, and the list of its exports", () => {
    for (const name of names) {
      const files = readdirSync(join(scope, name), { recursive: true }).map((file) =>
        String(file).replaceAll("\\", "/"),
      );
      const pages = files.filter((file) => file.endsWith(".md") && !file.includes("node_modules"));
      expect(pages, name).toEqual(expect.arrayContaining(["README.md", "api.md", "docs/SECURITY.md"]));
      for (const page of pages) {
        const text = readFileSync(join(scope, name, page), "utf8").replace(/```[\s\S]*?```/g, "");
        const links = [...text.matchAll(/\]\((?!\w+:)([^)#\s]+)/g)].map(([, link]) => link as string);
        const broken = links.filter((link) => !existsSync(join(scope, name, page, "..", link)));
        expect(broken, `${name}/${page}`).toEqual([]);
      }
    }
  });

  it("can be imported and required in one process, and either copy knows the other's errors and events", () => {
    const program = `
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      for (const name of ${JSON.stringify(names)}) {
        const imported = await import("@cloud-messaging/" + name);
        const required = require("@cloud-messaging/" + name);
        const expected = Object.keys(imported["module.exports"] ?? imported).sort().join();
        if (expected === "" || Object.keys(required).sort().join() !== expected) throw new Error(name);
      }
      const copies = [await import("@cloud-messaging/core"), require("@cloud-messaging/core")];
      const transports = [await import("@cloud-messaging/core/transport"), require("@cloud-messaging/core/transport")];
      for (const [one, other, { parseDownstreamMessage, publish }] of [[...copies, transports[0]], [...copies.toReversed(), transports[1]]]) {
        let caught;
        try {
          parseDownstreamMessage({});
        } catch (error) {
          caught = error;
        }
        if (one.isCloudMessagingError === other.isCloudMessagingError) throw new Error("there is one copy only");
        if (!other.isCloudMessagingError(caught) || caught.code !== "ERR_INVALID_MESSAGE") throw new Error("not known");
        const told = [];
        const stop = other.subscribe("cloud-messaging:notice", (event) => told.push(event.notice));
        publish("cloud-messaging:notice", () => ({ transport: "none", notice: "test", detail: "" }));
        stop();
        if (told.join() !== "test") throw new Error("not told");
      }
      console.log("same");`;
    const printed = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(printed.trim()).toBe("same");
  });

  it("shares the quota of a project, the transports of the drop-in and the emulator's warning between import and require", () => {
    const program = `
      import { createServer } from "node:http";
      import { createRequire } from "node:module";
      const require = createRequire(import.meta.url);
      const both = async (name) => [await import("@cloud-messaging/" + name), require("@cloud-messaging/" + name)];
      let connections = 0;
      const server = createServer((request, response) => {
        request.resume().on("end", () => {
          const v1 = request.url.startsWith("/v1/");
          response.end(JSON.stringify(v1 ? { name: "n" } : { multicast_id: 1, success: 1, failure: 0, results: [{ message_id: "1" }] }));
        });
      }).on("connection", () => connections++);
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const endpoint = "http://127.0.0.1:" + server.address().port;
      const said = {};

      const http = await both("http-sender");
      const quotaStates = [];
      http[0].subscribe("cloud-messaging:quota", ({ state }) => quotaStates.push(state));
      const options = { endpoint, projectId: "demo", credential: async () => "t", quota: { perMinute: 60 }, retry: false };
      const fcm = http.map(({ createFcmSender }) => createFcmSender(options));
      const message = { target: { token: "tok" } };
      said.first = (await fcm[0].send(message)).outcomes[0].kind;
      const second = fcm[1].send(message, { timeoutMs: 50 });
      said.second = (await second).outcomes[0].code;
      said.quotaStates = quotaStates.slice(0, 1);
      await Promise.all(fcm.map((sender) => sender.close()));

      connections = 0;
      const gcm = await both("node-gcm");
      const senders = gcm.map(({ Sender }) => new Sender("AIza-EXAMPLE", { uri: endpoint + "/fcm/send" }));
      for (const [index, sender] of senders.entries()) {
        await sender.sendNoRetry(new gcm[index].Message({ data: { n: "1" } }), "tok");
        // undici uses a connection again in the next turn of the event loop
        await new Promise((resolve) => setImmediate(resolve));
      }
      said.connections = connections;
      await Promise.all(senders.map((sender) => sender.close()));

      process.env.CLOUD_MESSAGING_EMULATOR_HOST = endpoint.slice(7);
      let warnings = 0;
      process.on("warning", ({ code }) => { if (code === "CLOUD_MESSAGING_EMULATOR") warnings++; });
      for (const { createGcmSender } of http) await createGcmSender({ apiKey: "AIza-EXAMPLE" }).close();
      await new Promise((resolve) => setImmediate(resolve));
      said.warnings = warnings;
      server.close();
      console.log(JSON.stringify(said));`;
    const printed = execFileSync(process.execPath, ["--no-warnings", "--input-type=module", "-e", program], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(JSON.parse(printed)).toEqual({
      first: "accepted",
      second: "timeout",
      quotaStates: ["waiting"],
      connections: 1,
      warnings: 1,
    });
  });

  it("refuses what the sources refuse: the bundler leaves out no call that is made because it may throw", () => {
    const program = `
      import { createRequire } from "node:module";
      const name = "@cloud-messaging/core/transport";
      const copies = [await import(name), createRequire(import.meta.url)(name)];
      console.log(copies.map(({ proxyProblem }) => proxyProblem("http://us%er@127.0.0.1:1") !== undefined).join());`;
    const args = ["--input-type=module", "-e", program];
    expect(execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).trim()).toBe("true,true");
  });
});
