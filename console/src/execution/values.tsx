import { moment } from "../api/windlass";
import { Json } from "../ui/json";
import { useLoad } from "../ui/load";
import { Problem } from "../ui/pieces";

/** What each path and expression of a state came to, recomputed by the server from the stored turn. */
export function Values({ executionArn, eventId }: { executionArn: string; eventId: number }) {
  const found = useLoad((signal) => moment(executionArn, eventId, signal), `${executionArn} ${eventId}`);
  if (found.error) return <Problem error={found.error} />;
  if (found.loading) return <p className="soft">Recomputing…</p>;
  const state = found.value?.state;
  if (!state || state.evaluated.length === 0) return <p className="soft small">Nothing was evaluated here.</p>;
  return (
    <div className="grid" style={{ gap: 10 }}>
      {state.evaluated.map((one, index) => (
        <div key={index} className="value">
          <code className="soft">{one.field}</code>
          {one.failure ? (
            <div className="notice">
              <strong>{one.failure.error}</strong> {one.failure.cause}
            </div>
          ) : (
            <Json text={JSON.stringify(one.value)} />
          )}
        </div>
      ))}
      {state.abridged && <p className="soft small">There was more than is kept; the rest was left out.</p>}
      {state.variables != null && (
        <details>
          <summary className="soft small">Variables it saw</summary>
          <Json text={JSON.stringify(state.variables)} />
        </details>
      )}
      <details>
        <summary className="soft small">Context object</summary>
        <Json text={JSON.stringify(state.context)} />
      </details>
    </div>
  );
}
