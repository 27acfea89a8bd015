import { useEffect, useRef, useState } from "react";

import { type HistoryEvent, historyPage } from "../api/stepfunctions";
import { type Story, StoryTeller } from "./runs";

/** How often a running execution is asked for new events. */
const EVERY_MS = 1_000;

export interface History {
  events: HistoryEvent[];
  story: Story;
  /** Everything that is there has been read once. */
  complete: boolean;
  error?: Error;
}

/**
 * The whole history of an execution, page by page, and what is added while it
 * runs. `settled` says that nothing more will come.
 */
export function useHistory(executionArn: string, settled: boolean, turn: number): History {
  const [history, setHistory] = useState<History>(() => ({ events: [], story: new StoryTeller().story, complete: false }));
  const done = useRef(settled);
  done.current = settled;
  useEffect(() => {
    const abort = new AbortController();
    const teller = new StoryTeller();
    const events: HistoryEvent[] = [];
    let timer: number | undefined;
    // The token of the last page that was not full leads to what comes after it: it is asked again.
    let token: string | undefined;
    const read = async () => {
      const settledBefore = done.current;
      try {
        for (;;) {
          const page = await historyPage(executionArn, token, abort.signal);
          const fresh = page.events.filter((event) => event.id > teller.lastId);
          events.push(...fresh);
          teller.feed(fresh);
          if (!page.nextToken) break;
          token = page.nextToken;
          if (abort.signal.aborted) return;
          setHistory({ events, story: teller.story, complete: false });
        }
        if (abort.signal.aborted) return;
        setHistory({ events, story: teller.story, complete: true });
      } catch (error) {
        if (abort.signal.aborted) return;
        setHistory((before) => ({ ...before, error: error as Error }));
      }
      if (!settledBefore) timer = window.setTimeout(read, document.hidden ? 10 * EVERY_MS : EVERY_MS);
    };
    void read();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [executionArn, turn]);
  return history;
}
