import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { HttpAnswer } from "@cloud-messaging/connection-server";
import type { EmulatorRoute } from "../emulator-http.ts";
import { PACKAGE_FOLDER } from "../package-folder.ts";

/** The page as it was built: HTML, style sheet, icon and modules. */
const BUILT = join(PACKAGE_FOLDER, "dist/inbox");

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
}

/**
 * Routes of the inbox page. Its addresses are relative, so that it may stand below a path. The files are read when they are first asked
 * for, and answer on no Google host.
 */
export function inboxPageRoutes(): EmulatorRoute[] {
  // what a message holds is shown as text; should that ever fail, nothing but these files may run or be fetched
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "worker-src 'self'",
    "require-trusted-types-for 'script'",
    "trusted-types inbox-worker",
  ].join("; ");
  const files = once(readFiles);
  return [
    {
      method: "GET",
      path: "/",
      hosts: [],
      handle: ({ headers }) => file(files(), "/", headers["if-none-match"], { "content-security-policy": policy }),
    },
    {
      method: "GET",
      path: "/inbox/:file",
      hosts: [],
      publicFile: true,
      handle: ({ path, headers }) => file(files(), path, headers["if-none-match"]),
    },
  ];
}

/** The page and everything below `/inbox/`, by its path: only these files can be had, whatever a path says. */
function readFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(BUILT)) {
    const contentType = TYPES[name.slice(name.lastIndexOf(".") + 1)];
    if (contentType === undefined) continue;
    files.set(name === "index.html" ? "/" : `/inbox/${name}`, pageFile(contentType, readFileSync(join(BUILT, name))));
  }
  return files;
}

function pageFile(contentType: string, body: Buffer): PageFile {
  return { contentType, body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

function file(
  files: ReadonlyMap<string, PageFile>,
  path: string,
  known: string | undefined,
  headers: Readonly<Record<string, string>> = {},
): HttpAnswer {
  const found = files.get(path);
  return found === undefined
    ? { status: 404, contentType: "text/plain; charset=utf-8", body: "Not Found\n" }
    : answer(found, known, headers);
}

function answer(
  { contentType, body, etag }: PageFile,
  known: string | undefined,
  headers: Readonly<Record<string, string>>,
): HttpAnswer {
  const all = {
    ...headers,
    etag,
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
  return known === etag
    ? { status: 304, contentType, headers: all, body: "" }
    : { status: 200, contentType, headers: all, body };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
