import { send } from "./request";

/** Who one is, and where. */
export interface Session {
  mode: "open" | "keys";
  principal: string;
  account: string;
  region: string;
  version: string;
}

const path = "/_windlass/session";

export const session = () => send<Session>({ method: "GET", path });

export const signIn = (accessKeyId: string, secretAccessKey: string, sessionToken?: string) =>
  send<Session>({ path, body: JSON.stringify({ accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined }) });

export const signOut = () => send<object>({ method: "DELETE", path });
