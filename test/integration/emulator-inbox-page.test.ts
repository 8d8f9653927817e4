import { get } from "node:http";
import { startEmulator } from "@cloud-messaging/emulator";
import { describe, expect, it } from "vitest";

describe("serving the inbox", () => {
  it("gives the page, its style sheet and every module it imports, and asks for them anew only when they changed", async () => {
    await using emulator = await startEmulator();
    const page = await fetch(`${emulator.httpUrl}/`);
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const html = await page.text();
    const wanted = [...html.matchAll(/(?:src|href)="(inbox\/[^"]+)"/g)].map((match) => `/${match[1]}`);
    // the worker is named by no import; every address is relative, for a page below a path
    wanted.push("/inbox/worker.js");
    expect(html).not.toMatch(/(?:src|href)="\//);
    const seen = new Set<string>();
    for (let path = wanted.pop(); path !== undefined; path = wanted.pop()) {
      if (seen.has(path)) continue;
      seen.add(path);
      const answer = await fetch(new URL(path, emulator.httpUrl));
      expect(answer.status, path).toBe(200);
      expect(answer.headers.get("x-content-type-options"), path).toBe("nosniff");
      const text = await answer.text();
      if (!path.endsWith(".js")) continue;
      expect(answer.headers.get("content-type"), path).toMatch(/^text\/javascript/);
      for (const [, name = ""] of text.matchAll(/(?:from|import)\s*["']([\w./@-]+)["']/g)) {
        if (name.startsWith(".")) wanted.push(new URL(name, `http://x${path}`).pathname);
        else expect.fail(`${path} imports ${name}, which a browser cannot find`);
      }
      const again = await fetch(new URL(path, emulator.httpUrl), {
        headers: { "if-none-match": answer.headers.get("etag") ?? "" },
      });
      expect([again.status, await again.text()], path).toEqual([304, ""]);
    }
    expect(seen.size).toBeGreaterThan(4);
  });

  it("gives nothing else, whatever a path says", async () => {
    await using emulator = await startEmulator();
    for (const path of [
      "/inbox/",
      "/inbox/none.js",
      "/inbox/..%2f..%2fpackage.json",
      "/inbox/library/..%2f..%2fpackage.json",
      "/inbox/main.tsx",
    ]) {
      const answer = await fetch(`${emulator.httpUrl}${path}`);
      expect([path, answer.status]).toEqual([path, 404]);
      await answer.text();
    }
  });

  it("is not what a program finds that asks a host of Google's", async () => {
    await using emulator = await startEmulator();
    const status = await new Promise((resolve, reject) => {
      get(`${emulator.httpUrl}/`, { headers: { host: "fcm.googleapis.com" } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(404);
  });
});
