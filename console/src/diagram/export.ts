import type { Diagram } from "../api/diagram";

/** Pixels of a PNG's longer side, at most: browsers refuse larger canvases. */
const PNG_PIXELS_MAX = 16_000;

const PROPERTIES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin",
  "opacity", "font-family", "font-size", "font-weight", "text-anchor",
] as const;

/** The whole picture as a document of its own, with the colours that are seen now. */
function document_(diagram: Diagram, shown: SVGSVGElement): string {
  const copy = shown.cloneNode(true) as SVGSVGElement;
  const from = shown.querySelectorAll<SVGElement>("*");
  copy.querySelectorAll<SVGElement>("*").forEach((element, index) => {
    const style = getComputedStyle(from[index]!);
    for (const property of PROPERTIES) {
      const value = style.getPropertyValue(property);
      if (value) element.setAttribute(property, value);
    }
    element.removeAttribute("class");
    element.removeAttribute("style");
    element.removeAttribute("tabindex");
    element.removeAttribute("role");
  });
  const group = copy.querySelector("g");
  group?.removeAttribute("transform");
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.removeAttribute("class");
  copy.setAttribute("width", String(Math.ceil(diagram.width)));
  copy.setAttribute("height", String(Math.ceil(diagram.height)));
  copy.setAttribute("viewBox", `0 0 ${Math.ceil(diagram.width)} ${Math.ceil(diagram.height)}`);
  const ground = getComputedStyle(shown.parentElement!).backgroundColor;
  copy.insertAdjacentHTML("afterbegin", `<rect width="100%" height="100%" fill="${ground}"/>`);
  return new XMLSerializer().serializeToString(copy);
}

function save(blob: Blob, name: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function exportSvg(diagram: Diagram, shown: SVGSVGElement, name: string) {
  save(new Blob([document_(diagram, shown)], { type: "image/svg+xml" }), `${name}.svg`);
}

export async function exportPng(diagram: Diagram, shown: SVGSVGElement, name: string) {
  const url = URL.createObjectURL(new Blob([document_(diagram, shown)], { type: "image/svg+xml" }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(2, PNG_PIXELS_MAX / Math.max(diagram.width, diagram.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(diagram.width * scale);
    canvas.height = Math.ceil(diagram.height * scale);
    const context = canvas.getContext("2d")!;
    context.scale(scale, scale);
    context.drawImage(image, 0, 0);
    const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
    if (blob) save(blob, `${name}.png`);
  } finally {
    URL.revokeObjectURL(url);
  }
}
