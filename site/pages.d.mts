/** Root folder of the repository. */
export const ROOT: string;
/** Packages in the order of the site. */
export const packages: readonly string[];
/** Path of each page on the site, by the path of its file in the repository. */
export function sitePaths(): Map<string, string>;
/** Text of a page as the site has it. */
export function pageText(source: string, paths?: ReadonlyMap<string, string>): string;
/** Links of a page: words, path and anchor. */
export function linksOf(text: string): { words: string; path: string; anchor: string }[];
/** Anchor of a heading, as GitHub makes it. */
export function slug(heading: string): string;
