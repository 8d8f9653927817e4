import { AbortedError, InvalidMessageError, InvalidOptionsError } from "../errors.ts";
import { type MessageContent, parseDownstreamMessage } from "../message/downstream.ts";
import { recipientsOf } from "../message/target.ts";
import { type RegistrationToken, tokenProblem } from "../message/token.ts";
import { RecentMap } from "../recent-map.ts";
import { isPromiseLike } from "../registrations/maybe-promise.ts";
import { type AddressedMessage, recipientsGiven, refusedRecipient } from "../sending/addressed-message.ts";
import { merged } from "../sending/merged.ts";
import { encodeState } from "./chunk-state.ts";
import type { Codec, Recipients, Settled } from "./codec.ts";
import type { NewChunk, OutboxEngine, Submission } from "./engine.ts";
import type { OutboxResult } from "./outbox.ts";
import { CHUNK_SIZE } from "./results.ts";

/** Chunks that are stored in one call of the engine. */
const CHUNKS_PER_APPEND = 16;
/** Tokens that a repeat is recognised among, at the least. */
const REMEMBERED_TOKENS = 10_000;

/** A recipient as it is stored. */
interface Member {
  readonly name: string;
  readonly changes: MessageContent | undefined;
  readonly refused: Settled["outcome"] | undefined;
}

/** Reads what an audience gives. */
export interface MemberReader {
  readonly content: MessageContent;
  readonly personalize: ((recipient: never) => MessageContent | undefined) | undefined;
  /** @throws {InvalidMessageError} the service cannot carry the message. */
  check(message: ReturnType<typeof parseDownstreamMessage>): void;
}

function readMember(given: unknown, { content, personalize, check }: MemberReader): Member {
  const isObject = typeof given === "object" && given !== null;
  const token: unknown = isObject && "token" in given ? given.token : given;
  const problem = tokenProblem(token);
  if (problem !== undefined) {
    const refused = refusedRecipient(token, `The token ${problem}`);
    return { name: refused.recipient, changes: undefined, refused };
  }
  const name = token as string;
  const column = isObject ? (given as { readonly changes?: MessageContent }).changes : undefined;
  const changes = personalize === undefined ? column : personalize(given as never);
  if (changes === undefined) return { name, changes, refused: undefined };
  try {
    const whole = { ...(merged(content, changes) as object), target: { token: name as RegistrationToken } };
    check(parseDownstreamMessage(whole));
    return { name, changes, refused: undefined };
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    return { name, changes: undefined, refused: refusedRecipient(name, error.message) };
  }
}

/** @throws {InvalidOptionsError} the audience is nothing to iterate over. */
export function checkAudience(audience: unknown): void {
  if (
    typeof audience !== "string" &&
    (Symbol.iterator in Object(audience) || Symbol.asyncIterator in Object(audience))
  ) {
    return;
  }
  throw new InvalidOptionsError([{ path: "audience", problem: "must be an array, an iterable or an async iterable" }]);
}

/** Recipients of a message in chunks, those that cannot be sent to among them. */
export function chunksOf(addressed: AddressedMessage) {
  const { message, refused } = addressed;
  const given = refused === undefined ? recipientsOf(message.target) : recipientsGiven(addressed);
  const chunks: { name: string; changes: undefined; refused: ReturnType<NonNullable<typeof refused>["get"]> }[][] = [];
  for (let from = 0; from < given.length; from += CHUNK_SIZE) {
    const names = given.slice(from, from + CHUNK_SIZE);
    chunks.push(names.map((name, index) => ({ name, changes: undefined, refused: refused?.get(from + index) })));
  }
  return chunks;
}

/** Encodes a chunk; recipients that cannot be sent to are settled at once. */
export function encodeChunk(members: readonly Member[], submission: string, chunk: number, codec: Codec): NewChunk {
  const settled: Settled[] = [];
  const places: number[] = [];
  let personal = false;
  for (const [at, { changes, refused }] of members.entries()) {
    if (refused === undefined) places.push(at);
    else settled.push({ at, outcome: refused });
    personal ||= changes !== undefined;
  }
  const names = members.map(({ name }) => name);
  const changes = personal ? members.map((member) => member.changes ?? null) : undefined;
  return {
    recipients: codec.recipients({ names, changes }, submission, chunk),
    size: members.length,
    pending: places.length,
    ...(settled.length === 0
      ? {}
      : {
          result: codec.result(settled, submission, chunk),
          state: encodeState([{ places, attempts: 0, unanswered: 0, dueAt: 0, sending: false }]),
        }),
  };
}

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
    let ended = false;
    try {
      while (!this.#over) {
        this.#assertNotAborted();
        const step = iterator.next();
        // awaited only where the source is async: a million awaits are not free
        const { done, value } = isPromiseLike(step)
          ? await (step as PromiseLike<IteratorResult<unknown>>)
          : (step as IteratorResult<unknown>);
        if (done) {
          ended = true;
          break;
        }
        this.#add(readMember(value, reader));
        if (this.#full.length >= CHUNKS_PER_APPEND) await this.#store(false);
      }
      if (ended) await this.#store(true);
    } catch (error) {
      // what the source gave before it failed, or the signal aborted, stays
      if (!ended) await this.#store(false, true).catch(() => undefined);
      throw error;
    } finally {
      if (!ended) await iterator.return?.();
    }
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
      this.#add({ name: result.outcome.recipient, changes, refused: undefined });
      if (this.#full.length >= CHUNKS_PER_APPEND) await this.#store(false);
      if (this.#over) return;
    }
    await this.#store(true);
  }

  #assertNotAborted(): void {
    const { signal } = this.#parts;
    if (signal?.aborted) throw new AbortedError("enqueueAll", signal.reason);
  }

  #add(member: Member): void {
    const { name } = member;
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
        .map((members) => members.filter(({ name }) => !known.has(name)))
        .filter((members) => members.length > 0);
      for (const name of own ?? []) known.add(name);
      for (const { name } of groups.flat()) known.add(name);
    }
  }
}
