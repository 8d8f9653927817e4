import type { Dependency } from "./dependencies.mjs";

/** Document of CycloneDX, as far as it is read here. */
export interface Sbom {
  readonly bomFormat: string;
  readonly components?: readonly {
    readonly group?: string;
    readonly name: string;
    readonly version?: string;
    readonly licenses?: readonly {
      readonly license?: { readonly id?: string; readonly name?: string };
      readonly expression?: string;
    }[];
  }[];
}
/** Software bill of materials of a packed package, from the tarballs of all packages of ours by name. `installed`: licences that npm may not know. */
export function sbomOf(
  name: string,
  tarballs: Readonly<Record<string, string>>,
  installed?: readonly Pick<Dependency, "name" | "version" | "licence">[],
): Sbom;
/** Faults of a document, as sentences. */
export function sbomProblems(
  document: Sbom,
  name: string,
  dependencies: readonly string[],
  licences: readonly string[],
): string[];
