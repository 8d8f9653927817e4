import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HttpAnswer, HttpRoute } from "../http-server.ts";

// src/servers and dist/servers are equally deep: from either, the page's own files are in src and its modules, built, in dist
const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const WRITTEN = join(PACKAGE, "src/inbox/web");
const BUILT = join(PACKAGE, "dist/inbox/web");

/** What the page's modules import by name. It comes with the emulator: nothing is fetched from elsewhere. */
const LIBRARIES: Readonly<Record<string, string>> = {
  preact: "dist/preact.module.js",
  "preact/hooks": "hooks/dist/hooks.module.js",
  "preact/jsx-runtime": "jsx-runtime/dist/jsxRuntime.module.js",
};

const TYPES: Readonly<Record<string, string>> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
  readonly etag: string;
}

/** The inbox, whose addresses are relative: it may stand below a path. One page, its style sheet and its modules. They are read when they are first asked for, and answer on no Google host. */
export function inboxPageRoutes(): HttpRoute[] {
  const importMap = JSON.stringify({
    imports: Object.fromEntries(Object.keys(LIBRARIES).map((name) => [name, `./inbox/library/${libraryFile(name)}`])),
  });
  // what a message holds is shown as text; should that ever fail, nothing but these files may run or be fetched
  const policy = [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash("sha256").update(importMap).digest("base64")}'`,
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
  const page = once(() => {
    const html = readFileSync(join(WRITTEN, "index.html"), "utf8");
    return pageFile(
      "text/html; charset=utf-8",
      Buffer.from(html.replace("<!-- IMPORT MAP -->", () => `<script type="importmap">${importMap}</script>`)),
    );
  });
  const files = once(readFiles);
  return [
    {
      method: "GET",
      path: "/",
      hosts: [],
      publicFile: true,
      handle: ({ headers }) => answer(page(), headers["if-none-match"], { "content-security-policy": policy }),
    },
    {
      method: "GET",
      path: "/inbox/:file",
      hosts: [],
      publicFile: true,
      handle: ({ path, headers }) => file(files(), path, headers["if-none-match"]),
    },
    {
      method: "GET",
      path: "/inbox/library/:file",
      hosts: [],
      publicFile: true,
      handle: ({ path, headers }) => file(files(), path, headers["if-none-match"]),
    },
  ];
}

/** Everything below `/inbox/`, by its path: only these files can be had, whatever a path says. */
function readFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  const add = (path: string, from: string): void => {
    const contentType = TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";
    files.set(path, pageFile(contentType, readFileSync(from)));
  };
  for (const name of ["inbox.css", "icon.svg"]) add(`/inbox/${name}`, join(WRITTEN, name));
  for (const name of readdirSync(BUILT)) if (name.endsWith(".js")) add(`/inbox/${name}`, join(BUILT, name));
  // the page's own library is found from here, and never loaded by the emulator itself
  const preact = dirname(createRequire(import.meta.url).resolve("preact/package.json"));
  for (const [name, path] of Object.entries(LIBRARIES)) add(`/inbox/library/${libraryFile(name)}`, join(preact, path));
  return files;
}

function libraryFile(name: string): string {
  return `${name.replace("/", "-")}.js`;
}

function pageFile(contentType: string, body: Buffer): PageFile {
  return { contentType, body, etag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"` };
}

function file(files: ReadonlyMap<string, PageFile>, path: string, known: string | undefined): HttpAnswer {
  const found = files.get(path);
  return found === undefined
    ? { status: 404, contentType: "text/plain; charset=utf-8", body: "Not Found\n" }
    : answer(found, known, {});
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
