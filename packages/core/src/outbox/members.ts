import { InvalidMessageError, InvalidOptionsError } from "../errors.ts";
import { type MessageContent, parseDownstreamMessage } from "../message/downstream.ts";
import { recipientsOf } from "../message/target.ts";
import { type RegistrationToken, tokenProblem } from "../message/token.ts";
import type { RecipientOutcome } from "../outcome/outcome.ts";
import { type AddressedMessage, recipientsGiven, refusedRecipient } from "../sending/addressed-message.ts";
import { changesProblem, merged } from "../sending/merged.ts";
import { encodeState } from "./chunk-state.ts";
import type { Codec, Settled } from "./codec.ts";
import type { NewChunk } from "./engine.ts";
import { CHUNK_SIZE } from "./results.ts";

/** A recipient that is going to be stored: its name, or more where there is more to say of it. */
export type Member = string | SpecialMember;

/** A recipient with changes of the content, or one that cannot be sent to. */
export interface SpecialMember {
  readonly name: string;
  readonly changes?: MessageContent | undefined;
  readonly refused?: RecipientOutcome | undefined;
}

/** The name of a recipient. */
export function nameOf(member: Member): string {
  return typeof member === "string" ? member : member.name;
}

/** Reads what an audience gives. */
export interface MemberReader {
  readonly content: MessageContent;
  readonly personalize: ((recipient: never) => MessageContent | undefined) | undefined;
  /** @throws {InvalidMessageError} the service cannot carry the message. */
  check(message: ReturnType<typeof parseDownstreamMessage>): void;
}

/** Reads a recipient of an audience. */
export function readMember(given: unknown, { content, personalize, check }: MemberReader): Member {
  const isObject = typeof given === "object" && given !== null;
  const token: unknown = isObject && "token" in given ? given.token : given;
  const problem = tokenProblem(token);
  if (problem !== undefined) {
    const refused = refusedRecipient(token, `The token ${problem}`);
    return { name: refused.recipient, refused };
  }
  const name = token as string;
  const column = isObject ? (given as { readonly changes?: MessageContent | null }).changes : undefined;
  const changes = personalize === undefined ? column : personalize(given as never);
  if (changes === undefined || changes === null) return name;
  const wrong = changesProblem(changes);
  if (wrong !== undefined) return { name, refused: refusedRecipient(name, `The changes of the content ${wrong}`) };
  try {
    const whole = { ...(merged(content, changes) as object), target: { token: name as RegistrationToken } };
    check(parseDownstreamMessage(whole));
    return { name, changes };
  } catch (error) {
    if (!(error instanceof InvalidMessageError)) throw error;
    return { name, refused: refusedRecipient(name, error.message) };
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
export function chunksOf(addressed: AddressedMessage): Member[][] {
  const { message, refused } = addressed;
  const given = refused === undefined ? recipientsOf(message.target) : recipientsGiven(addressed);
  const chunks: Member[][] = [];
  for (let from = 0; from < given.length; from += CHUNK_SIZE) {
    const members = given.slice(from, from + CHUNK_SIZE).map((name, index): Member => {
      const outcome = refused?.get(from + index);
      return outcome === undefined ? name : { name, refused: outcome };
    });
    chunks.push(members);
  }
  return chunks;
}

/** Encodes a chunk; recipients that cannot be sent to are settled at once. */
export function encodeChunk(members: readonly Member[], submission: string, chunk: number, codec: Codec): NewChunk {
  const size = members.length;
  if (members.every((member) => typeof member === "string")) {
    return { recipients: codec.recipients({ names: members }, submission, chunk), size, pending: size };
  }
  const settled: Settled[] = [];
  const places: number[] = [];
  let personal = false;
  for (const [at, member] of members.entries()) {
    const { changes, refused } = typeof member === "string" ? NOTHING_SPECIAL : member;
    if (refused === undefined) places.push(at);
    else settled.push({ at, outcome: refused });
    personal ||= changes !== undefined;
  }
  const changesOf = (member: Member): MessageContent | null =>
    typeof member === "string" ? null : (member.changes ?? null);
  const recipients = { names: members.map(nameOf), changes: personal ? members.map(changesOf) : undefined };
  return {
    recipients: codec.recipients(recipients, submission, chunk),
    size,
    pending: places.length,
    ...(settled.length === 0
      ? {}
      : {
          result: codec.result(settled, submission, chunk),
          state: encodeState([{ places, attempts: 0, unanswered: 0, dueAt: 0, sending: false }]),
        }),
  };
}

const NOTHING_SPECIAL: Omit<SpecialMember, "name"> = {};
