import type { ReactNode } from "react";

import type { ServerError } from "../api/request";

export function Badge({ status }: { status: string }) {
  return <span className={`badge ${status.toLowerCase()}`}>{status.toLowerCase().replace("_", " ")}</span>;
}

/** What went wrong, in the server's words. */
export function Problem({ error, children }: { error?: Error; children?: ReactNode }) {
  if (!error) return null;
  const code = (error as Partial<ServerError>).code;
  return (
    <div className="notice" role="alert">
      {code && code !== "Unreachable" ? <strong>{code}: </strong> : null}
      {error.message}
      {children}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** The last part of an ARN. */
export function nameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(":") + 1);
}
