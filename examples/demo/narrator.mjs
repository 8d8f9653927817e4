// Tells the story: aligned lines for people, one JSON object per event for programs.
import { styleText } from "node:util";
import Table from "cli-table3";

const colourful = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (style, text) => (colourful ? styleText(style, text) : text);

const MARKS = {
  good: ["green", "✓"],
  change: ["cyan", "↻"],
  wait: ["yellow", "…"],
  bad: ["red", "✗"],
  note: ["dim", "·"],
};

export function createNarrator({ json }) {
  const started = Date.now();
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
      print(`   ${paint(style, sign)} ${subject.padEnd(28)} ${text}`);
    },
    finish(summary, problems) {
      if (json) {
        print(JSON.stringify({ summary }));
        return;
      }
      const table = new Table({ style: { head: [], border: colourful ? ["dim"] : [] }, colAligns: ["left", "right"] });
      for (const [name, count] of Object.entries(summary)) {
        const label = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
        const alarming = name === "lost" && count !== 0;
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
