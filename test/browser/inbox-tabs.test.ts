import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

const live = (page: Page): Promise<void> => page.locator(".link.live").waitFor({ state: "attached" });
const send = (emulator: Emulator, n: string): Promise<string> =>
  sendOverHttp(emulator, { to: emulator.devices[0]?.token, data: { n } });

describeInBrowser("the inbox in many tabs", (open) => {
  it("is live in twelve of them, over HTTP/1.1, while tabs come and go and the emulator is started again", async () => {
    const first = await startEmulator();
    const port = Number(new URL(first.httpUrl).port);
    first.createDevice();
    await using inbox = await open(first);
    const context = inbox.page.context();
    const tabs = [inbox.page];
    for (let i = 1; i < 12; i++) {
      const tab = await context.newPage();
      await tab.goto(first.httpUrl);
      await live(tab);
      tabs.push(tab);
    }
    await send(first, "1");
    for (const tab of tabs) await tab.locator(".row").getByText("n=1").waitFor();

    // the first goes, and those that came later go on
    for (const tab of tabs.splice(0, 6)) await tab.close();
    await send(first, "2");
    for (const tab of tabs) await tab.locator(".row").getByText("n=2").waitFor();

    const state = first.saveState();
    await first.close();
    for (const tab of tabs) await tab.locator(".link.lost").waitFor({ state: "attached" });
    await using second = await startEmulator({ httpPort: port });
    second.loadState(state);
    for (const tab of tabs) await live(tab);
    await send(second, "3");
    for (const tab of tabs) await tab.locator(".row").getByText("n=3").waitFor();
  }, 120_000);

  it("takes a stream of its own where tabs cannot share a worker", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    await using inbox = await open(emulator, "", { without: "SharedWorker" });
    expect(inbox.requested.filter((url) => url.endsWith("/emulator/v1/events"))).toHaveLength(1);
    await send(emulator, "1");
    await inbox.page.locator(".row").getByText("n=1").waitFor();
    expect(inbox.complaints).toEqual([]);
  });

  it("takes a stream of its own when the worker cannot be loaded", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    await using inbox = await open(emulator);
    const page = await inbox.page.context().newPage();
    // another host is another worker
    const elsewhere = emulator.httpUrl.replace("127.0.0.1", "localhost");
    await page.route("**/inbox/worker.js", (route) => route.abort());
    await page.context().route("**/inbox/worker.js", (route) => route.abort());
    await page.goto(elsewhere);
    await live(page);
    await send(emulator, "1");
    await page.locator(".row").getByText("n=1").waitFor();
  });
});

describeInBrowser("an inbox that begins or is cleared", (open) => {
  it("says that there are no messages only once it was told so", async () => {
    await using emulator = await startEmulator();
    await using inbox = await open(emulator);
    const page = await inbox.page.context().newPage();
    let answer = (): void => {};
    const asked = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route("**/emulator/v1/messages?*", async (route) => {
      await asked;
      await route.continue();
    });
    await page.goto(emulator.httpUrl);
    await page.getByText("Loading").waitFor();
    expect(await page.getByText("No messages yet").count()).toBe(0);
    await page.evaluate("location.hash = '#/devices'");
    expect(await page.getByText("No devices yet").count()).toBe(0);
    await page.evaluate("location.hash = '#/messages'");
    answer();
    await page.getByText("No messages yet").waitFor();
  });

  it("keeps what arrived after it was drawn when it is cleared", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    await send(emulator, "1");
    await using inbox = await open(emulator);
    const { page } = inbox;
    await page.locator(".row").getByText("n=1").waitFor();
    await page.route("**/emulator/v1/messages?before=*", async (route) => {
      await send(emulator, "2");
      await route.continue();
    });
    await page.getByRole("button", { name: "Clear" }).click();
    await page.locator(".row").getByText("n=2").waitFor();
    await page.locator(".row").getByText("n=1").waitFor({ state: "detached" });
    expect(emulator.inbox.messages.map(({ data }) => data)).toEqual([{ n: "2" }]);
  });

  it("shows why the emulator does not clear it, and keeps the list", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    await send(emulator, "1");
    await using inbox = await open(emulator);
    const { page } = inbox;
    await page.route("**/emulator/v1/messages?before=*", (route) =>
      route.fulfill({ status: 403, contentType: "application/json", body: '{"error":"it is not allowed"}' }),
    );
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByRole("alert").getByText("it is not allowed").waitFor();
    expect(await page.locator(".row").count()).toBe(1);
  });

  it("follows when single messages are deleted elsewhere", async () => {
    await using emulator = await startEmulator();
    emulator.createDevice();
    for (const n of ["1", "2", "3"]) await send(emulator, n);
    await using inbox = await open(emulator);
    await inbox.page.locator(".row").getByText("n=3").waitFor();
    expect(emulator.inbox.remove(({ id }) => id === 2)).toBe(1);
    await inbox.page.locator(".row").getByText("n=2").waitFor({ state: "detached" });
    expect(await inbox.page.locator(".row").count()).toBe(2);
  });
});
