import { send } from "./request";

export interface Shape {
  kind: "start" | "end" | "state" | "container" | "branch" | "missing";
  state?: string;
  type?: string;
  title?: string[];
  subtitle?: string;
  retry?: string;
  parent?: number;
  index?: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Edge {
  from: number;
  to: number;
  kind: "ends" | "next" | "choice" | "default" | "catch";
  index?: number;
  back?: boolean;
  label?: string[];
  labelX?: number;
  labelY?: number;
  path: string;
}

export interface Diagram {
  width: number;
  height: number;
  shapes: Shape[];
  edges: Edge[];
}

/** Where everything of a definition is drawn: the server lays it out, as it does for `windlass graph`. */
export const diagram = (definition: string, signal?: AbortSignal) =>
  send<Diagram>({ path: "/_windlass/diagram", body: JSON.stringify({ definition }), signal });
