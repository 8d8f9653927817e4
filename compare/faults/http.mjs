// Faults of the HTTP servers. `calls`: recipients of each call of the program; a call of many is a batch or a multicast where the client
// has one. `serve(server)` returns the answer to each request: `(exchange, tokens) => void`.
import { results } from "../lib/wire.mjs";

/** Time until a late answer: past the 15 seconds that the clients wait. Unit: milliseconds. */
const LATE_MS = 17_000;
/** Time for answers that were written to leave before their connection is closed. Unit: milliseconds. */
const FLUSH_MS = 1_000;

const batch = (count) => (protocol, token) => {
  const tokens = Array.from({ length: count }, (_, position) => token(position));
  return protocol === "fcm-v1" ? [tokens] : tokens.map((one) => [one]);
};
const multicast = (count) => (_protocol, token) => [Array.from({ length: count }, (_, position) => token(position))];

/** Tells the first request for a token from later ones. */
function firstTime() {
  const known = new Set();
  return ([token]) => !known.has(token) && known.add(token) !== undefined;
}

/** The first request for each token is refused, the next is accepted. */
const refusedOnce =
  (status, headers) =>
  ({ accept, refuse }) => {
    const isFirst = firstTime();
    return (exchange, tokens) => (isFirst(tokens) ? refuse(exchange, status, headers) : accept(exchange, tokens));
  };

export const httpFaults = {
  "session-closed": {
    title: "Connection closed in mid-batch",
    text: "The connection that carries request 51 of 100 is closed, with that request and all behind it on this connection unprocessed. Whatever comes on another connection is accepted.",
    calls: batch(100),
    serve({ accept }) {
      let seen = 0;
      const closing = new Set();
      return (exchange, tokens) => {
        if (closing.has(exchange.connection)) return;
        if (++seen !== 51) return accept(exchange, tokens);
        closing.add(exchange.connection);
        setTimeout(() => exchange.cut(), FLUSH_MS);
      };
    },
  },
  goaway: {
    title: "GOAWAY after 50 of 300",
    text: "After 50 requests the server says GOAWAY with the 50th as the last stream that it processed, answers these, and closes the connection. Further connections work.",
    http: "2",
    protocols: ["fcm-v1"],
    calls: batch(300),
    serve({ accept }) {
      let seen = 0;
      const closing = new Set();
      return (exchange, tokens) => {
        if (closing.has(exchange.connection)) return;
        accept(exchange, tokens);
        if (++seen !== 50) return;
        closing.add(exchange.connection);
        exchange.goaway(exchange.streamId);
        setTimeout(() => exchange.cut(), FLUSH_MS);
      };
    },
  },
  "retry-after": {
    title: "503 with Retry-After",
    text: "The first request for each message is answered 503 with `Retry-After: 2`, the next is accepted.",
    calls: batch(20),
    serve: refusedOnce(503, { "retry-after": "2" }),
  },
  quota: {
    title: "429",
    text: "The first request for each message is answered 429 without Retry-After, the next is accepted. FCM asks for a minute of waiting then.",
    calls: batch(20),
    serve: refusedOnce(429),
  },
  late: {
    title: "Answer after the time-out",
    text: `The first request for each message is accepted at once and answered after ${LATE_MS / 1000} seconds, later ones are accepted and answered at once. A client with a time-out has one of 15 seconds.`,
    calls: batch(20),
    serve({ accept, count }) {
      const isFirst = firstTime();
      return (exchange, tokens) => {
        if (!isFirst(tokens)) return accept(exchange, tokens);
        count(tokens);
        setTimeout(() => accept(exchange, tokens, { counted: true }), LATE_MS);
      };
    },
  },
  "then-401": {
    title: "Partial failure, then 401",
    text: "FCM HTTP v1: ten messages are accepted, then every request is refused with 401, new access tokens too. GCM HTTP: a multicast has ten recipients accepted and ten `Unavailable`, and the next request is answered 401.",
    calls: multicast(20),
    serve({ accept, refuse, count }) {
      const taken = new Set();
      return (exchange, tokens) => {
        if (tokens.length === 1) {
          if (taken.size === 10) return refuse(exchange, 401);
          taken.add(tokens[0]);
          return accept(exchange, tokens);
        }
        if (taken.size > 0) return refuse(exchange, 401);
        for (const token of tokens.slice(0, 10)) taken.add(token);
        count([...taken]);
        const answers = tokens.map((token, position) =>
          taken.has(token) ? { message_id: `0:${position}` } : { error: "Unavailable" },
        );
        exchange.answer(200, JSON.stringify(results(answers)));
      };
    },
  },
  continue: {
    title: "`100 Continue`",
    text: "Every answer is preceded by an interim answer with status 100, which no request has asked for.",
    calls: batch(20),
    serve:
      ({ accept }) =>
      (exchange, tokens) => {
        exchange.interim();
        accept(exchange, tokens);
      },
  },
};
