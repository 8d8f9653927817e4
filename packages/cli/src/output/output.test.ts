import { describe, expect, it } from "vitest";
import { Output } from "./output.ts";

function setup(isTTY: boolean, json = false) {
  const written: string[] = [];
  const stream = {
    isTTY,
    hasColors: () => true,
    write: (text: string) => written.push(text) > 0,
    once: () => undefined,
    removeListener: () => undefined,
  };
  return { output: new Output(stream, stream, json), text: () => written.join("") };
}

const ROWS = [
  ["a", "1"],
  ["longer", "2\t3"],
];

describe("output", () => {
  it("has tables with headings and colours on a terminal", async () => {
    const { output, text } = setup(true);
    await output.table(["NAME", "COUNT"], ROWS.slice(0, 1));
    await output.line(output.paint("red", "no"));
    expect(text()).toBe("\u001b[2mNAME  COUNT\u001b[22m\na     1\n\u001b[31mno\u001b[39m\n");
  });

  it("has rows separated by tabs, and no colours, elsewhere", async () => {
    const { output, text } = setup(false);
    await output.table(["NAME", "COUNT"], ROWS);
    await output.line(output.paint("red", "no"));
    expect(text()).toBe("a\t1\nlonger\t2 3\nno\n");
  });

  it("shows progress on a terminal alone, and clears it before the next line", async () => {
    const [terminal, pipe] = [setup(true), setup(false)];
    for (const { output } of [terminal, pipe]) {
      output.progress(() => "10 of 20");
      output.progress(() => "too soon");
      await output.line("done");
    }
    expect(terminal.text()).toBe("\r\u001b[K10 of 20\r\u001b[Kdone\n");
    expect(pipe.text()).toBe("done\n");
  });

  it("waits for a stream that is full, and not for one whose reader has ended", async () => {
    const listeners = new Map<string, () => void>();
    const stream = {
      write: () => false,
      once: (event: string, listener: () => void) => listeners.set(event, listener),
      removeListener: () => undefined,
    };
    let written = false;
    const writing = new Output(stream, stream, false).line("a").then(() => {
      written = true;
    });
    await Promise.resolve();
    expect(written).toBe(false);
    listeners.get("close")?.();
    await writing;
    expect(written).toBe(true);
  });
});
