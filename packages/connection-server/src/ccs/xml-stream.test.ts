import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { childOf, createXmlStream, escapeXml, escapeXmlText, textOf, type XmlElement } from "./xml-stream.ts";

const OPEN = '<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">';

function reading(maxStanzaBytes = 100_000) {
  const stanzas: XmlElement[] = [];
  const happened: string[] = [];
  const stream = createXmlStream(
    {
      onOpen: ({ name, namespace }) => happened.push(`open ${name} ${namespace}`),
      onStanza: (stanza) => stanzas.push(stanza),
      onClose: () => happened.push("close"),
      onProblem: (problem) => happened.push(problem),
    },
    maxStanzaBytes,
  );
  return { stanzas, happened, stream, write: (text: string | Buffer) => stream.write(Buffer.from(text)) };
}

describe("the stanza reader", () => {
  it("does not take what its reader throws for bad XML", () => {
    const happened: string[] = [];
    const stream = createXmlStream(
      {
        onOpen() {},
        onStanza: ({ name }) => {
          happened.push(name);
          if (name === "one") throw new Error("not the client's mistake");
        },
        onClose() {},
        onProblem: (problem) => happened.push(problem),
      },
      1000,
    );
    expect(() => stream.write(Buffer.from(`${OPEN}<one/><two/>`))).toThrow("not the client's mistake");
    stream.write(Buffer.from("<three/>"));
    expect(happened).toEqual(["one", "two", "three"]);
  });

  it("gives the root, each stanza by namespace and local name, and the end", () => {
    const { stanzas, happened, write } = reading();
    write(
      `${OPEN}<message id="1"><x:gcm xmlns:x="google:mobile:data">{"a":"&lt;b&gt;"}</x:gcm></message></stream:stream>`,
    );
    expect(happened).toEqual(["open stream http://etherx.jabber.org/streams", "close"]);
    const gcm = childOf(stanzas[0] as XmlElement, "gcm", "google:mobile:data");
    expect(textOf(gcm as XmlElement)).toBe('{"a":"<b>"}');
    expect(stanzas[0]).toMatchObject({ name: "message", namespace: "jabber:client", attributes: { id: "1" } });
  });

  it.each([
    ["text after a stanza", "<iq/>text"],
    ["text that ends as a tag does", "<iq/>text>"],
    ["text before the first stanza", "text<iq/>"],
    ["an entity", "<iq/>&#32;<iq/>"],
    ["a CDATA section", "<iq/><![CDATA[ ]]><iq/>"],
    ["a no-break space, which is no white space of XML", "<iq/>\u00a0<iq/>"],
    ["text after a stanza with '>' in an attribute and in text", '<m a="x>y"><b>1 > 0</b></m>text'],
  ])("refuses %s between stanzas, however the bytes are cut", (_what, text) => {
    const bytes = Buffer.from(`${OPEN}${text}`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { happened, write } = reading();
      write(bytes.subarray(0, cut));
      write(bytes.subarray(cut));
      expect(happened.at(-1), String(cut)).toBe("invalid-xml");
    }
  });

  it("reads the same however the bytes are cut, multi-byte characters included", () => {
    const bytes = Buffer.from(
      `${OPEN} <message><gcm xmlns="google:mobile:data">é 漢字 😀 e\u0301 &amp;</gcm></message>\n<iq/>`,
    );
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { stanzas, write } = reading();
      write(bytes.subarray(0, cut));
      write(bytes.subarray(cut));
      expect(stanzas.map(({ name }) => name)).toEqual(["message", "iq"]);
      expect(textOf((stanzas[0] as XmlElement).children[0] as XmlElement)).toBe("é 漢字 😀 e\u0301 &");
    }
    const single = reading();
    for (const byte of bytes) single.write(Buffer.from([byte]));
    expect(single.stanzas).toHaveLength(2);
  });

  it.each([
    ["<!-- c -->", "restricted-xml"],
    ["<?target data?>", "restricted-xml"],
    ["<message>&nbsp;</message>", "invalid-xml"],
    ["<message>&#0;</message>", "invalid-xml"],
    ["<message></iq>", "invalid-xml"],
    ["<a:message/>", "invalid-xml"],
    ["<a>".repeat(33), "policy-violation"],
  ])("stops at %s", (text, problem) => {
    const { happened, write, stanzas } = reading();
    write(`${OPEN}${text}<iq/>`);
    write("<iq/>");
    expect(happened.at(-1)).toBe(problem);
    expect(stanzas.filter(({ name }) => name === "iq")).toEqual([]);
  });

  it.each([
    ["a control character", '{"a":"\u0001"}'],
    ["a character that XML does not have", '{"a":"\ufffe"}'],
    ["the end of a CDATA section", '{"a":[["b"]]>}'],
    ["an entity that nothing declares", '{"a":"&x;"}'],
  ])("refuses %s in the text of a message, however the bytes are cut", (_what, json) => {
    const bytes = Buffer.from(`${OPEN}<message><gcm xmlns="google:mobile:data">${json}</gcm></message><iq/>`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { happened, stanzas, write } = reading();
      write(bytes.subarray(0, cut));
      write(bytes.subarray(cut));
      expect(happened.at(-1), String(cut)).toBe("invalid-xml");
      expect(stanzas).toEqual([]);
    }
  });

  it("keeps the order of text, elements and CDATA sections, however the bytes are cut", () => {
    const bytes = Buffer.from(`${OPEN}<m><a>one <b>1<c/>2</b>two\r\n<![CDATA[<3>]]> [4]</a>5</m>`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { stanzas, write } = reading();
      write(bytes.subarray(0, cut));
      write(bytes.subarray(cut));
      expect(flat(stanzas[0] as XmlElement), String(cut)).toBe("<m><a>one <b>1<c></c>2</b>two\n<3> [4]</a>5</m>");
    }
  });

  it("bounds a stanza, and takes white space between stanzas without end", () => {
    const { happened, write, stanzas } = reading(1000);
    write(OPEN);
    for (let i = 0; i < 100; i++) write(" ".repeat(100));
    write("<iq/>");
    expect(stanzas).toHaveLength(1);
    for (let i = 0; i < 11; i++) write(i === 0 ? "<message>" : "x".repeat(100));
    expect(happened.at(-1)).toBe("policy-violation");
  });

  it("gives text and attributes back as they were before they were escaped", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }).filter(isXmlText), (text) => {
        const { stanzas, write } = reading();
        write(`${OPEN}<message id="${escapeXml(text.replace(/\s/g, "_"))}"><a>${escapeXmlText(text)}</a></message>`);
        const message = stanzas[0] as XmlElement;
        expect(message.attributes["id"]).toBe(text.replace(/\s/g, "_"));
        expect(textOf(message.children[0] as XmlElement)).toBe(text.replace(/\r\n?/g, "\n"));
      }),
    );
  });
});

/** An element as text without escapes. */
function flat({ name, children }: XmlElement): string {
  return `<${name}>${children.map((child) => (typeof child === "string" ? child : flat(child))).join("")}</${name}>`;
}

/** True if XML can carry a text: most control characters have no form in it. */
function isXmlText(text: string): boolean {
  return [...text].every((character) => character >= " " || "\t\n\r".includes(character));
}
