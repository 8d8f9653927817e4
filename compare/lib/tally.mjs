// One client under one fault, counted: the server's count of each message against what the caller was told of it.

/** Messages as a server processed them. */
export class Accepted {
  /** Requests or stanzas that arrived. */
  seen = 0;
  #ids = new Map();

  /** Counts a message as processed. `id`: the message ID, where the protocol has one that the client chooses. */
  add(token, id) {
    const ids = this.#ids.get(token);
    if (ids === undefined) this.#ids.set(token, [id]);
    else ids.push(id);
  }

  /** IDs under which the message to this token was processed, once for each time. */
  of(token) {
    return this.#ids.get(token) ?? [];
  }
}

/**
 * Counts messages. A message is one token; every token stands for one message.
 *
 * @param tokens Recipients that the program sent to.
 * @param {Accepted} accepted Messages that the server processed.
 * @param {ReadonlyMap<string, "accepted" | "failed" | "doubt">} told Answers that the caller got, by token.
 */
export function tally(tokens, accepted, told) {
  const counts = { messages: tokens.length, once: 0, doubled: 0, sameId: 0, lost: 0, doubt: 0, hung: 0, wrong: 0 };
  for (const token of tokens) {
    const ids = accepted.of(token);
    const answer = told.get(token);
    if (ids.length === 1) counts.once++;
    if (ids.length > 1) {
      counts.doubled++;
      if (ids[0] !== undefined && new Set(ids).size === 1) counts.sameId++;
    }
    // who was told of a failure, or of a doubt, can send again
    if (ids.length === 0 && (answer === undefined || answer === "accepted")) counts.lost++;
    if (answer === undefined) counts.hung++;
    if (answer === "doubt") counts.doubt++;
    if ((answer === "accepted" && ids.length === 0) || (answer === "failed" && ids.length > 0)) counts.wrong++;
  }
  return { ...counts, failed: tokens.length - counts.once - counts.doubled - counts.lost, seen: accepted.seen };
}

/**
 * Counts upstream messages.
 *
 * @param {ReadonlyMap<string, string>} sent Text of each, by its message ID.
 * @param handled Messages that reached the handler, in order: `{ id, text }`.
 * @param {ReadonlySet<string>} acked IDs that the client acknowledged.
 */
export function tallyUpstream(sent, handled, acked) {
  const counts = { messages: sent.size, intact: 0, corrupt: 0, doubled: 0, lost: 0, acked: acked.size };
  for (const [id, text] of sent) {
    const copies = handled.filter((message) => message.id === id);
    if (copies.length === 0) counts.lost++;
    else if (copies.some((copy) => copy.text !== text)) counts.corrupt++;
    else counts.intact++;
    if (copies.length > 1) counts.doubled++;
  }
  return counts;
}
