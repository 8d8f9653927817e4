import { describe, expect, it } from "vitest";
import { iqAnswer, readStanzaError } from "./stanza.ts";
import { type MessageStanza, StanzaReader, type XmlElement } from "./stanza-reader.ts";
import { XmlScanner } from "./xml-scanner.ts";

const OPEN = '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">';

function read(text: string) {
  const messages: MessageStanza[] = [];
  const elements: XmlElement[] = [];
  let closed = false;
  const reader = new StanzaReader({
    streamOpened: () => undefined,
    message: (stanza) => messages.push(stanza),
    element: (element) => elements.push(element),
    streamClosed: () => {
      closed = true;
    },
  });
  new XmlScanner(reader, { maxStanzaChars: 10_000, maxDepth: 16 }).write(OPEN + text);
  return { messages, elements, closed };
}

describe("the stanza reader", () => {
  it.each([
    ["with a prefix, as live acks", '<message><data:gcm xmlns:data="google:mobile:data">{"a":1}</data:gcm></message>'],
    ["without, as upstream", '<message type="normal"><gcm xmlns="google:mobile:data">{"a":1}</gcm></message>'],
    ["beside other elements", '<message><body>{"b":2}</body><gcm xmlns="google:mobile:data">{"a":1}</gcm></message>'],
    [
      "the first of two",
      '<message><g:gcm xmlns:g="google:mobile:data">{"a":1}</g:gcm><gcm xmlns="google:mobile:data">2</gcm></message>',
    ],
    ["without what is nested in it", '<message><gcm xmlns="google:mobile:data">{"a"<b>9</b>:1}</gcm></message>'],
  ])("finds the JSON %s", (_, text) => {
    expect(read(text).messages.map(({ gcm }) => gcm)).toEqual(['{"a":1}']);
  });

  it.each([
    ["another namespace", '<message><gcm xmlns="urn:other">{}</gcm></message>'],
    ["no namespace of its own", "<message><gcm>{}</gcm></message>"],
    ["a deeper place", '<message><x><gcm xmlns="google:mobile:data">{}</gcm></x></message>'],
  ])("does not take a gcm element in %s for one", (_, text) => {
    expect(read(text).messages.map(({ gcm }) => gcm)).toEqual([undefined]);
  });

  it("reads every part of a stanza error", () => {
    const { messages } = read(
      '<message id="3" type="error" to="x"><gcm xmlns="google:mobile:data">{"to":"tok-a","message_id":"9"}</gcm><error code="400" type="modify"><bad-request xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">InvalidJson: Missing Required Field: message_id&#10;</text></error></message>',
    );
    expect(messages[0]?.type).toBe("error");
    expect(readStanzaError(messages[0] as MessageStanza, String)).toEqual({
      messageIds: ["3", "9"],
      passing: false,
      code: 400,
      condition: "bad-request",
      text: "InvalidJson: Missing Required Field: message_id",
    });
  });

  it("correlates a stanza error without an ID by the echoed message, not by an echoed ack", () => {
    const errorOf = (json: string): unknown =>
      readStanzaError({ id: "", type: "error", gcm: json, error: undefined }, String).messageIds;
    expect(errorOf('{"to":"tok-a","message_id":"m-1"}')).toEqual(["m-1"]);
    expect(errorOf('{"to":"tok-a","message_id":"u-1","message_type":"ack"}')).toEqual([]);
    expect(errorOf("{")).toEqual([]);
  });

  it("reports the end of the stream", () => {
    expect(read("<message/></stream:stream>")).toMatchObject({ closed: true, messages: [{ gcm: undefined }] });
  });

  it("answers pings, refuses other requests and ignores answers", () => {
    const { elements } = read(
      '<iq type="get" id="1" from="a&amp;b"><ping xmlns="urn:xmpp:ping"/></iq><iq type="set" id="2"><x xmlns="urn:x"/></iq><iq type="result" id="3"/><presence/>',
    );
    expect(elements.map(iqAnswer)).toEqual([
      '<iq type="result" id="1" to="a&#38;b"/>',
      '<iq type="error" id="2"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/></error></iq>',
      undefined,
      undefined,
    ]);
  });
});
