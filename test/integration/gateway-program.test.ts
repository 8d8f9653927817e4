import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { startEmulator } from "@cloud-messaging/emulator";
import { hashKey } from "@cloud-messaging/gateway";
import { afterEach, describe, expect, it } from "vitest";
import { startGatewayProgram } from "../support/gateway-program.ts";
import { withoutOptionalPackages } from "../support/without-optional-packages.ts";

const OLD_KEY = "AIzaSyOldKeyThatCannotBeChanged00000000";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function start(...given: Parameters<typeof startGatewayProgram>) {
  const program = startGatewayProgram(...given);
  cleanups.push(() => program.kill());
  return program;
}

async function aConfig() {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  const folder = await mkdtemp(join(tmpdir(), "gateway-"));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const { credential, ...rest } = emulator.fcmOptions();
  await writeFile(join(folder, "account.json"), JSON.stringify(credential));
  const config = join(folder, "gateway.json");
  await writeFile(
    config,
    JSON.stringify({
      projects: { shop: { ...rest, credential: "account.json" } },
      clients: [{ name: "web-shop", keys: [], project: "shop" }],
      http: { port: 0 },
      operations: { port: 0 },
    }),
  );
  return { emulator, config };
}

const send = (port: unknown, key: string, to: string) =>
  fetch(`http://127.0.0.1:${port}/fcm/send`, {
    method: "POST",
    headers: { authorization: `key=${key}`, "content-type": "application/json" },
    body: JSON.stringify({ to, data: { n: "1" } }),
  });

describe("the gateway's program", () => {
  it("imports a key, adds another one on reload, answers health and metrics, and ends in good order", async () => {
    const { emulator, config } = await aConfig();
    const phone = emulator.createDevice();
    const imported = start(["key", "import", "--config", config, "--client", "web-shop"], `${OLD_KEY}\n`);
    expect(await imported.ended).toBe(0);
    expect(await readFile(config, "utf8")).not.toContain(OLD_KEY);

    const gateway = start(["--config", config]);
    const { http, operations } = await gateway.line('"listening"');
    expect((await send(http, OLD_KEY, phone.token)).status).toBe(200);
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${operations}${path}`);
      return `${response.status} ${await response.text()}`;
    };
    expect(await get("/healthz")).toBe("200 ok\n");
    expect(await get("/readyz")).toBe("200 ready\n");
    expect(await get("/metrics")).toContain(
      'cloud_messaging_gateway_messages_total{client="web-shop",protocol="gcm-http",result="accepted"} 1',
    );

    const added = start(["key", "add", "--config", config, "--client", "web-shop"]);
    await added.ended;
    const fresh = added.output().trim();
    expect((await send(http, fresh, phone.token)).status).toBe(401);
    gateway.child.kill("SIGHUP");
    await gateway.line('"reloaded"');
    expect((await send(http, fresh, phone.token)).status).toBe(200);

    gateway.child.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const log = gateway.output();
    for (const secret of [OLD_KEY, fresh, phone.token, "PRIVATE KEY"]) expect(log).not.toContain(secret);
  });

  it("says at its start that a credential is refused, and quotes nothing of it", async () => {
    const { config } = await aConfig();
    await start(["key", "add", "--config", config, "--client", "web-shop"]).ended;
    const account = join(dirname(config), "account.json");
    await writeFile(account, `${OLD_KEY} {`);
    const gateway = start(["--config", config]);
    expect(await gateway.line("credential refused")).toMatchObject({ project: "shop", code: "authentication-failed" });
    const { operations } = await gateway.line('"listening"');
    const ready = await fetch(`http://127.0.0.1:${operations}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([
      503,
      "The credential of shop is refused: authentication-failed\n",
    ]);
    expect(gateway.output()).not.toContain(OLD_KEY.slice(0, 8));
  });

  it("goes on with the config it has when a reload finds a mistake", async () => {
    const { config } = await aConfig();
    await start(["key", "import", "--config", config, "--client", "web-shop"], OLD_KEY).ended;
    const gateway = start(["--config", config]);
    const { http } = await gateway.line('"listening"');
    await writeFile(config, '{"clients": 7}');
    gateway.child.kill("SIGHUP");
    expect(await gateway.line("reload failed")).toMatchObject({ reason: expect.stringContaining("clients") as string });
    expect((await send(http, OLD_KEY, "gone")).status).toBe(200);
  });

  it("reads the whole config on a reload, and names what needs a restart", async () => {
    const { config } = await aConfig();
    await start(["key", "import", "--config", config, "--client", "web-shop"], OLD_KEY).ended;
    const gateway = start(["--config", config]);
    await gateway.line('"listening"');
    const json = JSON.parse(await readFile(config, "utf8")) as Record<string, unknown>;
    await writeFile(config, JSON.stringify({ ...json, answerTimeoutMs: "25 s" }));
    gateway.child.kill("SIGHUP");
    expect(await gateway.line("reload failed")).toMatchObject({
      reason: expect.stringContaining("answerTimeoutMs") as string,
    });
    await writeFile(
      config,
      JSON.stringify({ ...json, answerTimeoutMs: 20_000, operations: { port: 0, maxBacklog: 5 } }),
    );
    gateway.child.kill("SIGHUP");
    expect(await gateway.line("need a restart")).toMatchObject({ fields: ["operations", "answerTimeoutMs"] });
  });

  it("quotes nothing of a config that is no JSON, and names the field of a file that is not there", async () => {
    const { config } = await aConfig();
    await writeFile(config, OLD_KEY);
    const text = start(["--config", config]);
    expect(await text.ended).toBe(2);
    expect(text.output()).toMatch(/gateway\.json is no JSON/);
    expect(text.output()).not.toContain(OLD_KEY.slice(0, 8));
    await writeFile(config, '{"projects": {"shop": {"credential": "none.json"}}, "clients": []}');
    const missing = start(["--config", config]);
    expect(await missing.ended).toBe(2);
    expect(missing.output()).toMatch(/projects\.shop\.credential: .*none\.json cannot be read/);
  });

  it("names a port that is taken, with status 1", async () => {
    const { emulator, config } = await aConfig();
    const port = Number(new URL(emulator.httpUrl).port);
    await writeFile(config, JSON.stringify({ projects: {}, clients: [], http: { port } }));
    const program = start(["--config", config]);
    expect(await program.ended).toBe(1);
    expect(program.output()).toMatch(/cannot listen for HTTP: port \d+ of 127\.0\.0\.1 is taken .*set http\.port/);
    expect(program.output()).not.toMatch(/\n\s+at /);
  });

  it.each([
    [["--config", "no-such.json"], /no-such\.json cannot be read/],
    [["--confg", "x"], /--confg/],
    [[], /Usage:/],
  ])("explains %j and ends with status 2", async (args, words) => {
    const program = start(args);
    expect(await program.ended).toBe(2);
    expect(program.output()).toMatch(words);
  });

  it("names the package of the outbox where it is not installed, with the command that installs it", async () => {
    const { config } = await aConfig();
    const json = JSON.parse(await readFile(config, "utf8")) as object;
    await writeFile(config, JSON.stringify({ ...json, outbox: { path: "outbox" } }));
    const { folder, installed } = await withoutOptionalPackages("gateway");
    cleanups.push(() => rm(folder, { recursive: true, force: true }));
    const program = start(["--config", config], "", {}, installed);
    expect(await program.ended).toBe(2);
    expect(program.output()).toMatch(
      /This needs the package @cloud-messaging\/outbox, which is not installed: npm install @cloud-messaging\/outbox/,
    );
    expect(program.output()).not.toMatch(/\n\s+at /);
  });

  it("refuses a client that the config does not have, and a key that can be guessed", async () => {
    const { config } = await aConfig();
    const other = start(["key", "add", "--config", config, "--client", "webshop"]);
    expect(await other.ended).toBe(2);
    expect(other.output()).toMatch(/must be a client of the config: web-shop/);
    const json = JSON.parse(await readFile(config, "utf8")) as { clients: object[] };
    json.clients.push({ name: "other", keys: [hashKey(OLD_KEY)], project: "shop" });
    await writeFile(config, JSON.stringify(json));
    await chmod(config, 0o640);
    const taken = start(["key", "import", "--config", config, "--client", "web-shop"], OLD_KEY);
    expect(await taken.ended).toBe(2);
    expect(taken.output()).toMatch(/is the key of another client: other/);
    expect(await start(["key", "add", "--config", config, "--client", "web-shop"]).ended).toBe(0);
    expect((await stat(config)).mode & 0o777).toBe(0o640);
    const short = start(["key", "import", "--config", config, "--client", "web-shop"], "secret");
    expect(await short.ended).toBe(2);
    expect(short.output()).toMatch(/at least 20 characters/);
    const two = start(["key", "import", "--config", config, "--client", "web-shop"], `${OLD_KEY}\n${OLD_KEY}`);
    expect(await two.ended).toBe(2);
    expect(two.output()).toMatch(/printable ASCII without spaces/);
  });
});
