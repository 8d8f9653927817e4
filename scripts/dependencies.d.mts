/** Outside package that is installed at run time. */
export interface Dependency {
  readonly name: string;
  readonly version: string;
  /** SPDX expression of its manifest. */
  readonly licence: string | undefined;
  /** Size of its own files. */
  readonly bytes: number;
}
/** Licences that run-time dependencies may have, as SPDX identifiers. */
export const LICENCES: readonly string[];
/** Outside packages that are installed with one of ours. */
export function dependenciesOf(name: string): Dependency[];
