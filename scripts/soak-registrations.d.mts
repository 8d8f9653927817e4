/** Result of a soak: `wrong` has everything that was not as the model says, in words. */
export interface SoakResult {
  readonly store: string;
  readonly kills: number;
  readonly confirmed: number;
  readonly unconfirmed: number;
  readonly wrong: readonly string[];
}

/** Kills processes that write to a store, and compares it with a model after each kill. */
export function soakRegistrations(options: {
  /** Name in `registration-stores.mjs`. */
  readonly store: string;
  /** Folder, or address of a server. */
  readonly location: string;
  readonly kills: number;
  readonly seed?: number;
  readonly log?: (line: string) => void;
}): Promise<SoakResult>;
