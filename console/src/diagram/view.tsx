import { memo, useCallback, useEffect, useImperativeHandle, useMemo, useRef, useState } from "react";
import type { KeyboardEvent, PointerEvent, ReactNode, Ref } from "react";

import type { Diagram, Edge, Shape } from "../api/diagram";
import { exportPng, exportSvg } from "./export";
import { ICONS, UNKNOWN_ICON } from "./icons";

/** How a state looks in the picture of an execution. */
export interface Mark {
  status: "running" | "succeeded" | "failed" | "caught" | "aborted";
  /** How often it ran. */
  count: number;
}

export interface DiagramHandle {
  /** Brings a state into view. */
  show: (state: string) => void;
}

interface View {
  x: number;
  y: number;
  scale: number;
}

const SCALE_MIN = 0.04;
const SCALE_MAX = 3;
/** Beyond this many shapes the labels of what is far away are left out while zoomed out. */
const TEXT_SCALE_MIN = 0.28;

export function DiagramView({
  diagram,
  marks,
  selected,
  onSelect,
  name,
  ref,
  children,
}: {
  diagram: Diagram;
  marks?: ReadonlyMap<string, Mark>;
  selected?: string;
  onSelect?: (state: string) => void;
  /** Of the files that are exported. */
  name: string;
  ref?: Ref<DiagramHandle>;
  children?: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  const picture = useRef<SVGSVGElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [view, setView] = useState<View>();
  const [sought, setSought] = useState("");

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height });
    });
    if (box.current) observer.observe(box.current);
    return () => observer.disconnect();
  }, []);

  const fit = useCallback(() => {
    if (!size.width) return;
    const whole = Math.min(size.width / diagram.width, size.height / diagram.height, 1.1);
    // A long machine is shown from its beginning at a size that can be read.
    const scale = Math.max(whole, Math.min(0.55, size.width / diagram.width));
    const y = scale > whole ? 0 : (size.height - diagram.height * scale) / 2;
    setView({ x: (size.width - diagram.width * scale) / 2, y, scale });
  }, [diagram.width, diagram.height, size.width, size.height]);
  const fitted = useRef({ key: "", width: 0 });
  useEffect(() => {
    if (!size.width) return;
    const key = `${diagram.width} ${diagram.height}`;
    const { key: before, width } = fitted.current;
    fitted.current = { key, width: size.width };
    if (before !== key) fit();
    // In a window of another width the middle stays in the middle.
    else setView((view) => view && { ...view, x: view.x + (size.width - width) / 2 });
  }, [fit, diagram, size]);

  const zoom = useCallback((factor: number, at?: { x: number; y: number }) => {
    setView((view) => {
      if (!view) return view;
      const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, view.scale * factor));
      const { x, y } = at ?? { x: size.width / 2, y: size.height / 2 };
      const by = scale / view.scale;
      return { scale, x: x - (x - view.x) * by, y: y - (y - view.y) * by };
    });
  }, [size]);

  const show = useCallback((state: string) => {
    const shape = diagram.shapes.find((shape) => shape.state === state);
    if (!shape || !size.width) return;
    setView((view) => {
      // What can be seen and read already is left where it is.
      const [left, top] = view ? [view.x + shape.x * view.scale, view.y + shape.y * view.scale] : [-1, -1];
      const [right, bottom] = [left + shape.width * (view?.scale ?? 0), top + shape.height * (view?.scale ?? 0)];
      if (view && view.scale >= 0.45 && left >= 0 && top >= 44 && right <= size.width && bottom <= size.height) return view;
      const scale = Math.max(view?.scale ?? 1, 0.7);
      return {
        scale,
        x: size.width / 2 - (shape.x + shape.width / 2) * scale,
        y: size.height / 2 - (shape.y + Math.min(shape.height, 120) / 2) * scale,
      };
    });
  }, [diagram, size]);
  useImperativeHandle(ref, () => ({ show }), [show]);

  // Wheels are listened to by hand: React's listeners cannot stop the page from scrolling.
  useEffect(() => {
    const element = box.current;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const bounds = element!.getBoundingClientRect();
      if (event.ctrlKey || event.metaKey || !event.shiftKey && Math.abs(event.deltaX) < 1) {
        zoom(Math.exp(-event.deltaY * 0.0016), { x: event.clientX - bounds.left, y: event.clientY - bounds.top });
      } else {
        setView((view) => view && { ...view, x: view.x - event.deltaX - event.deltaY, y: view.y });
      }
    };
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  }, [zoom]);

  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const onPointerDown = (event: PointerEvent<SVGSVGElement>) => {
    pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  };
  const onPointerMove = (event: PointerEvent<SVGSVGElement>) => {
    const before = pointers.current.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) {
      if (Math.hypot(now.x - before.x, now.y - before.y) < 4) return;
      event.currentTarget.setPointerCapture(event.pointerId);
    }
    const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
    pointers.current.set(event.pointerId, now);
    if (other) {
      const bounds = box.current!.getBoundingClientRect();
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      zoom(factor, { x: (now.x + other.x) / 2 - bounds.left, y: (now.y + other.y) / 2 - bounds.top });
    } else {
      setView((view) => view && { ...view, x: view.x + now.x - before.x, y: view.y + now.y - before.y });
    }
  };
  const onPointerUp = (event: PointerEvent<SVGSVGElement>) => pointers.current.delete(event.pointerId);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement) return;
    const by = 60;
    const moves: Record<string, [number, number]> = {
      ArrowUp: [0, by], ArrowDown: [0, -by], ArrowLeft: [by, 0], ArrowRight: [-by, 0],
    };
    const move = moves[event.key];
    if (move) setView((view) => view && { ...view, x: view.x + move[0], y: view.y + move[1] });
    else if (event.key === "+" || event.key === "=") zoom(1.2);
    else if (event.key === "-") zoom(1 / 1.2);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  };

  const found = useMemo(() => {
    const text = sought.trim().toLowerCase();
    if (!text) return [];
    return diagram.shapes.filter((shape) => `${shape.state ?? ""} ${shape.subtitle ?? ""}`.toLowerCase().includes(text));
  }, [sought, diagram]);
  const seek = (step: number) => {
    const first = found[(found.length + step) % Math.max(found.length, 1)];
    if (first?.state) {
      show(first.state);
      onSelect?.(first.state);
    }
  };
  const foundStates = useMemo(() => new Set(found.map((shape) => shape.state)), [found]);

  return (
    <div ref={box} className="diagram" onKeyDown={onKeyDown}>
      <svg
        ref={picture}
        className="picture d"
        role="group"
        aria-label="Graph of the state machine"
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={onPointerUp}
      >
        {view && (
          <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
            <Picture
              diagram={diagram}
              marks={marks}
              selected={selected}
              found={foundStates}
              onSelect={onSelect}
              texts={view.scale >= TEXT_SCALE_MIN || diagram.shapes.length < 120}
            />
          </g>
        )}
      </svg>
      <div className="tools">
        {children}
        <input
          type="search"
          placeholder="Find a state"
          aria-label="Find a state"
          value={sought}
          onChange={(event) => setSought(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && seek(0)}
        />
        <button type="button" aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoom(1.25)}>+</button>
        <button type="button" aria-label="Zoom out" title="Zoom out (-)" onClick={() => zoom(0.8)}>−</button>
        <button type="button" title="Show everything (0)" onClick={fit}>Fit</button>
        <button type="button" title="Save as SVG" onClick={() => exportSvg(diagram, picture.current!, name)}>SVG</button>
        <button type="button" title="Save as PNG" onClick={() => void exportPng(diagram, picture.current!, name)}>PNG</button>
      </div>
      {view && <Minimap diagram={diagram} view={view} size={size} onMove={(x, y) => setView({ ...view, x, y })} />}
    </div>
  );
}

const Picture = memo(function Picture({
  diagram,
  marks,
  selected,
  found,
  onSelect,
  texts,
}: {
  diagram: Diagram;
  marks?: ReadonlyMap<string, Mark>;
  selected?: string;
  found: ReadonlySet<string | undefined>;
  onSelect?: (state: string) => void;
  texts: boolean;
}) {
  const around = (shape: Shape) => shape.kind === "container" || shape.kind === "branch";
  const draw = (shape: Shape, index: number) => (
    <ShapeView
      key={index}
      shape={shape}
      mark={shape.state ? marks?.get(shape.state) : undefined}
      untouched={!!marks && !!shape.state && !marks.has(shape.state)}
      selected={!!shape.state && shape.state === selected}
      found={!!shape.state && found.has(shape.state)}
      onSelect={onSelect}
      texts={texts}
    />
  );
  return (
    <>
      {diagram.shapes.map((shape, index) => (around(shape) ? draw(shape, index) : null))}
      {diagram.edges.map((edge, index) => (
        <EdgeView key={index} edge={edge} taken={isTaken(diagram, edge, marks)} />
      ))}
      {diagram.shapes.map((shape, index) => (around(shape) ? null : draw(shape, index)))}
      {texts && diagram.edges.map((edge, index) => <EdgeLabel key={index} edge={edge} />)}
    </>
  );
});

/** Both ends ran: good enough for a picture, not for a proof. */
function isTaken(diagram: Diagram, edge: Edge, marks?: ReadonlyMap<string, Mark>): boolean {
  if (!marks) return false;
  const ran = (index: number) => {
    const shape = diagram.shapes[index];
    return !!shape && (shape.kind === "start" || (!!shape.state && marks.has(shape.state)));
  };
  const from = diagram.shapes[edge.from]?.state;
  const caught = from ? marks.get(from)?.status === "caught" : false;
  return ran(edge.from) && ran(edge.to) && (edge.kind === "catch") === caught;
}

const ShapeView = memo(function ShapeView({
  shape,
  mark,
  untouched,
  selected,
  found,
  onSelect,
  texts,
}: {
  shape: Shape;
  mark?: Mark;
  untouched: boolean;
  selected: boolean;
  found: boolean;
  onSelect?: (state: string) => void;
  texts: boolean;
}) {
  const { x, y, width, height, kind, state } = shape;
  if (kind === "start" || kind === "end") {
    const r = width / 2;
    return (
      <g className={`shape ${kind}`}>
        <circle cx={x + r} cy={y + r} r={r - 1} />
        {kind === "end" && <circle className="core" cx={x + r} cy={y + r} r={r - 6} />}
      </g>
    );
  }
  if (kind === "branch") {
    return (
      <g className="shape branch">
        <rect x={x} y={y} width={width} height={height} rx={8} />
      </g>
    );
  }
  const select = state && onSelect ? () => onSelect(state) : undefined;
  const classes = ["shape", kind, shape.type, mark?.status, untouched && "untouched", selected && "selected", found && "found"];
  const lines = shape.title ?? [];
  return (
    <g className={classes.filter(Boolean).join(" ")}>
      <g
        className="press"
        role="button"
        tabIndex={0}
        aria-label={`${state}, ${shape.type ?? "state"}${mark ? `, ${mark.status}` : ""}`}
        aria-pressed={selected}
        onClick={select}
        onKeyDown={(event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            select?.();
          }
        }}
      >
        <rect x={x} y={y} width={width} height={height} rx={9} />
      </g>
      <path className="icon" transform={`translate(${x + 13} ${y + 10})`} d={ICONS[shape.type ?? ""] ?? UNKNOWN_ICON} />
      {texts && (
        <g aria-hidden="true">
          {lines.map((line, index) => (
            <text key={index} className="title" x={x + 40} y={y + 22 + index * 18}>
              {line}
            </text>
          ))}
          {shape.subtitle && (
            <text className="small" x={x + 40} y={y + 20 + lines.length * 18}>
              {shape.subtitle}
            </text>
          )}
          {shape.retry && (
            <text className="retry" textAnchor="end" x={x + width - 10} y={y + 21}>
              {shape.retry}
            </text>
          )}
          {mark && mark.count > 1 && (
            <text className="count" x={x + width - 4} y={y - 4}>
              ×{mark.count.toLocaleString()}
            </text>
          )}
        </g>
      )}
    </g>
  );
});

function classOf(edge: Edge): string {
  return edge.kind === "catch" ? "catch" : edge.back ? "back" : edge.kind;
}

/** The tip of an arrow: its last run is straight up or down. */
function tip(edge: Edge): string {
  const numbers = edge.path.match(/-?\d+(?:\.\d+)?/g)?.map(Number) ?? [];
  const last = edge.path.match(/([MVLC])[^MVLC]*$/)?.[1];
  const y = numbers.at(-1) ?? 0;
  let x = 0;
  for (const part of edge.path.match(/[MVLC][^MVLC]*/g) ?? []) {
    const values = part.slice(1).trim().split(/[ ,]+/).map(Number);
    if (part[0] !== "V") x = values.at(-2) ?? x;
  }
  const before = edge.path.slice(0, edge.path.lastIndexOf(last ?? "V")).match(/-?\d+(?:\.\d+)?/g)?.map(Number).at(-1) ?? y;
  const base = y + ((before > y || (before === y && edge.back)) ? 8 : -8);
  return `M${x} ${y}L${x - 4.5} ${base}L${x + 4.5} ${base}Z`;
}

const EdgeView = memo(function EdgeView({ edge, taken }: { edge: Edge; taken: boolean }) {
  const kind = classOf(edge);
  return (
    <>
      <path className={`edge ${kind} ${taken ? "taken" : ""}`} d={edge.path} />
      <path className={`tip ${kind}`} d={tip(edge)} />
    </>
  );
});

const EdgeLabel = memo(function EdgeLabel({ edge }: { edge: Edge }) {
  if (!edge.label || edge.labelX === undefined || edge.labelY === undefined) return null;
  const widest = Math.max(...edge.label.map((line) => line.length));
  const height = edge.label.length * 15;
  const top = edge.labelY - height / 2;
  return (
    <g>
      <rect className="paper" x={edge.labelX - widest * 3.1} y={top} width={widest * 6.2} height={height} rx={3} />
      {edge.label.map((line, index) => (
        <text key={index} className={`label ${classOf(edge)}`} x={edge.labelX} y={top + 11.5 + index * 15}>
          {line}
        </text>
      ))}
    </g>
  );
});

function Minimap({
  diagram,
  view,
  size,
  onMove,
}: {
  diagram: Diagram;
  view: View;
  size: { width: number; height: number };
  onMove: (x: number, y: number) => void;
}) {
  const visible = { width: size.width / view.scale, height: size.height / view.scale };
  // Where nearly everything is in view a map tells nothing.
  if (visible.width >= diagram.width * 0.75 && visible.height >= diagram.height * 0.75) return null;
  const scale = Math.min(140 / diagram.width, 120 / diagram.height);
  const move = (event: PointerEvent<SVGSVGElement>) => {
    if (event.type === "pointermove" && event.buttons === 0) return;
    const bounds = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - bounds.left) / bounds.width) * diagram.width;
    const y = ((event.clientY - bounds.top) / bounds.height) * diagram.height;
    onMove(size.width / 2 - x * view.scale, size.height / 2 - y * view.scale);
  };
  return (
    <svg
      className="minimap"
      width={Math.max(24, diagram.width * scale)}
      height={Math.max(24, diagram.height * scale)}
      viewBox={`0 0 ${diagram.width} ${diagram.height}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      onPointerDown={move}
      onPointerMove={move}
    >
      {diagram.shapes.map((shape, index) =>
        shape.kind === "state" || shape.kind === "missing" ? (
          <rect key={index} className="dot" x={shape.x} y={shape.y} width={shape.width} height={shape.height} />
        ) : null,
      )}
      <rect className="view" x={-view.x / view.scale} y={-view.y / view.scale} {...visible} />
    </svg>
  );
}
