// Versions as a tree of thumbnails: branches below each other, a click goes there.

const ACROSS = 68, DOWN = 68, SIDE = 56;

export default function ({ parentElement, data, setTriggerValue }) {
  const tree = parentElement.querySelector(".tree");
  const columns = Math.max(...data.versions.map((one) => one.column), 0) + 1;
  const rows = Math.max(...data.versions.map((one) => one.row), 0) + 1;
  const [width, height] = [columns * ACROSS, rows * DOWN - (DOWN - SIDE)];
  Object.assign(tree.style, { width: `${width}px`, height: `${height}px` });
  const byId = new Map(data.versions.map((one) => [one.id, one]));
  const lines = data.versions.filter((one) => byId.has(one.parent)).map((one) => {
    const from = byId.get(one.parent);
    const [x0, y0, x1, y1] = [from.column * ACROSS + SIDE, from.row * DOWN + SIDE / 2,
      one.column * ACROSS, one.row * DOWN + SIDE / 2];
    return `<path class="${one.walked ? "walked" : ""}" d="M${x0} ${y0} C${x0 + 8} ${y0} ${x1 - 10} ${y1} ${x1} ${y1}"/>`;
  });
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("width", width);
  drawing.setAttribute("height", height);
  drawing.innerHTML = lines.join("");
  tree.replaceChildren(drawing, ...data.versions.map((one) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: `version${one.current ? " current" : ""}`, title: one.title,
      disabled: data.busy });
    button.setAttribute("aria-label", `Version ${one.id}: ${one.title}`);
    button.setAttribute("aria-current", one.current);
    Object.assign(button.style, { left: `${one.column * ACROSS}px`, top: `${one.row * DOWN}px` });
    if (one.image) button.append(Object.assign(new Image(), { src: one.image, alt: "" }));
    button.append(Object.assign(document.createElement("span"), { textContent: one.id }));
    button.addEventListener("click", () => setTriggerValue("goto", one.id));
    return button;
  }));
  tree.querySelector(".current")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
