import { type Outbox, type OutboxProgress, wait } from "@cloud-messaging/core/transport";
import { EXIT_STATUS, type ExitStatus, UsageError } from "../exit-status.ts";
import { type Command, defineCommand } from "../line/command.ts";
import { duration, flag, text } from "../line/options.ts";
import { outcomeInWords } from "../output/outcomes.ts";
import type { Output } from "../output/output.ts";
import { OUTBOX_OPTIONS, withOutbox } from "./open-outbox.ts";

const BY_KEY = { byKey: flag("the argument is the key of the message or campaign, and not its ID") };
/** Default time between two looks. Unit: milliseconds. */
const EVERY_MS = 1_000;

const status: Command = defineCommand({
  name: "outbox status",
  summary: "show how many recipients wait, by lane; or the progress of a message or campaign",
  arguments: "[id]",
  options: { ...BY_KEY, ...OUTBOX_OPTIONS },
  examples: [
    "cloud-messaging outbox status --outbox lmdb:./outbox",
    "cloud-messaging outbox status spring-sale --by-key",
  ],
  run: ({ output }, options, [id]) =>
    withOutbox(options, async (outbox) => {
      if (id === undefined) {
        const backlog = await outbox.backlog();
        if (output.json) await output.line(JSON.stringify(backlog));
        else {
          const lanes = Object.entries(backlog.lanes).map(([lane, count]) => [lane, String(count)]);
          await output.table(["LANE", "WAITING"], [...lanes, ["all", String(backlog.recipients)]]);
        }
        return EXIT_STATUS.done;
      }
      return writeProgress(await progressOf(outbox, id, options.byKey), output);
    }),
});

const watch: Command = defineCommand({
  name: "outbox watch",
  summary: "show the progress of a message or campaign until it has finished, or of the whole outbox until it is empty",
  arguments: "[id]",
  options: { ...BY_KEY, every: duration("time between two looks (default: 1s)"), ...OUTBOX_OPTIONS },
  examples: ["cloud-messaging outbox watch spring-sale --by-key --outbox lmdb:./outbox"],
  run: ({ output, clock, signal }, options, [id]) =>
    withOutbox(options, async (outbox) => {
      for (;;) {
        const seen = id === undefined ? await outbox.backlog() : await progressOf(outbox, id, options.byKey);
        if (seen === undefined) return writeProgress(undefined, output);
        const finished = "state" in seen ? seen.finishedAt !== undefined : seen.recipients === 0;
        const words = (): string => ("state" in seen ? progressInWords(seen) : `${seen.recipients} recipients wait`);
        if (output.json) await output.line(JSON.stringify(seen));
        else if (finished || !output.isTerminal) await output.line(words());
        else output.progress(words);
        if (finished || !(await wait(clock, options.every ?? EVERY_MS, signal))) return EXIT_STATUS.done;
      }
    }),
});

const dead: Command = defineCommand({
  name: "outbox dead",
  summary: "show dead letters: recipients that were given up, and may be replayed",
  arguments: "[id]",
  options: { after: text("CURSOR", "go on after this cursor, which --json shows"), ...OUTBOX_OPTIONS },
  examples: ["cloud-messaging outbox dead --outbox lmdb:./outbox --json"],
  run: ({ output, signal }, options, [id]) =>
    withOutbox(options, async (outbox) => {
      const { after } = options;
      const results = outbox.results({
        dead: true,
        signal,
        ...(id === undefined ? {} : { id }),
        ...(after === undefined ? {} : { after }),
      });
      for await (const result of results) {
        await output.value(result, () => `${result.id}  ${result.dead}  ${outcomeInWords(result.outcome, output)}`);
      }
      return EXIT_STATUS.done;
    }),
});

const replay: Command = defineCommand({
  name: "outbox replay",
  summary: "store a new campaign to the dead letters of another, and show its ID",
  arguments: "<id>",
  options: {
    key: text("KEY", "key of the new campaign: a second call with it stores nothing"),
    lane: text("NAME", "lane of the new campaign: one that workers have (default: that of the other)"),
    ...OUTBOX_OPTIONS,
  },
  examples: ["cloud-messaging outbox replay ID --key spring-sale-again --outbox lmdb:./outbox"],
  run: ({ output }, { key, lane, ...options }, [id = ""]) =>
    withOutbox(
      options,
      async (outbox) => {
        const stored = await outbox.replay(id, {
          ...(key === undefined ? {} : { key }),
          ...(lane === undefined ? {} : { lane }),
        });
        await output.value(stored, () => stored.id);
        return EXIT_STATUS.done;
      },
      lane,
    ),
});

const SUMMARIES = {
  pause: "hold a campaign: no further attempt begins",
  resume: "let a paused campaign go on",
  cancel: "cancel a message or campaign: what nothing was written to is not sent any more",
} as const;

const controls: readonly Command[] = (["pause", "resume", "cancel"] as const).map((operation) =>
  defineCommand({
    name: `outbox ${operation}`,
    summary: SUMMARIES[operation],
    arguments: "<id>",
    options: { ...BY_KEY, ...OUTBOX_OPTIONS },
    examples: [`cloud-messaging outbox ${operation} spring-sale --by-key --outbox lmdb:./outbox`],
    run: ({ output }, options, [given = ""]) =>
      withOutbox(options, async (outbox) => {
        const id = options.byKey === true ? (await outbox.progress({ key: given }))?.id : given;
        return writeProgress(id === undefined ? undefined : await outbox[operation](id), output);
      }),
  }),
);

/** All commands about an outbox. */
export const outbox: readonly Command[] = [status, watch, dead, replay, ...controls];

function progressOf(box: Outbox, id: string, byKey: true | undefined): Promise<OutboxProgress | undefined> {
  return box.progress(byKey === true ? { key: id } : id);
}

async function writeProgress(progress: OutboxProgress | undefined, output: Output): Promise<ExitStatus> {
  if (progress === undefined) throw new UsageError("The outbox has no such message or campaign");
  await output.value(progress, () => progressInWords(progress));
  return EXIT_STATUS.done;
}

function progressInWords({ id, key, lane, state, recipients, pending, settled, kinds, codes }: OutboxProgress): string {
  const counted = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(", ");
  const parts = [
    key === undefined ? id : `${key} (${id})`,
    `${state} in ${lane}`,
    `${settled} of ${recipients} settled`,
    ...(pending > 0 ? [`${pending} pending`] : []),
    counted(kinds),
    counted(codes),
  ];
  return parts.filter((part) => part !== "").join(" · ");
}
