import { startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { hasNginx, startNginx } from "../support/nginx.ts";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

if (!hasNginx && process.env["CI"] === undefined) {
  console.warn("Skipped: the inbox behind nginx. There is no nginx here: install one (apt-get install nginx-light)");
}

describeInBrowser("the inbox behind nginx with its defaults", (open) => {
  const withNginx = it.runIf(hasNginx || process.env["CI"] !== undefined);

  withNginx.each([
    ["at the root", "/", ""],
    ["below a path", "/tools/push/", "/"],
  ])("%s shows what happens at once, and can change things from an allowed origin", async (_where, path, below) => {
    // the port of nginx is known before the emulator has to know the origin; the emulator's after
    const allowedOrigins: string[] = [];
    const probe = await startEmulator();
    const port = Number(new URL(probe.httpUrl).port);
    await probe.close();
    await using nginx = await startNginx(`location ${path} { proxy_pass http://127.0.0.1:${port}${below}; }`);
    allowedOrigins.push(nginx.url);
    await using emulator = await startEmulator({ httpPort: port, allowedOrigins });
    const phone = emulator.createDevice({ name: "Pixel" });
    await using inbox = await open(emulator, `${nginx.url}${path}`);
    const { page, complaints, requested } = inbox;
    await page.getByText("No messages yet").waitFor();

    await sendOverHttp(emulator, { to: phone.token, data: { n: "1" } });
    await page.locator(".row").getByText("n=1").waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await page.getByText("No messages yet").waitFor();
    await page.getByRole("link", { name: "Devices 1" }).click();
    await page.getByRole("button", { name: "Add a device" }).first().click();
    await page.locator("dialog[open] button[type=submit], dialog[open] .primary").first().click();
    await expect.poll(() => emulator.devices.length).toBe(2);
    expect(complaints).toEqual([]);
    expect(requested.filter((url) => !url.startsWith(`${nginx.url}${path}`))).toEqual([]);
  });

  withNginx("says which origin to allow, when it was not", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await sendOverHttp(emulator, { to: phone.token, data: { n: "1" } });
    await using nginx = await startNginx(`location / { proxy_pass ${emulator.httpUrl}; }`);
    await using inbox = await open(emulator, nginx.url);
    const { page } = inbox;
    await page.getByRole("button", { name: "Clear" }).click();
    await page
      .getByRole("alert")
      .getByText(`${nginx.url} is the inbox behind a proxy, add it to allowedOrigins`)
      .waitFor();
    expect(await page.locator(".row").count()).toBe(1);
  });
});
