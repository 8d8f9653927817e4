import { readFile } from "node:fs/promises";
import { AuthenticationError, CloudMessagingError } from "@cloud-messaging/core";
import type { AccessToken, AccessTokenProvider } from "./access-token.ts";

/**
 * A provider that is made from a file: read when it is first needed, again until it can be, and again after the service refused what
 * was in it, since keys are changed by putting a new file in the old one's place.
 */
export class ProviderFile {
  readonly #read: () => Promise<AccessTokenProvider | undefined>;
  #loading: Promise<AccessTokenProvider | undefined> | undefined;
  #loaded: AccessTokenProvider | undefined;

  constructor(read: () => Promise<AccessTokenProvider | undefined>) {
    this.#read = read;
  }

  /** The provider; `undefined` where the file holds none of our kind. */
  load(): Promise<AccessTokenProvider | undefined> {
    this.#loading ??= this.#read().then(
      (provider) => {
        this.#loaded = provider;
        return provider;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  /** `undefined` where there is no provider. */
  async fetchAccessToken(options: { readonly signal: AbortSignal }): Promise<AccessToken | undefined> {
    const provider = await this.load();
    try {
      return await provider?.fetchAccessToken(options);
    } catch (error) {
      if (error instanceof AuthenticationError) await this.#forget(provider);
      throw error;
    }
  }

  /** Waits for no reading: what is still being read holds nothing yet. */
  async close(): Promise<void> {
    await this.#loaded?.close?.();
  }

  async #forget(provider: AccessTokenProvider | undefined): Promise<void> {
    if (this.#loaded !== provider) return;
    this.#loaded = undefined;
    this.#loading = undefined;
    await provider?.close?.();
  }
}

/**
 * The JSON in a file of credentials.
 *
 * @param what The file in words. Its path is not told: what was given for a path may have been a secret.
 * @throws {AuthenticationError} it cannot be read, or is not JSON.
 */
export async function readJsonFile(path: string, what: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new AuthenticationError(
      `${what} cannot be read (${(error as NodeJS.ErrnoException).code ?? "no reason given"})`,
    );
  }
  try {
    return JSON.parse(text);
  } catch {
    // without the cause: it quotes what it could not read
    throw new AuthenticationError(`${what} is not JSON`);
  }
}

/** Makes a provider of what a file holds, with its errors told as the file's. */
export function providerFromFile(make: () => AccessTokenProvider, what: string): AccessTokenProvider {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof CloudMessagingError)) throw error;
    throw new AuthenticationError(`${what} is no good: ${error.message}`);
  }
}
