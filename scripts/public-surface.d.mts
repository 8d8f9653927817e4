/** One exported name: the comment above it, and its declaration. */
export interface PublicName {
  readonly name: string;
  readonly doc: string;
  readonly text: string;
}
/** Folders of all packages. */
export function packageFolders(): string[];
/** What a package exports, entry by entry. */
export function publicSurface(folder: string): { readonly entry: string; readonly names: readonly PublicName[] }[];
/** What api.md says. */
export function surfaceAsMarkdown(folder: string): string;
