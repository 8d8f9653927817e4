/** One exported name: the comment above it, and its declaration. */
export interface PublicName {
  readonly name: string;
  readonly doc: string;
  readonly text: string;
}
/** Folders of all packages. */
export function packageFolders(): string[];
/** Exports of a package, entry by entry. */
export function publicSurface(folder: string): { readonly entry: string; readonly names: readonly PublicName[] }[];
/** Text of api.md. */
export function surfaceAsMarkdown(folder: string): string;
