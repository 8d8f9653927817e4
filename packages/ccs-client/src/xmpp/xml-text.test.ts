import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { XmlScanner } from "./xml-scanner.ts";
import { escapeXmlAttribute, xmlSafeJson, xmlSafeString } from "./xml-text.ts";

describe("JSON for XML", () => {
  it("contains no XML markup and no forbidden character, and parses to the same value", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), (data) => {
        const json = xmlSafeJson(data);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
        expect(json).not.toMatch(/[&<>\u0000-\u001f\ufffe\uffff]/);
        expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(data)));
      }),
    );
  });

  it("is the same for a single string, plain or not", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" })), (text) => {
        expect(xmlSafeString(text)).toBe(xmlSafeJson(text));
      }),
    );
  });

  it("escapes markup in a data value", () => {
    expect(xmlSafeJson({ a: "]]></gcm>&\ufffe" })).toBe('{"a":"]]\\u003e\\u003c/gcm\\u003e\\u0026\\ufffe"}');
  });
});

describe("attributes", () => {
  it("are decoded to the escaped text", () => {
    const value = `a"b'c<d>e&f`;
    let seen: unknown;
    const scanner = new XmlScanner(
      {
        open: (_, __, { id }) => {
          seen = id;
        },
        text: () => undefined,
        close: () => undefined,
      },
      { maxStanzaChars: 1_000, maxDepth: 3 },
    );
    scanner.write(`<m id="${escapeXmlAttribute(value)}"/>`);
    expect(seen).toBe(value);
  });
});
