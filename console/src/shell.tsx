import { type ReactNode, useState } from "react";

import { currentRegion } from "./api/request";
import { type Session, signOut } from "./api/session";
import { href, useRoute } from "./route";
import { Link } from "./ui/link";

export function Logo() {
  return (
    <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="#2962d9" />
      <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round">
        <circle cx="16" cy="16" r="6" />
        <path d="M16 4v6M16 22v6M4 16h6M22 16h6" />
      </g>
      <circle cx="16" cy="16" r="2" fill="#fff" />
    </svg>
  );
}

const PAGES: [path: string, title: string, icon: string][] = [
  ["", "Overview", "M2 9l6-6 6 6M4 8v6h8V8"],
  ["machines", "State machines", "M2 2h5v4H2ZM9 10h5v4H9ZM4.5 6v3.5h7V10"],
  ["executions", "Executions", "M3 3h10M3 8h10M3 13h6"],
  ["inbox", "Inbox", "M2 9l2-6h8l2 6v4H2ZM2 9h4l1 2h2l1-2h4"],
  ["functions", "Functions", "M4 2c4 0 4 12 8 12M8.5 8L4 14"],
];

export function Shell({ session, children, onSignedOut }: { session: Session; children: ReactNode; onSignedOut: () => void }) {
  const { parts } = useRoute();
  const [theme, setTheme] = useState(localStorage.getItem("theme") ?? "");
  const next = theme === "" ? "dark" : theme === "dark" ? "light" : "";
  const changeTheme = () => {
    setTheme(next);
    if (next) {
      localStorage.setItem("theme", next);
      document.documentElement.dataset.theme = next;
    } else {
      localStorage.removeItem("theme");
      delete document.documentElement.dataset.theme;
    }
  };
  return (
    <div className="shell">
      <header className="side">
        <Link className="brand" href={href([])}>
          <Logo /> Windlass
        </Link>
        <nav aria-label="Pages">
          {PAGES.map(([path, title, icon]) => (
            <Link key={path} href={href(path ? [path] : [])} aria-current={(parts[0] ?? "") === path ? "page" : undefined}>
              <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
                <path d={icon} />
              </svg>
              {title}
            </Link>
          ))}
        </nav>
        <div className="foot">
          <span>
            {session.account} · {currentRegion()}
          </span>
          <span>{session.mode === "open" ? "Open mode: this machine only" : session.principal}</span>
          <span className="row">
            <button type="button" className="quiet small" onClick={changeTheme} title="Light, dark, or as the system">
              {theme === "" ? "System theme" : theme === "dark" ? "Dark theme" : "Light theme"}
            </button>
            {session.mode === "keys" && (
              <button type="button" className="quiet small" onClick={() => void signOut().finally(onSignedOut)}>
                Sign out
              </button>
            )}
          </span>
          <span>Windlass {session.version}</span>
        </div>
      </header>
      <main className="main" id="main">
        {children}
      </main>
    </div>
  );
}
