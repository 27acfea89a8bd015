import { lazy, Suspense, useCallback, useEffect, useState } from "react";

import { type ServerError, useRegion, whenSignedOut } from "./api/request";
import { type Session, session } from "./api/session";
import { href, useRoute } from "./route";
import { Shell } from "./shell";
import { SignIn } from "./sign-in";
import { Link } from "./ui/link";
import { Empty, Problem } from "./ui/pieces";

const Overview = lazy(() => import("./pages/overview"));
const Machines = lazy(() => import("./pages/machines"));
const MachinePage = lazy(() => import("./pages/machine"));
const MachineEdit = lazy(() => import("./pages/machine-edit"));
const ExecutionPage = lazy(() => import("./pages/execution"));
const Executions = lazy(() => import("./pages/executions"));
const Inbox = lazy(() => import("./pages/inbox"));
const Functions = lazy(() => import("./pages/functions"));

export function App() {
  const [known, setKnown] = useState<Session>();
  const [error, setError] = useState<Error>();
  const enter = useCallback((session: Session) => {
    useRegion(localStorage.getItem("region") ?? session.region);
    setError(undefined);
    setKnown(session);
  }, []);
  const ask = useCallback(() => {
    session().then(enter, (error: ServerError) => {
      setKnown(undefined);
      setError(error);
    });
  }, [enter]);
  useEffect(() => {
    whenSignedOut(() => {
      setKnown(undefined);
      setError(Object.assign(new Error("Sign in first."), { status: 401 }));
    });
    ask();
  }, [ask]);

  if (known) {
    return (
      <Shell session={known} onSignedOut={ask}>
        <Suspense fallback={<div className="page soft">Loading…</div>}>
          <Page session={known} />
        </Suspense>
      </Shell>
    );
  }
  if (!error) return null;
  if ((error as ServerError).status === 401) return <SignIn onSignedIn={enter} />;
  return (
    <div className="page">
      <Problem error={error}>
        <div style={{ marginTop: 8 }}>
          <button type="button" onClick={ask}>
            Try again
          </button>
        </div>
      </Problem>
    </div>
  );
}

function Page({ session }: { session: Session }) {
  const { parts, query } = useRoute();
  const [page, subject, action] = parts;
  switch (page) {
    case undefined:
      return <Overview />;
    case "machines":
      if (!subject) return <Machines />;
      if (subject === "new") return <MachineEdit session={session} />;
      if (action === "edit") return <MachineEdit session={session} arn={subject} />;
      return <MachinePage arn={subject} key={subject} />;
    case "executions":
      return subject ? <ExecutionPage arn={subject} key={subject} state={query.get("state") ?? undefined} /> : <Executions />;
    case "inbox":
      return <Inbox />;
    case "functions":
      return <Functions name={subject} />;
    default:
      return (
        <div className="page">
          <Empty title="There is no such page">
            <Link href={href([])}>Go to the overview</Link>
          </Empty>
        </div>
      );
  }
}
