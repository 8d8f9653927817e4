// Tells the story: aligned lines for people, one JSON object per event for programs.
import { styleText } from "node:util";
import Table from "cli-table3";

const colourful = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (style, text) => (colourful ? styleText(style, text) : text);

/** What stands before the text of a line: a mark and a subject. */
const SUBJECT_CHARS = 28;
const INDENT = 3 + 2 + SUBJECT_CHARS + 1;

/** The text in lines that fit beside the subject in a terminal; whole where there is none, or too narrow a one. */
function fitting(text) {
  const room = (process.stdout.columns ?? Number.POSITIVE_INFINITY) - INDENT - 1;
  if (text.length <= room || room < 20) return text;
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === "") lines[lines.length - 1] = word;
    else if (line.length + 1 + word.length <= room) lines[lines.length - 1] += ` ${word}`;
    else lines.push(word);
  }
  return lines.join(`\n${" ".repeat(INDENT)}`);
}

const MARKS = {
  good: ["green", "✓"],
  change: ["cyan", "↻"],
  wait: ["yellow", "…"],
  bad: ["red", "✗"],
  note: ["dim", "·"],
};

export function createNarrator({ json }) {
  const started = Date.now();
  // whoever reads has gone (`| head`): the end of the story is not told, so it is no success
  process.stdout.on("error", (error) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(1);
  });
  const print = (line) => process.stdout.write(`${line}\n`);
  const event = (name, facts) => print(JSON.stringify({ event: name, atMs: Date.now() - started, ...facts }));

  return {
    chapter(number, title) {
      if (json) event("chapter", { number, title });
      else print(`\n${paint("bold", `${number}. ${title}`)}`);
    },
    /** One thing that happened: a mark, who it happened to, what it was. */
    say(mark, subject, text, facts = {}) {
      if (json) return event(facts.event ?? mark, { subject, text, ...facts });
      const [style, sign] = MARKS[mark];
      print(`   ${paint(style, sign)} ${subject.padEnd(SUBJECT_CHARS)} ${fitting(text)}`);
    },
    finish(summary, problems) {
      if (json) {
        print(JSON.stringify({ summary }));
        return;
      }
      const table = new Table({ style: { head: [], border: colourful ? ["dim"] : [] }, colAligns: ["left", "right"] });
      for (const [name, count] of Object.entries(summary)) {
        const label = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
        const alarming = name.startsWith("lost") && count !== 0;
        table.push([alarming ? paint("red", label) : label, alarming ? paint("red", String(count)) : String(count)]);
      }
      print(`\n${table.toString()}`);
      for (const problem of problems) print(paint("red", `   ✗ ${problem}`));
      if (problems.length === 0) {
        print(
          `\n${paint("green", "Nothing was lost, and every count is what the story says.")} Took ${((Date.now() - started) / 1000).toFixed(1)} s.`,
        );
        print("Next: README.md has two programs to start from; examples/ has more.");
      }
    },
  };
}

/** Enough of a token to tell it from the others. */
export const short = (token) => (token.length > 14 ? `${token.slice(0, 6)}…${token.slice(-5)}` : token);
export const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
