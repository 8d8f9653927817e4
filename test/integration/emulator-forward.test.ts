import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmulator } from "@cloud-messaging/emulator";
import { openForwarder } from "@cloud-messaging/gateway";
import { createFcmSender } from "@cloud-messaging/http-sender";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { ANY_PORTS, killAll, launch, run, start } from "../support/emulator-program.ts";
import { withoutOptionalPackages } from "../support/without-optional-packages.ts";

const folder = mkdtempSync(join(tmpdir(), "emulator-forward-"));
const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  killAll();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An emulator in the place of FCM, with a phone that is not known to the one that forwards. */
async function fcm() {
  const emulator = await startEmulator({ ccsPort: false });
  cleanups.push(() => emulator.close());
  return { emulator, phone: emulator.createDevice() };
}

function aFile(emulator: Awaited<ReturnType<typeof fcm>>["emulator"], forward: unknown): string {
  const { credential, ...rest } = emulator.fcmOptions();
  writeFileSync(join(folder, "account.json"), JSON.stringify(credential));
  const file = join(folder, "gateway.json");
  writeFileSync(file, JSON.stringify({ projects: { shop: { ...rest, credential: "account.json" } }, forward }));
  return file;
}

describe("emulator --forward", () => {
  it("sends captured messages on for the tokens that its file names, and for no others", async () => {
    const { emulator, phone } = await fcm();
    const other = emulator.createDevice();
    const file = aFile(emulator, [{ project: "shop", tokens: [phone.token] }]);
    const { ready, running } = await start("--auto-register", "--forward", file);
    const send = (to: string, n: string) =>
      fetch(`${ready.http}/fcm/send`, {
        method: "POST",
        headers: { authorization: "key=any", "content-type": "application/json" },
        body: JSON.stringify({ to, data: { n }, notification: { title: "Hello" }, collapse_key: "k" }),
      });
    await send(other.token, "1");
    await send(phone.token, "2");
    expect(await phone.waitFor(({ data }) => data["n"] === "2")).toMatchObject({
      notification: { title: "Hello" },
      collapseKey: "k",
    });
    expect(emulator.inbox.messages).toHaveLength(1);
    running.kill("SIGTERM");
    expect((await running.ended).err).toContain("Message 2 was forwarded to shop: accepted");
  });

  it("names what is wrong with its file", async () => {
    const { emulator } = await fcm();
    const file = aFile(emulator, [{ project: "shopp", tokens: ["x"] }, { project: "shop" }]);
    const { status, err } = await run([...ANY_PORTS, "--forward", file]).ended;
    expect(status).toBe(2);
    expect(err).toMatch(/--forward: .*forward\.0\.project: must be one of the projects: shop/);
    expect(err).toMatch(/forward\.1\.tokens: must be given, or senderIds or projectIds/);
  });

  it("names the package of the gateway where it is not installed, with the command that installs it", async () => {
    const { folder: alone, installed } = await withoutOptionalPackages("emulator");
    cleanups.push(() => rm(alone, { recursive: true, force: true }));
    const { emulator } = await fcm();
    const program = join(installed, "bin/cloud-messaging-emulator.mjs");
    const args = [program, ...ANY_PORTS, "--forward", aFile(emulator, [{ project: "shop", tokens: ["x"] }])];
    const { status, err } = await launch(process.execPath, args).ended;
    expect(status).toBe(2);
    expect(err).toMatch(
      /the package @cloud-messaging\/gateway, which is not installed: npm install @cloud-messaging\/gateway/,
    );
  });
});

describe("a forwarder", () => {
  it("forwards by sender ID, over every protocol, and tells a failure in words", async () => {
    const { emulator, phone } = await fcm();
    const gone = emulator.createDevice();
    gone.unregister();
    const local = await startEmulator({ autoRegister: true, apiKeys: [{ key: "k", senderId: "42" }] });
    cleanups.push(() => local.close());
    const forwarder = openForwarder(aFile(emulator, [{ project: "shop", tokens: [phone.token], senderIds: ["42"] }]));
    cleanups.push(() => forwarder.close());
    phone.subscribe("news");
    for (const to of ["/topics/news", gone.token]) {
      await fetch(`${local.httpUrl}/fcm/send`, {
        method: "POST",
        headers: { authorization: "key=k", "content-type": "application/json" },
        body: JSON.stringify({ to, data: { n: "1" } }),
      });
    }
    const sender = createFcmSender(local.fcmOptions());
    cleanups.push(() => sender.close());
    await sender.send({ target: { token: phone.token }, notification: { title: "over v1" }, data: { n: "2" } });
    const results = [];
    for (const message of local.inbox.messages) results.push((await forwarder.forward(message))?.result);
    expect(results).toEqual(["accepted", "unregistered, not-registered", "accepted"]);
    expect(phone.received).toMatchObject([
      { data: { n: "1" } },
      { data: { n: "2" }, notification: { title: "over v1" } },
    ]);
  });

  it("forwards by the project of a request over v1, and no other project's", async () => {
    const { emulator, phone } = await fcm();
    const local = await startEmulator({ autoRegister: true });
    cleanups.push(() => local.close());
    const forwarder = openForwarder(aFile(emulator, [{ project: "shop", projectIds: ["shop-test"] }]));
    cleanups.push(() => forwarder.close());
    for (const projectId of ["another", "shop-test"]) {
      const sender = createFcmSender({ ...local.fcmOptions(), projectId });
      cleanups.push(() => sender.close());
      await sender.send({ target: { token: phone.token }, data: { projectId } });
    }
    const sent = [];
    for (const message of local.inbox.messages) sent.push(await forwarder.forward(message));
    expect(sent).toEqual([undefined, { project: "shop", result: "accepted" }]);
    expect(phone.received).toMatchObject([{ data: { projectId: "shop-test" } }]);
  });
});
