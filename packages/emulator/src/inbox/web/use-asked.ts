import { useEffect, useRef, useState } from "./preact.ts";

/** Minimum interval between two requests about the same subject. Unit: milliseconds. */
const REST_MS = 150;

/**
 * Answer of the server about a subject, requested again whenever `version` changes: at once if no request is under way, otherwise after it
 * has been answered, so that there is one request at a time. Once the version is `undefined` nothing is requested any more:
 * the last answer stays.
 *
 * @param subject Subject of the request; another one starts anew. @param ask Resolves with `undefined` without an answer.
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

  // a new version triggers a request
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
      // a missing answer does not clear the previous one
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
