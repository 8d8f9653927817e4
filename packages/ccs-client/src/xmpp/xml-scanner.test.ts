import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type XmlHandler, type XmlLimits, XmlScanner } from "./xml-scanner.ts";
import { XmlSyntaxError } from "./xml-text.ts";

const LIMITS: XmlLimits = { maxStanzaChars: 10_000, maxDepth: 8 };
const OPEN = '<?xml version="1.0"?><s:stream xmlns="jabber:client" xmlns:s="urn:streams">';

/** Reads pieces and tells what was read as lines; text that came in several pieces is put together. */
function read(pieces: readonly string[], limits: XmlLimits = LIMITS): string[] {
  const seen: string[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") seen.push(`text ${JSON.stringify(text)}`);
    text = "";
  };
  const handler: XmlHandler = {
    open(name, namespace, attributes) {
      flush();
      seen.push(`open {${namespace}}${name} ${JSON.stringify(attributes)}`);
    },
    text(piece) {
      text += piece;
    },
    close() {
      flush();
      seen.push("close");
    },
  };
  const scanner = new XmlScanner(handler, limits);
  for (const piece of pieces) scanner.write(piece);
  flush();
  return seen;
}

describe("the XML scanner", () => {
  it("names elements by their namespace, whatever the prefix", () => {
    expect(
      read([`${OPEN}<message><data:gcm xmlns:data="google:mobile:data">{}</data:gcm></message></s:stream>`]),
    ).toEqual([
      "open {urn:streams}stream {}",
      "open {jabber:client}message {}",
      "open {google:mobile:data}gcm {}",
      'text "{}"',
      "close",
      "close",
      "close",
    ]);
  });

  it("applies an inner namespace declaration to its element only", () => {
    expect(read([`${OPEN}<a xmlns="urn:a"><b/></a><c/>`]).filter((line) => line.startsWith("open"))).toEqual([
      "open {urn:streams}stream {}",
      "open {urn:a}a {}",
      "open {urn:a}b {}",
      "open {jabber:client}c {}",
    ]);
  });

  it("decodes entities in text and attributes, and takes CDATA as it is", () => {
    expect(read([`${OPEN}<m id='&quot;1&quot;'>&lt;&#x1F600;&#38;&amp;<![CDATA[<&]]]]></m>`]).slice(1)).toEqual([
      `open {jabber:client}m ${JSON.stringify({ id: '"1"' })}`,
      'text "<😀&&<&]]"',
      "close",
    ]);
  });

  it("reads the same events however the text is split into chunks", () => {
    const text = `${OPEN} <m a="1 > 0" b='&lt;'>x&amp;y<![CDATA[ ]] ]]>é😀</m>\n<n:q xmlns:n="urn:n"/></s:stream>`;
    const whole = read([text]);
    for (let cut = 1; cut < text.length; cut++) expect(read([text.slice(0, cut), text.slice(cut)])).toEqual(whole);
    expect(read([...text])).toEqual(whole);
  });

  it.each([
    ["text between stanzas", `${OPEN}hello`],
    ["an end tag of another element", `${OPEN}<a></b>`],
    ["an end tag too many", `${OPEN}<a/></a>`],
    ["the same attribute twice", `${OPEN}<a b="1" b="2"/>`],
    ["an attribute without quotes", `${OPEN}<a b=1/>`],
    ["attributes without space", `${OPEN}<a b="1"c="2"/>`],
    ["a tag inside an attribute", `${OPEN}<a b="<"/>`],
    ["a bad name", `${OPEN}<1a/>`],
    ["two colons in a name", `${OPEN}<a:b:c/>`],
    ["no name", `${OPEN}< a/>`],
    ["an undeclared prefix", `${OPEN}<x:a/>`],
    ["an HTML entity", `${OPEN}<a>&nbsp;</a>`],
    ["the null character", `${OPEN}<a>&#0;</a>`],
    ["half a surrogate pair", `${OPEN}<a>&#xD800;</a>`],
    ["a character beyond Unicode", `${OPEN}<a>&#x110000;</a>`],
    ["an entity that does not end", `${OPEN}<a>&aaaaaaaaaaaaaaaaaaaaaaaaaaaaa`],
    ["an ampersand alone", `${OPEN}<a>a & b</a>`],
  ])("refuses %s as not well-formed", (_, text) => {
    expect(() => read([text])).toThrow(XmlSyntaxError);
    expect(() => read([...text])).toThrow(XmlSyntaxError);
  });

  it.each([
    ["a comment", `${OPEN}<!-- -->`],
    ["a document type", `<!DOCTYPE x [<!ENTITY a "b">]>`],
    ["a processing instruction", `${OPEN}<?php ?>`],
    ["a processing instruction at the start", "<?xml-stylesheet ?>"],
  ])("refuses %s, which a stream may not hold", (_, text) => {
    for (const pieces of [[text], [...text]]) {
      expect(() => read(pieces)).toThrow(expect.objectContaining({ condition: "restricted-xml" }));
    }
  });

  it.each([
    ["a stanza that is too long", `${OPEN}<a>${"x".repeat(10_001)}`],
    ["a stanza of too many elements", `${OPEN}<a>${"<b/>".repeat(3_000)}`],
    ["elements nested too deep", OPEN + "<a>".repeat(8)],
    ["a tag that is too long", `${OPEN}<a b="${"x".repeat(9_000)}"/>`],
    ["a tag that never ends", `${OPEN}<a ${"x".repeat(9_000)}`],
    ["CDATA that never ends", `${OPEN}<a><![CDATA[${"x".repeat(10_001)}`],
  ])("refuses %s", (_, text) => {
    expect(() => read([text])).toThrow(expect.objectContaining({ condition: "policy-violation" }));
    expect(() => read(text.match(/[\s\S]{1,100}/g) ?? [])).toThrow(
      expect.objectContaining({ condition: "policy-violation" }),
    );
  });

  it("reads attributes named like members of Object.prototype", () => {
    expect(read([`${OPEN}<m constructor="1" toString="2" __proto__="3" id="4"/>`])[1]).toBe(
      `open {jabber:client}m ${JSON.stringify({ constructor: "1", toString: "2", id: "4" })}`,
    );
  });

  it("limits each stanza by itself and does not count whitespace keep-alives", () => {
    const stanza = `<a>${"x".repeat(9_000)}</a>${" ".repeat(5_000)}`;
    expect(read([OPEN, stanza, stanza, stanza]).filter((line) => line === "close")).toHaveLength(3);
  });

  it("reads nothing after the end of the stream, and nothing after an error", () => {
    const seen: string[] = [];
    const scanner = new XmlScanner(
      { open: (name) => seen.push(name), text: () => undefined, close: () => seen.push("/") },
      LIMITS,
    );
    scanner.write("<s></s><more/>");
    scanner.write("<even-more/>");
    expect(seen).toEqual(["s", "/"]);
    const broken = new XmlScanner(
      { open: (name) => seen.push(name), text: () => undefined, close: () => undefined },
      LIMITS,
    );
    expect(() => broken.write("<x></y>")).toThrow(XmlSyntaxError);
    broken.write("<z/>");
    expect(seen).toEqual(["s", "/", "x"]);
  });

  it("throws only XmlSyntaxError, for any input", () => {
    const token = fc.oneof(
      fc.constantFrom(
        "<",
        ">",
        "/",
        "&",
        ";",
        "]]>",
        "<![CDATA[",
        "<!--",
        "<?",
        "=",
        '"',
        "'",
        " ",
        "a",
        "xmlns:",
        ":",
      ),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (pieces) => {
        for (const given of [[OPEN, ...pieces], [OPEN + pieces.join("")], pieces]) {
          try {
            read(given);
          } catch (error) {
            if (!(error instanceof XmlSyntaxError)) throw error;
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
