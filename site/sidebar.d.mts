interface Item {
  readonly text: string;
  readonly link: string;
}
interface Group {
  readonly text: string;
  readonly items: readonly Item[];
}
/** Order of the site's pages. */
export const sidebar: readonly Group[];
/** Group of the changelogs of these pages; none before the first release, which makes them. */
export function changelogsOf(pages: readonly string[]): Group[];
