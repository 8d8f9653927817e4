import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import type { ReadyLine } from "../../packages/emulator/src/cli/output.ts";
import { ANY_PORTS, CLI, killAll, run, start } from "../support/emulator-program.ts";

const folder = mkdtempSync(join(tmpdir(), "cloud-messaging-cli-"));

afterEach(killAll);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function send(ready: ReadyLine, token: string, key = "any") {
  return fetch(`${ready.http}/fcm/send`, {
    method: "POST",
    headers: { authorization: `key=${key}`, "content-type": "application/json" },
    body: JSON.stringify({ to: token, data: { n: "1" } }),
  });
}

describe("npx @cloud-messaging/emulator", () => {
  it("prints one line of JSON with --json that says where everything is", async () => {
    const { ready, running } = await start("--auto-register");
    const port = (url: string) => Number(new URL(url).port);
    expect(ready).toEqual({
      http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      https: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      ccs: { host: "127.0.0.1", port: expect.any(Number) },
      inbox: `${ready.http}/`,
      caFile: expect.stringMatching(/ca\.pem$/),
      env: {
        CLOUD_MESSAGING_EMULATOR_HOST: `127.0.0.1:${port(ready.http)}`,
        CLOUD_MESSAGING_EMULATOR_HTTPS: `127.0.0.1:${port(ready.https ?? "")}`,
        CLOUD_MESSAGING_EMULATOR_CCS: `127.0.0.1:${ready.ccs?.port}`,
        CLOUD_MESSAGING_EMULATOR_CA_FILE: ready.caFile,
      },
    });
    expect(Object.keys(ready)).toEqual(["http", "https", "ccs", "inbox", "caFile", "env"]);
    expect(await (await send(ready, "tok-of-my-app")).json()).toMatchObject({ success: 1 });

    running.kill("SIGTERM");
    const { out, err, status } = await running.ended;
    expect(out.trimEnd().split("\n")).toHaveLength(1);
    expect({ err, status }).toEqual({ err: "", status: 0 });
  });

  it("says the same in words, with variables to paste into a shell", async () => {
    const running = run(ANY_PORTS);
    const printed = await running.printed;
    expect(printed).toMatch(/is ready\n/);
    expect(printed).toMatch(/Inbox +http:\/\/127\.0\.0\.1:\d+\/ /);
    for (const name of ["HOST", "HTTPS", "CCS", "CA_FILE"]) {
      expect(printed).toMatch(new RegExp(`export CLOUD_MESSAGING_EMULATOR_${name}=\\S+`));
    }
    expect(printed).not.toContain("\u001b");
    running.kill("SIGINT");
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("ends cleanly on %s although clients are connected", async (signal) => {
    // a close that takes longer than a second ends with status 1
    const { ready, running } = await start();
    const socket = connect({ ...ready.ccs, ca: readFileSync(ready.caFile) });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    const gone = new Promise((resolve) => socket.once("close", resolve));
    socket.on("error", () => undefined);
    await (await send(ready, "tok-unknown")).text();
    running.kill(signal);
    expect(await running.ended).toMatchObject({ status: 0, err: "" });
    await gone;
    expect(existsSync(ready.caFile)).toBe(false);
  });

  it("writes the CA where --ca-file says, and leaves it there", async () => {
    const file = join(folder, "ca of mine.pem");
    const { ready, running } = await start("--ca-file", file);
    expect(ready.caFile).toBe(file);
    const socket = connect({ ...ready.ccs, ca: readFileSync(file), servername: "gcm.googleapis.com" });
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    expect(socket.authorized).toBe(true);
    socket.destroy();
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ status: 0 });
    expect(existsSync(file)).toBe(true);
  });

  it("accepts only the keys that --api-key names", async () => {
    const { ready, running } = await start("--api-key", "AIza-one", "--api-key", "AIza-two");
    expect((await send(ready, "tok-a", "AIza-two")).status).toBe(200);
    expect((await send(ready, "tok-a", "AIza-three")).status).toBe(401);
    running.kill("SIGTERM");
    await running.ended;
  });

  it("keeps devices and messages in the file that --state names", async () => {
    const file = join(folder, "state.json");
    const first = await start("--state", file, "--auto-register");
    expect(await (await send(first.ready, "tok-to-be-kept")).json()).toMatchObject({ success: 1 });
    first.running.kill("SIGTERM");
    expect(await first.running.ended).toMatchObject({ status: 0, err: "" });

    const second = await start("--state", file);
    expect(await (await send(second.ready, "tok-to-be-kept")).json()).toMatchObject({ success: 1 });
    const listed = await fetch(`${second.ready.http}/emulator/v1/messages`);
    expect(((await listed.json()) as { messages: unknown[] }).messages).toHaveLength(2);
    second.running.kill("SIGTERM");
    await second.running.ended;
  });

  it("keeps what multicasts to thousands left behind, each text once", async () => {
    const file = join(folder, "large state.json");
    const first = await start("--state", file, "--auto-register");
    for (let request = 0; request < 5; request++) {
      const recipients = Array.from({ length: 1000 }, (_, i) => `tok-${i}-${"x".repeat(140)}`);
      const answer = await fetch(`${first.ready.http}/fcm/send`, {
        method: "POST",
        headers: { authorization: "key=any", "content-type": "application/json" },
        body: JSON.stringify({ registration_ids: recipients, data: { request: String(request) } }),
      });
      expect(await answer.json()).toMatchObject({ success: 1000 });
    }
    first.running.kill("SIGTERM");
    expect(await first.running.ended).toMatchObject({ status: 0, err: "" });
    expect(readdirSync(folder).filter((name) => name.endsWith(".draft"))).toEqual([]);
    expect(statSync(file).size).toBeLessThan(20_000_000);

    const second = await start("--state", file);
    const about = (await (await fetch(`${second.ready.http}/emulator/v1/`)).json()) as { messages: number };
    expect(about.messages).toBe(5000);
    expect((await send(second.ready, `tok-999-${"x".repeat(140)}`)).status).toBe(200);
    const message = await fetch(`${second.ready.http}/emulator/v1/messages/4001`);
    expect(((await message.json()) as { wire: string }).wire).toContain('"request":"4"');
    second.running.kill("SIGTERM");
    expect(await second.running.ended).toMatchObject({ status: 0, err: "" });
  });

  it("says at once that a state cannot be saved where --state says", async () => {
    const { status, out, err } = await run([...ANY_PORTS, "--state", join(folder, "no such folder", "state.json")])
      .ended;
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(/--state: .*no such folder.*Name a file/);
  });

  it("prints variables that the redirect understands", async () => {
    const { ready, running } = await start("--auto-register");
    const program = `
      import https from "node:https";
      const headers = { authorization: "key=any", "content-type": "application/json" };
      https.request("https://fcm.googleapis.com/fcm/send", { method: "POST", headers }, (response) => {
        response.setEncoding("utf8").on("data", (part) => console.log(part));
      }).end('{"to":"tok-redirected"}');`;
    const app = run(
      ["--input-type=module", "-e", program],
      ["--import", "@cloud-messaging/emulator/redirect"],
      { ...ready.env, NODE_TLS_REJECT_UNAUTHORIZED: "1" }, // Node would warn of a 0 that is inherited
    );
    const { out, err } = await app.ended;
    expect({ answer: JSON.parse(out), err }).toMatchObject({ answer: { success: 1, failure: 0 }, err: "" });
    running.kill("SIGTERM");
    await running.ended;
  });

  it("takes every other option from the file that --config names, and the command line goes before it", async () => {
    const file = join(folder, "config.json");
    writeFileSync(
      file,
      JSON.stringify({
        httpPort: 1,
        ccsPort: false,
        autoRegister: true,
        apiKeys: ["other"],
        quotas: { messagesPerMinute: 1 },
      }),
    );
    const running = run(["--json", "--config", file, "--http-port", "0", "--https-port", "0", "--api-key", "good"]);
    const ready = JSON.parse((await Promise.race([running.printed, running.ended])) as string) as ReadyLine;
    expect(ready).toMatchObject({ ccs: null });
    expect(Object.keys(ready.env)).not.toContain("CLOUD_MESSAGING_EMULATOR_CCS");
    expect(await (await send(ready, "from-my-app", "good")).json()).toMatchObject({ success: 1 });
    expect((await send(ready, "from-my-app", "other")).status).toBe(401);
    const settings = await (await fetch(`${ready.http}/emulator/v1/settings`)).json();
    expect(settings).toMatchObject({ quotas: { messagesPerMinute: 1 } });
    running.kill("SIGTERM");
    await running.ended;
    for (const [text, said] of [
      ["[]", /--config: .*no JSON object/],
      ["{", /--config: .*JSON/],
      ['{"quota":{}}', /quota: is not an option of the emulator/],
    ] as const) {
      writeFileSync(file, text);
      const { status, err } = await run(["--config", file]).ended;
      expect(status).toBe(2);
      expect(err).toMatch(said);
    }
  });

  it("says which port is taken, and what to do", async () => {
    const { ready, running } = await start();
    const { port } = new URL(ready.http);
    const second = await run(["--json", ...ANY_PORTS, "--http-port", port]).ended;
    expect(second).toMatchObject({ status: 1, out: "" });
    expect(second.err).toMatch(new RegExp(`port ${port} .*taken.*--http-port`));
    const third = await run(["--json", ...ANY_PORTS, "--ccs-port", String(ready.ccs?.port)]).ended;
    expect(third).toMatchObject({ status: 1, out: "" });
    expect(third.err).toMatch(new RegExp(`port ${ready.ccs?.port} .*taken.*--ccs-port`));
    running.kill("SIGTERM");
    await running.ended;
  });

  it.each([
    [["--htpp-port", "1"], /--htpp-port/],
    [["--http-port", "80800"], /--http-port is "80800"/],
    [["--ccs-port", "x"], /--ccs-port is "x"/],
    [["now"], /now/],
    [["--profile", "gcm-2011"], /profile: .*gcm-2013/],
    [["--validation", "loose"], /--validation: .*documented/],
    [["--certificate-name", "https://emulator:443"], /--certificate-name\.0: must be a host name or an IP address/],
    [["--allowed-origin", "tools.example.com"], /--allowed-origin\.0: must be scheme, host and port/],
    [["--allowed-origin", "http://tools.example.com/push"], /--allowed-origin\.0: must be .*without a path/],
    [["--api-key", "two words"], /--api-key\.0: /],
  ])("refuses %j with the reason", async (args, reason) => {
    const { status, out, err } = await run([...ANY_PORTS, ...args]).ended;
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(err).toMatch(reason);
    expect(err).not.toMatch(/ {4}at /);
  });

  it("helps", async () => {
    const { status, out } = await run(["--help"]).ended;
    expect(status).toBe(0);
    for (const option of [
      "--http-port",
      "--https-port",
      "--ccs-port",
      "--host",
      "--state",
      "--json",
      "--api-key",
      "--auto-register",
    ]) {
      expect(out).toContain(option);
    }
    const { version } = JSON.parse(readFileSync(join(CLI, "../../package.json"), "utf8")) as { version: string };
    expect((await run(["--version"]).ended).out).toBe(`${version}\n`);
  });
});
