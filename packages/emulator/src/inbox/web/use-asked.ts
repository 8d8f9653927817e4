import { useEffect, useRef, useState } from "./preact.ts";

/** Between two questions about the same thing. Unit: milliseconds. */
const REST_MS = 150;

/**
 * What the server says about something, asked for again whenever `version` changes: at once when nothing is on its way, else when that
 * has come back. However fast it changes, there is one question at a time. Once the version is `undefined` there is nothing new to hear:
 * the last answer stays.
 *
 * @param subject What is asked about; another one starts anew. @param ask Gives `undefined` when there is no answer.
 */
export function useAsked<T>(subject: string, version: unknown, ask: () => Promise<T | undefined>): T | undefined {
  const [answer, setAnswer] = useState<{ subject: string; value: T | undefined }>();
  const work = useRef<{ subject: string; running: boolean; again: boolean }>({
    subject: "",
    running: false,
    again: false,
  });
  const latestAsk = useRef(ask);
  latestAsk.current = ask;

  const answered = answer?.subject === subject && answer.value !== undefined;

  // a new version is the reason to ask
  useEffect(() => {
    if (version === undefined && answered) return;
    if (work.current.subject !== subject) work.current = { subject, running: false, again: false };
    const mine = work.current;
    if (mine.running) {
      mine.again = true;
      return;
    }
    const run = async (): Promise<void> => {
      mine.running = true;
      const value = await latestAsk.current();
      if (work.current !== mine) return;
      // no answer, since it is gone by now, takes nothing away from what was said before
      setAnswer((before) => (value === undefined && before?.subject === subject ? before : { subject, value }));
      setTimeout(() => {
        mine.running = false;
        if (!mine.again || work.current !== mine) return;
        mine.again = false;
        void run();
      }, REST_MS);
    };
    void run();
  }, [subject, version]);

  useEffect(
    () => () => {
      work.current = { subject: "", running: false, again: false };
    },
    [],
  );
  return answered ? answer.value : undefined;
}
