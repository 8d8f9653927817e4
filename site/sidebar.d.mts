interface Item {
  readonly text: string;
  readonly link: string;
}
/** Order of the site's pages. */
export const sidebar: readonly { readonly text: string; readonly items: readonly Item[] }[];
