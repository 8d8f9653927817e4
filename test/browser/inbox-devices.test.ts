import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

describeInBrowser("the inbox's devices, connections and faults", (open) => {
  it("makes a device that messages can be sent to", async () => {
    await using emulator = await startEmulator();
    await using inbox = await open(emulator, "#/devices");
    const { page } = inbox;
    await page.getByRole("button", { name: "Add a device" }).first().click();
    await page.getByLabel("Name").fill("Pixel");
    await page.getByLabel("Token").fill("tok-of-my-own");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("heading", { name: "Pixel" }).waitFor();
    await sendOverHttp(emulator, { to: "tok-of-my-own", notification: { title: "Hello" } });
    await page.locator(".phone").getByText("Hello").waitFor();
  });

  it("says what is wrong with a device that cannot be made", async () => {
    await using emulator = await startEmulator();
    await using inbox = await open(emulator, "#/devices");
    const { page } = inbox;
    await page.getByRole("button", { name: "Add a device" }).first().click();
    await page.getByLabel("Token").fill("x");
    await page.getByRole("button", { name: "Add", exact: true }).click();
    await page.getByRole("alert").getByText("token").waitFor();
    expect(emulator.devices).toHaveLength(0);
  });

  it("connects, idles, registers anew and uninstalls by its switches", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel" });
    const { token } = phone;
    await using inbox = await open(emulator, `#/devices/${phone.id}`);
    const { page } = inbox;
    const detail = page.getByRole("article");

    await detail.getByRole("switch", { name: "Connected" }).click();
    await detail.getByText("offline").waitFor();
    expect(phone.connected).toBe(false);
    await sendOverHttp(emulator, { to: token, data: { n: "1" } });
    await detail.getByText("1 message").waitFor();
    await detail.getByRole("switch", { name: "Connected" }).click();
    await page.locator(".phone").getByText("Data only").waitFor();

    await detail.getByRole("switch", { name: "Idle" }).click();
    await detail.locator(".badge.waiting").waitFor();
    expect(phone.idle).toBe(true);
    await detail.getByRole("button", { name: "New registration" }).click();
    await detail.getByText("Superseded").waitFor();
    expect(phone.token).not.toBe(token);
    await detail.getByRole("button", { name: "Uninstall" }).click();
    await detail.getByText("uninstalled").waitFor();
    expect(phone.installed).toBe(false);
    await detail.getByRole("button", { name: "Remove" }).click();
    await page.getByText("No devices yet").waitFor();
    expect(emulator.devices).toHaveLength(0);
  });

  it("sends an upstream message to the app server", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    const { promise, resolve } = deferred<Readonly<Record<string, string>>>();
    await using client = createCcsClient({ ...emulator.ccsOptions(), onUpstream: ({ data }) => resolve(data) });
    await client.ready();
    await using inbox = await open(emulator, `#/devices/${phone.id}`);
    const { page } = inbox;
    await page.getByLabel("Key").fill("order");
    await page.getByLabel("Value").fill("coffee ☕ <b>");
    await page.getByRole("button", { name: "Send to the app server" }).click();
    expect(await promise).toEqual({ order: "coffee ☕ <b>" });
    await page.getByText("On its way as").waitFor();
  });

  it("shows connections with what is pending, and drains and cuts them", async () => {
    await using emulator = await startEmulator({ ccs: { autoAck: false } });
    const phone = emulator.createDevice();
    await using client = createCcsClient(emulator.ccsOptions());
    await client.ready();
    await using inbox = await open(emulator, "#/connections");
    const { page } = inbox;
    const row = page.getByRole("row").nth(1);
    await row.getByText("online").waitFor();

    const sends = [1, 2, 3].map((n) => client.send({ target: { token: phone.token }, data: { n: String(n) } }));
    await row.getByRole("cell", { name: "3", exact: true }).waitFor();
    emulator.ccs.ackAll();
    await Promise.all(sends);
    await row.getByRole("button", { name: "Drain" }).click();
    // the client opens a successor
    await emulator.inbox.waitFor({ count: 3 });
    await page.getByRole("row").filter({ hasText: "#2" }).getByText("online").waitFor();
    await page.getByRole("row").filter({ hasText: "#2" }).getByRole("button", { name: "Cut" }).click();
    await page.getByRole("row").filter({ hasText: "#3" }).getByText("online").waitFor();
    expect(emulator.stats).toMatchObject({ drains: 1, cuts: 1 });
  });

  it("arms a fault, shows it until it has struck, and disarms another", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await using inbox = await open(emulator, "#/faults");
    const { page } = inbox;
    await page.getByText("Nothing is armed").waitFor();
    const form = page.getByRole("form", { name: "Refuse recipients" });
    await form.getByLabel("Error").selectOption("internal-error");
    await form.getByRole("button", { name: "Arm" }).click();
    await page.getByText("1 left").waitFor();
    expect(await sendOverHttp(emulator, { to: phone.token })).toContain("InternalServerError");
    await page.getByText("Nothing is armed").waitFor();

    await page.getByRole("form", { name: "Refuse requests" }).getByRole("button", { name: "Arm" }).click();
    await page.getByRole("button", { name: "Disarm", exact: true }).click();
    await page.getByText("Nothing is armed").waitFor();
    expect(await sendOverHttp(emulator, { to: phone.token })).toContain('"success":1');

    const random = page.getByRole("form", { name: "Refuse at random" });
    await random.getByLabel("Share").fill("7");
    await random.getByRole("button", { name: "Arm" }).click();
    await page.getByRole("alert").getByText("rate").waitFor();
  });
});

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
