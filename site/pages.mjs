// Pages of the site, each from the file that it is kept in: `docs/`, and the READMEs, public surfaces and change logs of the packages.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
const LINK = /(!?)\[([^\]]*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)/g;
/** Code, or a link, whose words may have code in them. */
const CODE_OR_LINK = /(^```[\s\S]*?^```$|`[^`\n]*`)|\[(?:[^\]`\n]|\n(?!\n|```)|`[^`\n]*`)*\]\([^)\s]*\)/gm;

/** Packages in the order of the site. */
export const packages = readdirSync(join(ROOT, "packages")).sort();

/** Path of each page on the site, by the path of its file in the repository. */
export function sitePaths() {
  const paths = new Map([
    ["CONTRIBUTING.md", "contributing.md"],
    ["SECURITY.md", "security.md"],
  ]);
  for (const file of readdirSync(join(ROOT, "docs"), { recursive: true })) {
    const path = String(file).replaceAll("\\", "/");
    if (path.endsWith(".md")) paths.set(`docs/${path}`, path);
  }
  for (const name of packages) {
    paths.set(`packages/${name}/README.md`, `packages/${name}.md`);
    paths.set(`packages/${name}/api.md`, `reference/${name}.md`);
    if (existsSync(join(ROOT, `packages/${name}/CHANGELOG.md`))) {
      paths.set(`packages/${name}/CHANGELOG.md`, `changelog/${name}.md`);
    }
  }
  return paths;
}

/** Text of a page as the site has it: its links lead to the site's pages; those to files that are no pages become their words. */
export function pageText(source, paths = sitePaths()) {
  const here = paths.get(source);
  const text = readFileSync(join(ROOT, source), "utf8");
  const linked = withoutCode(text, (prose) =>
    prose.replace(/(src|srcset)="(?=images\/)/g, '$1="./').replace(LINK, (link, image, words, path, anchor = "") => {
      if (path === "" || image === "!") return link;
      const target = resolve(source, path);
      if (!existsSync(join(ROOT, target))) throw new Error(`${source}: there is no ${target}`);
      const page = paths.get(target) ?? paths.get(`${target.replace(/\/$/, "")}/README.md`);
      return page === undefined ? words : `[${words}](${relative(here, page)}${anchor})`;
    }),
  );
  // what looks like a tag or an expression outside code would be one of the site's
  return source.endsWith("api.md") ? linked : withoutCode(linked, (prose) => prose.replace(/\{\{/g, "&#123;&#123;"));
}

/** All links of a page: the words, the path as it stands there, the anchor. */
export function linksOf(text) {
  const links = [];
  withoutCode(text, (prose) => {
    for (const [, , words, path, anchor = ""] of prose.matchAll(LINK)) links.push({ words, path, anchor });
    return prose;
  });
  return links;
}

/** Anchor of a heading, as GitHub makes it: the same links work in the repository and on the site. */
export function slug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, "")
    .replace(/\s/g, "-");
}

/** Changes the prose of a page, links with their words among it, and leaves its code as it is. */
function withoutCode(text, change) {
  let changed = "";
  let from = 0;
  for (const { 0: whole, 1: code, index } of text.matchAll(CODE_OR_LINK)) {
    if (code === undefined) continue;
    changed += change(text.slice(from, index)) + code;
    from = index + whole.length;
  }
  return changed + change(text.slice(from));
}

/** Path in the repository that a link leads to. A package has copies of the pages that it names (`scripts/pages.mjs`). */
function resolve(source, path) {
  const ofPackage = source.startsWith("packages/") && path.startsWith("docs/");
  return (ofPackage ? path : posix.join(posix.dirname(source), path)).replace(/^docs\/SECURITY\.md$/, "SECURITY.md");
}

const relative = (from, to) => {
  const path = posix.relative(posix.dirname(from), to);
  return path.startsWith(".") ? path : `./${path}`;
};
