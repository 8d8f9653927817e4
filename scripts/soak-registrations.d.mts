import type { RegistrationStore } from "@cloud-messaging/core";

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

/** Contents that a sender's part of a store has to have, step by step. */
export interface SoakModel {
  /** Steps done. */
  done: number;
  advance(): Promise<void>;
  /** State after so many steps. */
  state(n: number): Promise<unknown>;
}

export function createModel(sender: string): SoakModel;
/** Does the n-th step of a sender. */
export function step(store: RegistrationStore, sender: string, n: number): Promise<unknown>;
/** Reads the registrations of a sender's users, and the tokens that its newest ones lead to. */
export function stateOf(store: RegistrationStore, sender: string, n: number): Promise<unknown>;
/** Compares the store's answers with each other; everything that differs, in words. */
export function inconsistencies(store: RegistrationStore, from: string): Promise<string[]>;
