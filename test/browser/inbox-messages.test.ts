import { createCcsClient } from "@cloud-messaging/ccs-client";
import { startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

describeInBrowser("the inbox's messages", (open) => {
  it("shows a message as soon as it arrives, and what becomes of it", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel", connected: false });
    await using inbox = await open(emulator);
    const { page, complaints } = inbox;
    await page.getByText("No messages yet").waitFor();

    await sendOverHttp(emulator, { to: phone.token, collapse_key: "mail", time_to_live: 90, data: { n: "1" } });
    const row = page.locator(".row").first();
    await row.getByText("stored").waitFor();
    const text = await row.textContent();
    for (const part of ["Pixel", "HTTP", "mail", "1 min 30 s", "n=1"]) expect(text).toContain(part);

    phone.connect();
    await row.getByText("delivered").waitFor();
    await sendOverHttp(emulator, { to: "tok-unknown", data: {} });
    await page.locator(".row").first().getByText("rejected").waitFor();
    expect(await page.locator(".row").first().textContent()).toContain("not-registered");
    expect(await page.locator(".row").count()).toBe(2);
    expect(complaints).toEqual([]);
  });

  it("finds a message by what it shows, by what came over the wire, and by its state", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel" });
    const long = { filler: "x".repeat(500), needle: "haystack-end" };
    await sendOverHttp(emulator, { to: phone.token, data: { city: "Köln" } });
    await sendOverHttp(emulator, { to: phone.token, data: long });
    await sendOverHttp(emulator, { to: "tok-unknown", data: { city: "Bonn" } });
    await using inbox = await open(emulator);
    const { page } = inbox;
    const rows = page.locator(".row");
    const shows = async (count: number, foot: string): Promise<void> => {
      await page.getByText(foot).waitFor();
      expect(await rows.count()).toBe(count);
    };
    const search = page.getByLabel("Search messages");

    await search.fill("köln");
    await shows(1, "1 shown");
    await search.fill("haystack-end");
    await rows.first().waitFor(); // the server is asked: the list's lines do not hold so much
    await shows(1, "1 shown");
    await search.fill("state:rejected to:unknown");
    await shows(1, "1 shown");
    await search.fill("nothing like it");
    await page.getByText("No message matches").waitFor();
    await page.getByRole("button", { name: "Show all" }).click();
    await page.getByRole("button", { name: /^Delivered/ }).click();
    await shows(2, "2 shown");
    await page.getByLabel("Protocol").selectOption("ccs");
    await page.getByText("No message matches").waitFor();
  });

  it("shows one message with its JSON, its wire form, its timeline and the phone's notification", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel", packageName: "com.example.mail", connected: false });
    await using client = createCcsClient(emulator.ccsOptions());
    await client.ready();
    const report = await client.send(
      {
        target: { token: phone.token },
        notification: { title: "Lunch?", body: "At noon" },
        data: { big: "9007199254740993" },
      },
      { receipt: true },
    );
    await using inbox = await open(emulator);
    const { page, complaints } = inbox;
    await page.locator(".row").first().click();

    const detail = page.getByRole("article");
    await detail.getByRole("heading", { name: "Lunch?" }).waitFor();
    await detail.getByText("stored").first().waitFor();
    phone.connect();
    expect((await report.receipts[0])?.status).toBeDefined();
    // it follows by itself
    await detail.locator(".timeline").getByText("receipt acked").waitFor();
    expect(await detail.locator(".timeline .what").allTextContents()).toEqual([
      "accepted",
      "stored",
      "delivered",
      "receipt sent",
      "receipt acked",
    ]);
    expect(await detail.locator(".card").textContent()).toMatch(/com\.example\.mail[\s\S]*Lunch\?[\s\S]*At noon/);

    await detail.getByRole("tab", { name: "JSON" }).click();
    const json = JSON.parse((await detail.locator("pre").textContent()) ?? "") as { id: number; data: unknown };
    expect(json).toMatchObject({ id: 1, data: { big: "9007199254740993" } });
    await detail.getByRole("tab", { name: "Wire" }).click();
    expect(await detail.locator("pre").textContent()).toContain('"delivery_receipt_requested": true');
    expect(complaints).toEqual([]);
  });

  it("opens the message that an address names, and says when it is not there", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "First" } });
    await using inbox = await open(emulator, "#/messages/1");
    await inbox.page.getByRole("heading", { name: "First" }).waitFor();
    await using other = await open(emulator, "#/messages/99");
    await other.page.getByText("Not here").waitFor();
  });

  it("forgets all messages when told to, and takes new ones", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await sendOverHttp(emulator, { to: phone.token, data: { n: "1" } });
    await using inbox = await open(emulator);
    await inbox.page.getByRole("button", { name: "Clear" }).click();
    await inbox.page.getByText("No messages yet").waitFor();
    expect(emulator.inbox.messages).toEqual([]);
    await sendOverHttp(emulator, { to: phone.token, data: { n: "2" } });
    await inbox.page.locator(".row").getByText("n=2").waitFor();
  });

  it("shows what a message contains as text, and never runs it", async () => {
    await using emulator = await startEmulator();
    const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script><a href="javascript:alert(3)">x</a>`;
    const phone = emulator.createDevice({ name: evil, packageName: evil });
    await sendOverHttp(emulator, {
      to: phone.token,
      collapse_key: evil,
      notification: { title: evil, body: evil, icon: evil, color: "#123456", image: "https://example.com/track.png" },
      data: { [evil]: evil },
    });
    await sendOverHttp(emulator, { to: evil, data: { evil } });
    await using inbox = await open(emulator);
    const { page, complaints, requested } = inbox;
    await page.locator(".row").last().click();
    await page.getByRole("article").getByRole("heading", { name: "<img src=x" }).waitFor();
    for (const tab of ["JSON", "Wire", "Overview"]) await page.getByRole("tab", { name: tab }).click();
    await page.goto(`${emulator.httpUrl}/#/devices/${phone.id}`);
    await page.locator(".phone .card").first().waitFor();

    expect(await page.locator("img, iframe, object, body script, [onerror], a[href^=javascript]").count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(requested.filter((url) => !url.startsWith(`${emulator.httpUrl}/`))).toEqual([]);
    // and should a mistake ever let it in, the browser is told to run and fetch nothing
    const policy = (await fetch(emulator.httpUrl)).headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    await page.evaluate(`document.body.insertAdjacentText("beforeend", "still here")`);
    const ran = await page
      .evaluate(
        `(() => { const s = document.createElement("script"); s.textContent = "window.ran = true"; document.body.append(s); return window.ran === true })()`,
      )
      .catch(() => false);
    expect(ran).toBe(false);
  });
});
