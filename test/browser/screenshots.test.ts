import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createManualClock } from "@cloud-messaging/core";
import { type Emulator, startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

/** With `SCREENSHOTS=1` (npm run docs:screenshots) the pictures in the documentation are taken anew. */
const folder = process.env["SCREENSHOTS"] === undefined ? undefined : join(import.meta.dirname, "../../docs/images");

/** An afternoon's messages, the same every time. */
async function tellStory(emulator: Emulator, clock: { advance(byMs: number): Promise<void> }): Promise<string> {
  const ana = emulator.createDevice({ name: "Ana's Pixel", packageName: "com.example.mail" });
  const tablet = emulator.createDevice({ name: "Kitchen tablet", packageName: "com.example.mail", connected: false });
  const bo = emulator.createDevice({ name: "Bo's old phone", packageName: "com.example.mail" });
  const ci = emulator.createDevice({ name: "CI device", packageName: "com.example.shop", idle: true });
  for (const device of [ana, tablet]) device.subscribe("release-notes");
  const superseded = ana.token;
  ana.reregister();
  const messages: readonly Readonly<Record<string, unknown>>[] = [
    { to: ana.token, notification: { title: "Welcome", body: "Your account is ready" }, data: { user: "1001" } },
    { to: tablet.token, collapse_key: "sync", data: { sync: "inbox" } },
    { to: bo.token, notification: { title: "New sign-in", body: "From Vienna, just now" }, priority: "high" },
    { to: tablet.token, collapse_key: "sync", data: { sync: "inbox", since: "13:58" } },
    { to: "/topics/release-notes", notification: { title: "Version 4.2", body: "Faster search, dark theme" } },
    { to: superseded, notification: { title: "Invoice 2026-117", body: "Due on Friday" }, time_to_live: 86_400 },
    { to: ci.token, data: { job: "nightly", status: "green" }, delay_while_idle: true, time_to_live: 600 },
    { to: "tok-from-an-old-backup", data: { ping: "1" } },
    { to: ana.token, data: { thread: "42", unread: "3", preview: "See you at noon" }, collapse_key: "thread-42" },
    {
      to: ana.token,
      notification: {
        title: "Lunch at noon?",
        body: "The place by the river",
        color: "#13753f",
        click_action: "OPEN_THREAD",
      },
      data: { thread: "42", message: "9007199254740993" },
      priority: "high",
      time_to_live: 3600,
    },
  ];
  for (const [index, message] of messages.entries()) {
    if (index === 3) bo.uninstall();
    await sendOverHttp(emulator, message);
    await clock.advance(7_300);
    if (index === 4) await sendOverHttp(emulator, { to: bo.token, data: { ping: "1" } });
  }
  emulator.faults.next({ token: ana.token, error: "unavailable", times: 2 });
  return ana.id;
}

describeInBrowser("pictures of the inbox", (open) => {
  it.each(["light", "dark"] as const)("show the list, a message and a device in %s colours", async (colorScheme) => {
    const clock = createManualClock(Date.UTC(2026, 10, 22, 13, 58, 4));
    await using emulator = await startEmulator({ clock });
    const ana = await tellStory(emulator, clock);
    const options = { colorScheme, viewport: { width: 1280, height: 720 }, timezoneId: "UTC" };
    await using inbox = await open(emulator, "", options);
    const { page, complaints } = inbox;
    const latest = emulator.inbox.latest()?.id ?? 0;
    if (folder !== undefined) mkdirSync(folder, { recursive: true });
    const shoot = async (name: string, at: string): Promise<void> => {
      await page.goto(`${emulator.httpUrl}/${at}`);
      await page.locator("main .pane").last().waitFor();
      await page
        .locator(at.includes("devices/") ? ".phone .card" : at.includes("messages/") ? ".timeline li" : ".row")
        .first()
        .waitFor();
      const picture = await page.screenshot({
        ...(folder === undefined ? {} : { path: join(folder, `${name}-${colorScheme}.png`) }),
      });
      expect(picture.length).toBeGreaterThan(10_000);
    };
    await shoot("inbox", "#/messages");
    await shoot("message", `#/messages/${latest}`);
    await shoot("device", `#/devices/${ana}`);
    expect(complaints).toEqual([]);
  });

  it("show it on a phone", async () => {
    const clock = createManualClock(Date.UTC(2026, 10, 22, 13, 58, 4));
    await using emulator = await startEmulator({ clock });
    await tellStory(emulator, clock);
    await using inbox = await open(emulator, "", {
      colorScheme: "light",
      viewport: { width: 400, height: 800 },
      timezoneId: "UTC",
    });
    await inbox.page.locator(".row").first().waitFor();
    const picture = await inbox.page.screenshot(folder === undefined ? {} : { path: join(folder, "inbox-narrow.png") });
    expect(picture.length).toBeGreaterThan(10_000);
  });
});
