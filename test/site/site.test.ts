import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sidebar } from "../../site/sidebar.mjs";
import { chromiumPath } from "../browser/inbox-page.ts";

const site = join(import.meta.dirname, "../../site");
const dist = join(site, "dist");
const TYPES: Readonly<Record<string, string>> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  json: "application/json",
  png: "image/png",
  woff2: "font/woff2",
};
const axe = readFileSync(join(site, "node_modules/axe-core/axe.min.js"), "utf8");

/** Checker of accessibility, in the page. */
interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>;
}

/** Sizes and colour schemes in which the site is read; in the first of them, every page. */
const VIEWS: readonly [string, BrowserContextOptions][] = [
  ["on a desktop, light", { viewport: { width: 1280, height: 800 }, colorScheme: "light" }],
  ["on a desktop, dark", { viewport: { width: 1280, height: 800 }, colorScheme: "dark" }],
  ["on a phone, light", { viewport: { width: 390, height: 844 }, colorScheme: "light" }],
  ["on a phone, dark", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
];
/** One page of each kind: home, prose, programs, tables, generated declarations. */
const PAGES = ["", "start", "tutorial", "troubleshooting", "protocol/error-codes", "reference/store-lmdb"];

let server: Server;
let browser: Browser;
let origin: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://site").pathname);
    const file = [path, `${path}.html`, `${path}index.html`]
      .map((name) => join(dist, name))
      .find((name) => name.startsWith(dist) && existsSync(name) && /\.\w+$/.test(name));
    const type = TYPES[file?.split(".").at(-1) ?? ""];
    if (file === undefined || type === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": type }).end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch({ executablePath: chromiumPath(), args: ["--no-sandbox", "--disable-gpu"] });
});
afterAll(async () => {
  await browser?.close();
  server?.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** Opens the site; `elsewhere` collects the addresses outside it that were asked for, none of which is reached. */
async function open(options: BrowserContextOptions, use: (page: Page, elsewhere: string[]) => Promise<void>) {
  const context = await browser.newContext(options);
  try {
    const elsewhere: string[] = [];
    await context.route(
      (url) => url.origin !== origin && url.protocol.startsWith("http"),
      (route) => {
        elsewhere.push(route.request().url());
        return route.abort();
      },
    );
    const page = await context.newPage();
    page.on("pageerror", (error) => elsewhere.push(String(error)));
    await use(page, elsewhere);
  } finally {
    await context.close();
  }
}

const everyPage = ["", ...sidebar.flatMap(({ items }) => items.map(({ link }) => link.slice(1)))];

describe.each(VIEWS)("the site, %s", (name, options) => {
  it.each(name === VIEWS[0]?.[0] ? everyPage : PAGES)(
    "/%s is accessible and asks nobody else for anything",
    async (path) => {
      await open(options, async (page, elsewhere) => {
        await page.goto(`${origin}/${path}`);
        // the names of switches are set once the page's script has run
        await page.waitForFunction('document.querySelector(".VPSwitchAppearance")?.title !== ""');
        // colours are measured as they are in the end
        await page.addStyleTag({ content: "* { transition: none !important; animation: none !important; }" });
        await page.addScriptTag({ content: axe });
        const violations = await page.evaluate(async () => {
          const { violations } = await (globalThis as unknown as { axe: Axe }).axe.run();
          return violations.map(
            ({ id, nodes }) =>
              `${id}: ${nodes
                .slice(0, 3)
                .map(({ html }) => html.slice(0, 160))
                .join(" | ")}`,
          );
        });
        expect(violations).toEqual([]);
        expect(elsewhere).toEqual([]);
        // nothing is wider than the screen: a page that scrolls sideways cannot be read on a phone
        expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(
          options.viewport?.width ?? 0,
        );
        if (process.env["SCREENSHOTS"] !== undefined && PAGES.includes(path)) {
          mkdirSync(join(site, "screenshots"), { recursive: true });
          const file = `${path.replaceAll("/", "-") || "home"} ${name}.png`.replaceAll(/[, ]+/g, "-");
          await page.screenshot({ path: join(site, "screenshots", file) });
        }
      });
    },
  );
});

describe("the site", () => {
  it("has every page of its sidebar", () => {
    for (const { link } of sidebar.flatMap(({ items }) => items)) {
      expect(existsSync(join(dist, `${link}.html`)), link).toBe(true);
    }
  });

  it("finds a page by a word of it, without a server", async () => {
    await open({ viewport: { width: 1280, height: 800 } }, async (page, elsewhere) => {
      await page.goto(`${origin}/start`, { waitUntil: "networkidle" });
      await page.getByRole("button", { name: "Search" }).first().click();
      await page.locator("#localsearch-input").fill("CONNECTION_DRAINING");
      const first = page.locator(".VPLocalSearchBox .result").first();
      await first.waitFor();
      await first.click();
      await page.waitForURL(/flow-control|ccs|troubleshooting|error-codes/);
      expect(elsewhere).toEqual([]);
    });
  });
});
