import { readFile } from "node:fs/promises";
import { AuthenticationError, type Clock, InvalidOptionsError } from "@cloud-messaging/core";
import { elapsedMs, type MonotonicInstant } from "@cloud-messaging/core/transport";
import type { AccessToken, AccessTokenProvider } from "./access-token.ts";
import { decodeText } from "./credential-text.ts";

/** Content of a file of credentials. */
export interface FoundFile {
  /** The file in words, for errors. */
  readonly what: string;
  /** `undefined` where there is no file, and something else stands in for it. */
  readonly text: string | undefined;
}

interface Loaded extends FoundFile {
  readonly provider: AccessTokenProvider;
}

/** The same text is not tried again for so long after it was refused. Unit: milliseconds. */
const REFUSED_TEXT_MS = 30_000;

/**
 * A provider that is made from a file: read when it is first needed, and again when what was in it is refused, since keys are changed by
 * putting a new file in the old one's place. What the file holds by then is tried within the same fetch.
 */
export class ProviderFile implements AccessTokenProvider {
  /** Looking at the file costs little, and it may have been put right. */
  readonly refusalLifeMs = 1_000;
  readonly #read: () => Promise<FoundFile>;
  readonly #make: (found: FoundFile) => AccessTokenProvider;
  readonly #clock: Clock;
  #loading: Promise<Loaded> | undefined;
  #loaded: Loaded | undefined;
  #refused:
    | { readonly text: string | undefined; readonly error: AuthenticationError; readonly at: MonotonicInstant }
    | undefined;

  constructor(read: () => Promise<FoundFile>, make: (found: FoundFile) => AccessTokenProvider, clock: Clock) {
    this.#read = read;
    this.#make = make;
    this.#clock = clock;
  }

  async fetchAccessToken(options: { readonly signal: AbortSignal }): Promise<AccessToken> {
    const known = this.#loaded;
    try {
      return await this.#fetchWith(known ?? (await this.#load()), options);
    } catch (error) {
      // what was read just now is what the file holds
      if (known === undefined || !(error instanceof AuthenticationError)) throw error;
    }
    return await this.#fetchWith(await this.#load(), options);
  }

  async findProjectId(): Promise<string | undefined> {
    const { provider } = await this.#load();
    return provider.projectId ?? (await provider.findProjectId?.());
  }

  /** Waits for no reading: what is still being read holds nothing yet. */
  async close(): Promise<void> {
    await this.#loaded?.provider.close?.();
  }

  async #fetchWith(loaded: Loaded, options: { readonly signal: AbortSignal }): Promise<AccessToken> {
    try {
      return await loaded.provider.fetchAccessToken(options);
    } catch (error) {
      if (error instanceof AuthenticationError) {
        this.#refused = { text: loaded.text, error, at: this.#clock.monotonic() };
        if (this.#loaded === loaded) {
          this.#loaded = undefined;
          this.#loading = undefined;
        }
        await loaded.provider.close?.();
      }
      throw error;
    }
  }

  /** @throws {AuthenticationError} it cannot be read, holds no credentials, or still what was refused a moment ago. */
  #load(): Promise<Loaded> {
    this.#loading ??= this.#readAndMake().then(
      (loaded) => {
        this.#loaded = loaded;
        return loaded;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  async #readAndMake(): Promise<Loaded> {
    const found = await this.#read();
    const refused = this.#refused;
    if (refused !== undefined && refused.text === found.text) {
      if (elapsedMs(this.#clock, refused.at) < REFUSED_TEXT_MS) throw refused.error;
    }
    try {
      return { ...found, provider: this.#make(found) };
    } catch (error) {
      if (!(error instanceof InvalidOptionsError)) throw error;
      const problems = error.problems.map(({ path, problem }) => `${path}: ${problem}`).join("; ");
      throw new AuthenticationError(`${found.what} cannot be used: ${problems}`);
    }
  }
}

/**
 * The text of a file of credentials.
 *
 * @param what The file in words.
 * @throws {AuthenticationError} it cannot be read.
 */
export async function readCredentialFile(path: string, what: string): Promise<FoundFile> {
  try {
    return { what, text: decodeText(await readFile(path)) };
  } catch (error) {
    const { code = "no reason given" } = error as NodeJS.ErrnoException;
    throw new AuthenticationError(`${what} cannot be read (${code})`);
  }
}
