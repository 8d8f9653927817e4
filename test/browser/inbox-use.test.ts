import { startEmulator } from "@cloud-messaging/emulator";
import { expect, it } from "vitest";
import { describeInBrowser, sendOverHttp } from "./inbox-page.ts";

describeInBrowser("using the inbox", (open) => {
  it("shows every tab that the messages were cleared, and nothing more of them", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel", connected: false });
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "First" } });
    await using one = await open(emulator);
    await using two = await open(emulator);
    for (const { page } of [one, two]) await page.locator(".row").first().waitFor();
    emulator.inbox.clear();
    for (const { page } of [one, two]) await page.locator(".row").first().waitFor({ state: "detached" });
    phone.connect(); // what happens to it now is of no interest
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "Second" } });
    for (const { page } of [one, two]) {
      await page.locator(".row", { hasText: "Second" }).waitFor();
      expect(await page.locator(".row").count()).toBe(1);
    }
  });

  it("takes an address that names no message for the list", async () => {
    await using emulator = await startEmulator();
    await sendOverHttp(emulator, { to: emulator.createDevice().token, notification: { title: "First" } });
    await using inbox = await open(emulator, "#/messages/abc");
    await inbox.page.locator(".row").first().waitFor();
    expect(await inbox.page.getByRole("article").count()).toBe(0);
  });

  it("can be done by keyboard alone", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel" });
    for (const title of ["First", "Second", "Third"])
      await sendOverHttp(emulator, { to: phone.token, notification: { title } });
    await using inbox = await open(emulator);
    const { page } = inbox;
    const detail = page.getByRole("article");
    await page.locator(".row").nth(2).waitFor();

    await page.keyboard.press("j");
    await detail.getByRole("heading", { name: "Third" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await detail.getByRole("heading", { name: "Second" }).waitFor();
    await page.keyboard.press("End");
    await detail.getByRole("heading", { name: "First" }).waitFor();
    await page.keyboard.press("k");
    await detail.getByRole("heading", { name: "Second" }).waitFor();
    await page.keyboard.press("Escape");
    await detail.waitFor({ state: "detached" });

    await page.keyboard.press("/");
    await page.keyboard.type("third");
    await page.getByText("1 shown").waitFor();
    await page.keyboard.press("Escape"); // out of the search
    await page.keyboard.press("2");
    await page.getByRole("button", { name: "Add a device" }).waitFor(); // the list of messages names the phone as well
    await page.locator(".row", { hasText: /Pixel/ }).waitFor();
    await page.keyboard.press("j");
    await detail.getByRole("heading", { name: "Pixel" }).waitFor();
    await page.keyboard.press("3");
    await page.getByText("No connection").waitFor();
    await page.keyboard.press("4");
    await page.getByText("Nothing is armed").waitFor();
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keys" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("1");
    await page.locator(".row").first().waitFor();
    // every control can be reached, and shows that it was
    await page.keyboard.press("Tab");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
  });

  it("fits windows 400, 760, 1100 and 1600 px wide", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "A device whose name is rather long, as names are" });
    phone.reregister();
    await sendOverHttp(emulator, {
      to: phone.token,
      notification: { title: "wide ".repeat(60) },
      data: { key: "v".repeat(900) },
    });
    emulator.faults.nextRequest({ status: 503, retryAfter: "2" });
    await using inbox = await open(emulator);
    const { page } = inbox;
    const places = ["#/messages", "#/messages/1", "#/devices", `#/devices/${phone.id}`, "#/connections", "#/faults"];
    for (const [width, at] of [400, 760, 1100, 1600].flatMap((each) => places.map((place) => [each, place] as const))) {
      await page.setViewportSize({ width, height: 700 });
      await page.goto(`${emulator.httpUrl}/${at}`);
      await page
        .locator(at.includes("devices/") ? ".shade .card" : "main .pane")
        .last()
        .waitFor();
      const over = await page.evaluate(
        `[...document.querySelectorAll("body, main, .pane, .scroll, .shade, .card, .facts, .fault-form")]
          .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "none")
          .map((element) => element.className + " " + element.scrollWidth + " > " + element.clientWidth)`,
      );
      expect(over, `${at}, ${width} px`).toEqual([]);
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(width);
    }
  });

  it.each(["light", "dark"] as const)("has text that can be read in %s colours", async (colorScheme) => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ connected: false });
    await sendOverHttp(emulator, { to: "tok-unknown", data: { n: "1" } });
    await sendOverHttp(emulator, {
      to: phone.token,
      notification: { title: "Title", body: "Body", icon: "i" },
      data: { n: "1" },
    });
    phone.connect();
    phone.disconnect();
    await sendOverHttp(emulator, { to: phone.token, data: { n: "1" } });
    emulator.faults.nextRequest({ status: 503 });
    await using inbox = await open(emulator, "", { colorScheme, viewport: { width: 1600, height: 900 } });
    const { page } = inbox;
    let seen = 0;
    for (const at of [
      "#/messages/1",
      "#/messages/2",
      "#/messages/3",
      `#/devices/${phone.id}`,
      "#/connections",
      "#/faults",
    ]) {
      await page.goto(`${emulator.httpUrl}/${at}`);
      await page.locator("main .pane").last().waitFor();
      const { poor, count } = (await page.evaluate(CONTRAST)) as { poor: string[]; count: number };
      expect(poor, at).toEqual([]);
      seen += count;
    }
    expect(seen).toBeGreaterThan(150);
  });

  it("remembers a chosen theme", async () => {
    await using emulator = await startEmulator();
    await using inbox = await open(emulator, "", { colorScheme: "light" });
    const { page } = inbox;
    const background = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    const light = await background();
    await page.getByRole("button", { name: "Theme: auto" }).click();
    await page.getByRole("button", { name: "Theme: light" }).click();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    expect(await background()).not.toBe(light);
    await page.reload();
    await page.getByRole("button", { name: "Theme: dark" }).waitFor();
    expect(await background()).not.toBe(light);
  });

  it("keeps up with ten thousand messages, with few rows in the document, and answers meanwhile", async () => {
    await using emulator = await startEmulator({ throttling: { collapsible: false }, maxMessages: 20_000 });
    const tokens = Array.from({ length: 100 }, (_, n) => emulator.createDevice({ name: `phone-${n}` }).token);
    await using inbox = await open(emulator);
    const { page, complaints } = inbox;
    const sent = (async () => {
      for (let n = 0; n < 100; n++)
        await sendOverHttp(emulator, { registration_ids: tokens, data: { round: String(n) } });
    })();
    await page.locator(".row").first().waitFor();
    // while they pour in
    await page.keyboard.press("2");
    await page.locator(".row", { hasText: /phone-0/ }).waitFor();
    await page.keyboard.press("1");
    await page.locator(".row").first().waitFor();
    await sent;
    await page.getByText("10,000 captured").waitFor();
    expect(await page.locator(".row").count()).toBeLessThan(60);

    const list = page.getByRole("listbox");
    await list.press("End");
    await page.getByRole("article", { name: "Message 1", exact: true }).waitFor();
    await page.locator("#row-1").waitFor(); // the list has followed
    const top = (): Promise<string | undefined> =>
      page
        .getByRole("option")
        .nth(5)
        .getAttribute("id")
        .then((id) => id ?? undefined);
    const before = await top();
    // what the reader looks at stays where it is when more comes in on top
    await sendOverHttp(emulator, { registration_ids: tokens, data: { round: "last" } });
    await page.getByText("10,100 captured").waitFor();
    expect(await top()).toBe(before);
    // on a machine that is slow enough the page loses its event stream and connects again: it has caught up, as was just seen
    expect(complaints.filter((text) => !text.includes("ERR_INCOMPLETE_CHUNKED_ENCODING"))).toEqual([]);
  });

  it("marks what comes in as new until it is looked at, and counts it in the title", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice({ name: "Pixel" });
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "Before" } });
    await using inbox = await open(emulator);
    const { page, complaints } = inbox;
    await page.locator(".row", { hasText: "Before" }).waitFor();
    expect(await page.locator(".row .new").count()).toBe(0);
    for (const title of ["First", "Second"]) await sendOverHttp(emulator, { to: phone.token, notification: { title } });
    await page.locator(".foot", { hasText: "2 new" }).waitFor();
    expect(await page.title()).toBe("(2) Cloud messaging emulator");
    await page.locator(".row", { hasText: "Second" }).click();
    await page.locator(".foot", { hasText: "1 new" }).waitFor();
    expect(await page.locator(".row", { hasText: "Second" }).locator(".new").count()).toBe(0);
    await page.getByRole("button", { name: "Mark as seen" }).click();
    await page.locator(".row .new").waitFor({ state: "detached" });
    expect(await page.title()).toBe("Cloud messaging emulator");
    expect(complaints).toEqual([]);
  });

  it("keeps what narrows the list down in the address, for a reload and for others", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    for (const title of ["One", "Two words", "Three"])
      await sendOverHttp(emulator, { to: phone.token, notification: { title } });
    await sendOverHttp(emulator, { to: "nobody", notification: { title: "Lost words" } });
    await using inbox = await open(emulator, '#/messages?q="two words"');
    const { page } = inbox;
    await page.getByText("1 shown").waitFor();
    expect(await page.locator("#search").inputValue()).toBe('"two words"');
    await page.locator("#search").fill("words -state:delivered");
    await page.getByRole("button", { name: "Failed" }).click();
    await page.waitForURL(/#\/messages\?q=words\+-state%3Adelivered&show=bad$/);
    await page.locator(".row", { hasText: "not-registered" }).click();
    await page.waitForURL(/#\/messages\/4\?q=/);
    await page.reload();
    await page.getByRole("article").getByRole("heading", { name: "Lost words" }).waitFor();
    await page.getByText("1 shown").waitFor();
    // elsewhere and back: it stays
    await page.getByRole("link", { name: /Devices/ }).click();
    await page.getByRole("link", { name: /Messages/ }).click();
    await page.waitForURL(/#\/messages\?q=words/);
    await page.getByText("1 shown").waitFor();
  });

  it("loses nothing of what narrows the list down when two changes come within one frame", async () => {
    await using emulator = await startEmulator();
    await sendOverHttp(emulator, { to: "nobody", notification: { title: "Lost words" } });
    await using inbox = await open(emulator);
    const { page } = inbox;
    await page.locator(".row").first().waitFor();
    await page.evaluate(`{
      const search = document.querySelector("#search");
      search.value = "words";
      search.dispatchEvent(new Event("input", { bubbles: true }));
      [...document.querySelectorAll("button")].find((button) => button.textContent.startsWith("Failed")).click();
    }`);
    await page.waitForURL(/#\/messages\?q=words&show=bad$/);
    expect(await page.locator("#search").inputValue()).toBe("words");
  });

  it("shows at #/messages/latest whichever message came last", async () => {
    await using emulator = await startEmulator();
    const phone = emulator.createDevice();
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "First" } });
    await using inbox = await open(emulator, "#/messages/latest");
    const article = inbox.page.getByRole("article");
    await article.getByRole("heading", { name: "First" }).waitFor();
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "Second" } });
    await article.getByRole("heading", { name: "Second" }).waitFor();
  });

  it("keeps showing the message that is open when the emulator has made room for newer ones", async () => {
    await using emulator = await startEmulator({ maxMessages: 10 });
    const phone = emulator.createDevice();
    await sendOverHttp(emulator, { to: phone.token, notification: { title: "Oldest" } });
    await using inbox = await open(emulator, "#/messages/1");
    const { page, complaints } = inbox;
    const heading = page.getByRole("article").getByRole("heading", { name: "Oldest" });
    await heading.waitFor();
    for (let n = 0; n < 12; n++) await sendOverHttp(emulator, { to: phone.token, data: { n: String(n) } });
    await page.locator(".row", { hasText: "n=11" }).waitFor();
    expect(emulator.inbox.messages[0]?.id).toBe(4);
    emulator.inbox.clear(); // now the page does not have it any more either
    await page.getByText("No messages yet").waitFor();
    expect(await heading.count()).toBe(1);
    // the page may have asked just before it heard that the message is gone
    expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
  });

  it("says that the emulator is gone, and goes on when it is back", async () => {
    const first = await startEmulator();
    const httpPort = Number(new URL(first.httpUrl).port);
    first.createDevice({ name: "Of the first" });
    await using inbox = await open(first, "#/devices");
    const { page } = inbox;
    await page.getByText("Of the first").first().waitFor();
    await first.close();
    await page.getByText("The emulator does not answer").first().waitFor();

    await using second = await startEmulator({ httpPort });
    second.createDevice({ name: "Of the second" });
    await page.getByText("Of the second").first().waitFor();
    expect(await page.getByText("Of the first").count()).toBe(0);
    await page.locator(".banner").waitFor({ state: "detached" });
  });

  it("needs nothing from elsewhere", async () => {
    await using emulator = await startEmulator();
    await using inbox = await open(emulator);
    const { requested } = inbox;
    expect(requested.length).toBeGreaterThan(10);
    expect(requested.filter((url) => new URL(url).origin !== emulator.httpUrl)).toEqual([]);
  });
});

/** Every piece of text in view against the colour behind it; WCAG asks for 4.5 to 1. */
const CONTRAST = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, bottom) => bottom.map((value, i) => (top[i] * top[3] + value * (255 - top[3])) / 255);
  const light = ([r, g, b]) => [r, g, b].map((value) => { const c = value / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; })
    .reduce((sum, value, i) => sum + value * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    if (element === null) return rgba(getComputedStyle(document.documentElement).backgroundColor);
    const style = getComputedStyle(element);
    const colour = rgba(style.backgroundColor);
    return colour[3] === 255 ? colour : over(colour, behind(element.parentElement));
  };
  const poor = []; let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.textContent.trim() === "" || element.closest("option, script, style, noscript, :disabled, [hidden]")) continue;
    if (element.getClientRects().length === 0) continue;
    count++;
    const back = behind(element);
    const front = over(rgba(getComputedStyle(element).color), back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) poor.push(ratio.toFixed(2) + " " + node.textContent.trim().slice(0, 40) + " (" + element.className + ")");
  }
  return { poor, count };
})()`;
