import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Emulator } from "@cloud-messaging/emulator";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

const executable =
  process.env["CHROMIUM"] ??
  NAMES.flatMap((name) => (process.env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, name))).find(
    (file) => existsSync(file),
  );

/** The browser of this machine: `CHROMIUM` in the environment, else the first on the path. @throws there is none. */
export function chromiumPath(): string {
  if (executable === undefined) throw new Error("There is no Chromium: install one, or name it in CHROMIUM");
  return executable;
}

/** An open inbox, and what went wrong in it. */
export interface OpenInbox extends AsyncDisposable {
  readonly page: Page;
  /** Complaints of the browser: errors, warnings and breaches of the page's policy. */
  readonly complaints: readonly string[];
  /** Addresses that the page asked for. */
  readonly requested: readonly string[];
}

/** Options of the browser's, and a function that it shall not have. */
export type OpenOptions = BrowserContextOptions & { readonly without?: string };

/** Opens the inbox of an emulator at an address within it (`#/devices`) or a proxy's, and waits until it is live. */
export type OpenPage = (emulator: Emulator, at?: string, options?: OpenOptions) => Promise<OpenInbox>;

/**
 * Tests of the inbox in a real browser. Without one they are skipped, with a word about it; in CI they fail.
 */
export function describeInBrowser(name: string, tests: (open: OpenPage) => void): void {
  if (executable === undefined && process.env["CI"] === undefined) {
    console.warn(
      `Skipped: ${name}. There is no Chromium here: install one (apt-get install chromium), or name it in CHROMIUM`,
    );
  }
  describe.runIf(executable !== undefined || process.env["CI"] !== undefined)(name, () => {
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: chromiumPath(),
        args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      });
    });
    afterAll(async () => {
      await browser?.close();
    });
    tests(async (emulator, at = "", { without, ...options } = {}) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      if (without !== undefined) await context.addInitScript(`delete globalThis.${without}`);
      const page = await context.newPage();
      page.setDefaultTimeout(15_000); // says what was waited for, before the test's own limit says nothing
      const complaints: string[] = [];
      const requested: string[] = [];
      page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complaints.push(message.text());
      });
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("dialog", (dialog) => {
        complaints.push(`dialog: ${dialog.message()}`);
        void dialog.dismiss();
      });
      page.on("request", (request) => requested.push(request.url()));
      await page.goto(new URL(at, emulator.httpUrl).href);
      await page.locator(".link.live").waitFor({ state: "attached" });
      return { page, complaints, requested, [Symbol.asyncDispose]: () => context.close() };
    });
  });
}

/** Sends over HTTP as any program would, and returns the answer's text. */
export async function sendOverHttp(emulator: Emulator, message: Readonly<Record<string, unknown>>): Promise<string> {
  const { endpoint, apiKey } = emulator.httpOptions();
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { authorization: `key=${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify(message),
  });
  return response.text();
}
