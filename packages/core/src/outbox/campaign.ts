import { AbortedError, InvalidOptionsError } from "../errors.ts";
import { RecentMap } from "../recent-map.ts";
import { isPromiseLike } from "../registrations/maybe-promise.ts";
import { untilAborted } from "../time/abort.ts";
import type { Codec, Recipients } from "./codec.ts";
import type { OutboxEngine, Submission } from "./engine.ts";
import { encodeChunk, type Member, type MemberReader, nameOf, readMember } from "./members.ts";
import type { OutboxResult } from "./outbox.ts";
import { CHUNK_SIZE } from "./results.ts";

/** Chunks that are stored in one call of the engine. */
const CHUNKS_PER_APPEND = 16;
/** Tokens that a repeat is recognised among, at the least. More of them outlive the garbage collector's young generation, and double its work. */
const REMEMBERED_TOKENS = 1_000;

/** Parts of the storing of a campaign. */
export interface CampaignParts<Client> {
  readonly engine: OutboxEngine<Client>;
  readonly codec: Codec;
  readonly client: Client | undefined;
  readonly signal: AbortSignal | undefined;
  /** @throws {OutboxFullError} */
  reserve(recipients: number): Promise<void>;
}

/** Stores the recipients of a campaign that it has not yet, and seals it. */
export class CampaignWriter<Client> {
  readonly #parts: CampaignParts<Client>;
  readonly #id: string;
  #stored: number;
  /** All tokens of the campaign, where it is being completed or another process stores it as well. */
  #all: Set<string> | undefined;
  readonly #recent = new RecentMap<string, true>(REMEMBERED_TOKENS);
  #members: Member[] = [];
  #full: Member[][] = [];
  #over = false;
  /** Recipients stored by this call. */
  added = 0;

  constructor({ id, chunks }: Pick<Submission, "id" | "chunks">, parts: CampaignParts<Client>) {
    this.#id = id;
    this.#stored = chunks;
    this.#parts = parts;
    if (chunks > 0) this.#all = new Set();
  }

  async run(audience: Iterable<unknown> | AsyncIterable<unknown>, reader: MemberReader): Promise<void> {
    if (this.#all !== undefined) await this.#learn(0);
    const iterator = (
      Symbol.asyncIterator in audience
        ? audience[Symbol.asyncIterator]()
        : (audience as Iterable<unknown>)[Symbol.iterator]()
    ) as Iterator<unknown> | AsyncIterator<unknown>;
    const { signal } = this.#parts;
    let source: "open" | "asked" | "stuck" | "ended" = "open";
    try {
      while (!this.#over) {
        if (signal?.aborted) throw aborted(signal);
        source = "asked";
        const step = iterator.next();
        // awaited only where the source is async: a million awaits are not free
        const given = isPromiseLike(step)
          ? await untilAborted(step as PromiseLike<IteratorResult<unknown>>, signal)
          : (step as IteratorResult<unknown>);
        if (given === undefined) {
          source = "stuck";
          throw aborted(signal);
        }
        source = given.done ? "ended" : "open";
        if (given.done) break;
        this.#add(readMember(given.value, reader));
        if (this.#full.length >= CHUNKS_PER_APPEND) await this.#store(false);
      }
      if (source === "ended") await this.#store(true);
    } catch (error) {
      // what the source gave before it failed, or the signal aborted, stays
      if (source !== "ended") await this.#store(false, true).catch(() => undefined);
      // as in any loop, a source that has failed is not told to end, and this error goes before one of its end
      const end = source === "open" || source === "stuck" ? endOf(iterator) : undefined;
      // one that has not answered is told, and not waited for
      if (source === "open") await end;
      throw error;
    }
    if (source !== "ended") await iterator.return?.();
  }

  /** Stores recipients of an earlier campaign, with their changes, by the results that are picked. */
  async replay(results: AsyncIterable<OutboxResult>, select: (result: OutboxResult) => boolean): Promise<void> {
    if (this.#all !== undefined) await this.#learn(0);
    const { engine, codec } = this.#parts;
    let held: { readonly chunk: number; readonly recipients: Recipients } | undefined;
    for await (const result of results) {
      if (!select(result)) continue;
      const chunk = Math.floor(result.position / CHUNK_SIZE);
      if (held?.chunk !== chunk) {
        const [stored] = await engine.chunks(result.id, chunk, 1);
        if (stored === undefined) continue;
        held = { chunk, recipients: codec.readRecipients(stored.recipients, result.id, chunk) };
      }
      const changes = held.recipients.changes?.[result.position % CHUNK_SIZE] ?? undefined;
      const name = result.outcome.recipient;
      this.#add(changes === undefined ? name : { name, changes });
      if (this.#full.length >= CHUNKS_PER_APPEND) await this.#store(false);
      if (this.#over) return;
    }
    await this.#store(true);
  }

  #add(member: Member): void {
    const name = nameOf(member);
    if (this.#all?.has(name) || this.#recent.get(name)) return;
    this.#recent.set(name, true);
    this.#all?.add(name);
    this.#members.push(member);
    if (this.#members.length >= CHUNK_SIZE) {
      this.#full.push(this.#members);
      this.#members = [];
    }
  }

  /** Reads what is stored from a chunk on. */
  async #learn(from: number): Promise<void> {
    const { engine, codec } = this.#parts;
    this.#all ??= new Set();
    for (let next = from; ; ) {
      const page = await engine.chunks(this.#id, next, CHUNKS_PER_APPEND);
      for (const { chunk, recipients } of page) {
        for (const name of codec.readRecipients(recipients, this.#id, chunk).names) this.#all.add(name);
      }
      if (page.length === 0) break;
      next += page.length;
    }
  }

  async #store(seal: boolean, all = seal): Promise<void> {
    const { engine, codec, client, reserve } = this.#parts;
    let groups = this.#full;
    this.#full = [];
    if (all) {
      if (this.#members.length > 0) groups.push(this.#members);
      this.#members = [];
    }
    if (groups.length === 0 && !seal) return;
    for (;;) {
      const chunks = groups.map((members, index) => encodeChunk(members, this.#id, this.#stored + index, codec));
      await reserve(chunks.reduce((sum, { pending }) => sum + pending, 0));
      const after = this.#stored;
      const { stored, submission } = await engine.append({ submission: this.#id, after, chunks, seal }, client);
      if (submission === undefined)
        throw new InvalidOptionsError([{ path: "key", problem: "names a campaign that was removed meanwhile" }]);
      this.#stored = submission.chunks;
      if (stored) {
        this.added += chunks.reduce((sum, { size }) => sum + size, 0);
        return;
      }
      if (submission.sealed) {
        // another process has completed it, or somebody has cancelled it
        this.#over = true;
        return;
      }
      // another process stores the same campaign: what it has stored meanwhile is left out
      const known = new Set<string>();
      const own = this.#all;
      this.#all = known;
      await this.#learn(after);
      groups = groups
        .map((members) => members.filter((member) => !known.has(nameOf(member))))
        .filter((members) => members.length > 0);
      for (const name of own ?? []) known.add(name);
      for (const member of groups.flat()) known.add(nameOf(member));
    }
  }
}

function aborted(signal: AbortSignal | undefined): AbortedError {
  return new AbortedError("enqueueAll", signal?.reason, "all was stored");
}

/** Tells a source to end; its error is nobody's. */
async function endOf(iterator: Iterator<unknown> | AsyncIterator<unknown>): Promise<void> {
  try {
    await iterator.return?.();
  } catch {
    // another one is on its way
  }
}
