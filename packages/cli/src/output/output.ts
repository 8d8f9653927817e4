import { styleText } from "node:util";
import { tableLines } from "./table.ts";

/** A stream that is written to: `process.stdout`, or one that collects. */
export interface OutputStream {
  write(text: string): boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
  removeListener(event: "drain" | "close", listener: () => void): unknown;
  readonly destroyed?: boolean;
  readonly isTTY?: boolean;
  hasColors?(): boolean;
}

/** Style of a word on a terminal. */
export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** Least time between two states of a progress line. Unit: milliseconds. */
const PROGRESS_MS = 200;

/** Writes results to standard output and everything else to standard error. */
export class Output {
  /** True if results are to be JSON. */
  readonly json: boolean;
  readonly #out: OutputStream;
  readonly #err: OutputStream;
  #progressAt = 0;
  #hasProgress = false;

  constructor(out: OutputStream, err: OutputStream, json: boolean) {
    this.#out = out;
    this.#err = err;
    this.json = json;
  }

  /** True if results go to a terminal. */
  get isTerminal(): boolean {
    return this.#out.isTTY === true;
  }

  /** Styles a word of a result where standard output is a terminal with colours. */
  paint(style: Style, text: string): string {
    return this.isTerminal && this.#out.hasColors?.() === true
      ? styleText(style, text, { validateStream: false })
      : text;
  }

  /** Writes a line of the result. Resolves when the stream takes more. */
  async line(text: string): Promise<void> {
    this.#endProgress();
    if (this.#out.destroyed === true) return;
    if (!this.#out.write(`${text}\n`)) await drained(this.#out);
  }

  /** Writes a value of the result: one line of JSON under `--json`, else the words. */
  value(value: unknown, words: () => string): Promise<void> {
    return this.line(this.json ? JSON.stringify(value) : words());
  }

  /** Writes rows: aligned below their headings on a terminal, else separated by tabs and without headings. */
  async table(headings: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
    if (!this.isTerminal) {
      for (const row of rows) await this.line(row.map((cell) => cell.replaceAll(/[\t\r\n]/g, " ")).join("\t"));
      return;
    }
    for (const [index, text] of tableLines(headings, rows).entries()) {
      await this.line(index === 0 ? this.paint("dim", text) : text);
    }
  }

  /** Writes a line to standard error. */
  note(text: string): void {
    this.#endProgress();
    this.#err.write(`${text}\n`);
  }

  /** Shows the progress of long work on one line of a terminal; elsewhere nothing. */
  progress(text: () => string): void {
    if (this.#err.isTTY !== true) return;
    const now = performance.now();
    if (this.#hasProgress && now - this.#progressAt < PROGRESS_MS) return;
    this.#progressAt = now;
    this.#hasProgress = true;
    this.#err.write(`\r\u001b[K${text()}`);
  }

  #endProgress(): void {
    if (!this.#hasProgress) return;
    this.#hasProgress = false;
    this.#err.write("\r\u001b[K");
  }

  /** Ends a progress line. */
  end(): void {
    this.#endProgress();
  }
}

/** Resolves when a stream takes more, or has closed: its reader may have ended. */
function drained(stream: OutputStream): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.removeListener("drain", done);
      stream.removeListener("close", done);
      resolve();
    };
    stream.once("drain", done);
    stream.once("close", done);
  });
}
