import { useCallback, useEffect, useRef, useState } from "react";

export interface Loaded<T> {
  value?: T;
  error?: Error;
  loading: boolean;
  reload: () => void;
}

/**
 * Loads when `key` changes, and again every `everyMs`. While it reloads, the
 * last value stays; pages that are not looked at do not reload.
 */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, key: string, everyMs?: number): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; error?: Error }>({ key: "" });
  const [turn, setTurn] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    let timer: number | undefined;
    const again = () => {
      if (everyMs) timer = window.setTimeout(run, document.hidden ? Math.max(everyMs, 10_000) : everyMs);
    };
    const run = () => {
      latest.current(abort.signal).then(
        (value) => {
          if (abort.signal.aborted) return;
          setState({ key, value });
          again();
        },
        (error: Error) => {
          if (abort.signal.aborted) return;
          setState((before) => ({ key, value: before.key === key ? before.value : undefined, error }));
          again();
        },
      );
    };
    run();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [key, everyMs, turn]);
  const reload = useCallback(() => setTurn((turn) => turn + 1), []);
  const fresh = state.key === key;
  return { value: fresh ? state.value : undefined, error: fresh ? state.error : undefined, loading: !fresh, reload };
}
