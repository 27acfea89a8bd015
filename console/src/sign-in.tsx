import { type FormEvent, useState } from "react";

import { type Session, signIn } from "./api/session";
import { Logo } from "./shell";
import { Problem } from "./ui/pieces";

export function SignIn({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const [error, setError] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setError(undefined);
    try {
      onSignedIn(await signIn(text("key"), text("secret"), text("token")));
    } catch (error) {
      setError(error as Error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="page" style={{ maxWidth: 420, paddingTop: "12vh" }}>
      <form className="card" onSubmit={submit}>
        <div className="body grid">
          <h1 className="row">
            <Logo /> Sign in to Windlass
          </h1>
          <p className="soft">With an access key of this server: one from its configuration, or of an IAM user.</p>
          <label>
            Access key id
            <input name="key" required autoComplete="username" autoFocus spellCheck={false} />
          </label>
          <label>
            Secret access key
            <input name="secret" type="password" required autoComplete="current-password" />
          </label>
          <details>
            <summary className="soft small">With temporary credentials</summary>
            <label style={{ marginTop: 8 }}>
              Session token
              <input name="token" type="password" autoComplete="off" />
            </label>
          </details>
          <Problem error={error} />
          <button className="primary" type="submit" disabled={busy}>
            {busy ? "Signing in…" : "Sign in"}
          </button>
        </div>
      </form>
    </main>
  );
}
