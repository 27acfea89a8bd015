import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  title: string;
  /** A colour of the theme, such as `--good`. */
  colour: string;
  values: (number | null)[];
}

/** Lines over time. It is drawn anew when the theme changes, for canvases know no variables. */
export function Chart({ at, lines, title, unit = "" }: { at: number[]; lines: Line[]; title: string; unit?: string }) {
  const host = useRef<HTMLDivElement>(null);
  const key = JSON.stringify([at, lines]);
  useEffect(() => {
    const element = host.current!;
    let plot: uPlot | undefined;
    const draw = () => {
      plot?.destroy();
      const style = getComputedStyle(element);
      // A colour of light-dark() is resolved by an element that wears it.
      const colour = (name: string) => {
        element.style.color = `var(${name})`;
        const resolved = style.color;
        element.style.color = "";
        return resolved;
      };
      const axis = { stroke: colour("--soft"), grid: { stroke: colour("--rim"), width: 1 }, ticks: { stroke: colour("--rim"), width: 1 }, font: "11px system-ui" };
      plot = new uPlot(
        {
          width: element.clientWidth,
          height: 190,
          cursor: { y: false },
          legend: { live: false },
          scales: { y: { range: (_, low, high) => [Math.min(0, low), Math.max(high, 1) * 1.08] } },
          axes: [axis, { ...axis, size: 54, values: (_, ticks) => ticks.map((tick) => `${tick.toLocaleString()}${unit}`) }],
          series: [
            {},
            ...lines.map((line) => ({
              label: line.title,
              stroke: colour(line.colour),
              width: 1.8,
              points: { show: true, size: 4 },
              value: (_: uPlot, value: number | null) => (value == null ? "–" : `${value.toLocaleString()}${unit}`),
            })),
          ],
        },
        [at, ...lines.map((line) => line.values)],
        element,
      );
    };
    draw();
    const sizes = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: 190 }));
    sizes.observe(element);
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      sizes.disconnect();
      themes.disconnect();
      scheme.removeEventListener("change", draw);
      plot?.destroy();
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [key, unit]);
  return <div ref={host} className="chart" role="img" aria-label={title} />;
}
