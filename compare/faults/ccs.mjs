// Faults of the CCS server. `calls`: recipients of each call, in rounds: the next round begins when the one before it has settled, or after
// `roundMs`. `online(connection, accept)` is called with each connection once it is logged in.
import { gcmStanza } from "../../test/support/ccs-scripted-server.ts";

/** Time for acknowledgements that were written to leave before their connection is closed. Unit: milliseconds. */
const FLUSH_MS = 200;

const singly = (from, count) => (token) => Array.from({ length: count }, (_, position) => [token(from + position)]);
const rounds =
  (...counts) =>
  (token) =>
    counts.map((count, round) => singly(round * 1000, count)(token));

/** Accepts and acknowledges everything on every connection but the first. */
const onlyFirst = (first) => (connection, accept) => {
  if (connection.number === 1) first(connection, accept);
  else connection.onMessage = accept;
};

/** Bytes that are no stanza: after ten messages the server writes them, and goes on. */
const malformed = (text) => ({
  rounds: rounds(10, 10),
  online: (connection, accept) => {
    let seen = 0;
    connection.onMessage = (message) => {
      accept(message);
      if (connection.number === 1 && ++seen === 10) connection.write(text);
    };
  },
});

export const ccsFaults = {
  drop: {
    title: "Connection lost with unacknowledged messages",
    text: "Ten messages are acknowledged. Of the next ten five are processed and five are not, none is acknowledged, and the connection is reset. Further connections work.",
    rounds: rounds(20),
    online: onlyFirst((connection, accept) => {
      let seen = 0;
      connection.onMessage = (message) => {
        seen++;
        if (seen <= 10) accept(message);
        else if (seen <= 15) accept(message, { ack: false });
        else if (seen === 20) setTimeout(() => connection.socket.destroy(), FLUSH_MS);
      };
    }),
  },
  "drain-control": {
    title: "Draining, by a control stanza",
    text: "After 20 messages, all acknowledged, the server says CONNECTION_DRAINING. Twenty more are sent then: on the draining connection the server leaves them unprocessed, and closes it after five seconds. Further connections work.",
    rounds: rounds(20, 20),
    online: onlyFirst((connection, accept) => {
      let seen = 0;
      connection.onMessage = (message) => {
        if (++seen > 20) return;
        accept(message);
        if (seen < 20) return;
        connection.drain();
        setTimeout(() => connection.socket.end(), 5_000);
      };
    }),
  },
  "drain-nack": {
    title: "Draining, by nack",
    text: "Ten messages are acknowledged; every further one on that connection is answered with the nack CONNECTION_DRAINING, and the connection is closed two seconds later. Further connections work.",
    rounds: rounds(20),
    online: onlyFirst((connection, accept) => {
      let seen = 0;
      connection.onMessage = (message) => {
        if (++seen <= 10) return accept(message);
        connection.nack(message.id, "CONNECTION_DRAINING", "Connection draining");
        if (seen === 11) setTimeout(() => connection.socket.end(), 2_000);
      };
    }),
  },
  "half-open": {
    title: "Half-open connection",
    text: "Ten messages are acknowledged. Then the server processes and answers nothing on that connection, pings included, and leaves it open. Further connections work.",
    rounds: rounds(20),
    online: onlyFirst((connection, accept) => {
      let seen = 0;
      connection.onMessage = (message) => {
        if (++seen <= 10) accept(message);
        else connection.answersPings = false;
      };
    }),
  },
  "malformed-json": {
    title: "Malformed stanza: no JSON",
    text: "Behind ten messages comes a stanza whose content is not JSON. Ten more messages are sent after it.",
    ...malformed(gcmStanza({ message_type: "ack" }).replace("{", "{{")),
  },
  "malformed-xml": {
    title: "Malformed stanza: no XML",
    text: "Behind ten messages comes text that is not well-formed XML. Ten more messages are sent after it, and accepted on whatever connection they come.",
    ...malformed('<message><gcm xmlns="google:mobile:data">{}</message></gcm>'),
  },
};
