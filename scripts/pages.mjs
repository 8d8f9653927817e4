// Puts the pages that a package's README names, and those that they name, into the package: `docs/`, written by the build, in the tarball.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const LINK = /\[([^\]]*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)/g;

/** Source of a page of a package. */
const sourceOf = (page) => join(ROOT, page === "docs/SECURITY.md" ? "SECURITY.md" : page);

/** Pages of a package, by their path in it. */
export function pagesOf(folder) {
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  const linked = [...readme.matchAll(LINK)].map(([, , path]) => path).filter((path) => path.startsWith("docs/"));
  const pages = new Set(linked);
  for (const page of pages) {
    if (!existsSync(sourceOf(page))) throw new Error(`${folder}/README.md: there is no page ${page}`);
    for (const target of targetsOf(page)) pages.add(target);
  }
  return [...pages].sort();
}

/** Writes them. Images, and links to what is not in the package, are left out. */
export function writePages(folder) {
  const pages = new Set(pagesOf(folder));
  rmSync(join(folder, "docs"), { recursive: true, force: true });
  for (const page of pages) {
    const text = readFileSync(sourceOf(page), "utf8")
      .replace(/^!\[.*\)\n|<picture>[\s\S]*?<\/picture>\n?/gm, "")
      .replace(LINK, (link, words, path) => (path === "" || pages.has(resolve(page, path)) ? link : words));
    mkdirSync(dirname(join(folder, page)), { recursive: true });
    writeFileSync(join(folder, page), text);
  }
}

function targetsOf(page) {
  const text = readFileSync(sourceOf(page), "utf8").replace(/```[\s\S]*?```/g, "");
  return [...text.matchAll(LINK)]
    .map(([, , path]) => resolve(page, path))
    .filter((path) => path.startsWith("docs/") && path.endsWith(".md"));
}

const resolve = (page, path) => posix.join(posix.dirname(page), path);
