// The layout over its picture: boxes to drag, resize, name, add, order and delete; shapes to brush or to pick.
// Every gesture is told to Python as one `edit`; Python answers with the layout that it made of it.

const TOOLS = [
  ["select", "arrow_selector_tool", "Select and move (V)", "v"],
  ["draw", "add_box", "Draw a box for something new (B)", "b"],
  ["brush", "brush", "Paint a shape (P)", "p"],
  ["erase", "ink_eraser", "Erase of a shape (E)", "e"],
  ["wand", "ads_click", "Pick a shape on the picture (W)", "w"],
];
const HINTS = {
  select: "Drag a box to move it, its corners to resize it. Double-click to rename, Delete to remove, arrows to nudge.",
  draw: "Draw a box where something new should be.",
  brush: "Paint the shape of the selected thing, or of something new where nothing is selected.",
  erase: "Wipe away what does not belong to the shape.",
  wand: "Click on something in the picture to pick its shape.",
};
const SIDES = { nw: [0, 1], n: [1], ne: [2, 1], e: [2], se: [2, 3], s: [3], sw: [0, 3], w: [0] };
const LEAST = 0.02;
const views = new WeakMap();

export default function (component) {
  const { parentElement, data, setTriggerValue } = component;
  let view = views.get(parentElement);
  if (!view) views.set(parentElement, (view = new View(parentElement)));
  view.tell = (edit) => setTriggerValue("edit", edit);
  view.show(data);
  return () => view.leave();
}

class View {
  constructor(root) {
    const find = (selector) => root.querySelector(selector);
    Object.assign(this, {
      bar: find(".bar"), frame: find(".frame"), stage: find(".stage"), picture: find(".picture"), shapes: find(".shapes"),
      boxes: find(".boxes"), mask: find(".mask"), progress: find(".progress"), brushing: find(".brushing"),
      what: find(".what"), hint: find(".hint"), size: find("input[type=range]"), plain: find(".plain"),
    });
    this.tool = "select";
    this.selected = null;
    this.pending = new Map(); // boxes that Python has not answered yet
    this.found = 0;
    this.buttons = {};
    for (const [name, icon, title] of TOOLS) this.button(name, icon, title, () => this.choose(name));
    this.bar.append(Object.assign(document.createElement("span"), { className: "gap" }));
    this.button("forward", "flip_to_front", "Bring forward ( ] )", () => this.restack(1));
    this.button("backward", "flip_to_back", "Send backward ( [ )", () => this.restack(-1));
    this.button("remove", "delete", "Remove (Delete)", () => this.remove());
    this.button("quiet", "visibility", "Show or hide all boxes (H)", () => this.hush());
    this.button("undo", "undo", "Undo (Ctrl+Z)", () => this.send({ do: "undo" }));
    this.button("redo", "redo", "Redo (Ctrl+Shift+Z)", () => this.send({ do: "redo" }));
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.brushing.addEventListener("submit", (event) => { event.preventDefault(); this.useMask(); });
    find(".leave").addEventListener("click", () => this.endMask());
    this.plain.addEventListener("click", () => { this.send({ do: "shape", id: this.target }); this.endMask(); });
    this.onKey = (event) => this.key(event);
    document.addEventListener("keydown", this.onKey);
    this.onSize = new ResizeObserver(() => this.fit());
    this.onSize.observe(this.frame);
  }

  leave() {
    document.removeEventListener("keydown", this.onKey);
    this.onSize.disconnect();
  }

  button(name, icon, title, press) {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", title, innerHTML: `<span class="icon" aria-hidden="true">${icon}</span>` });
    button.setAttribute("aria-label", title);
    button.dataset.name = name;
    button.addEventListener("click", press);
    this.bar.append(button);
    this.buttons[name] = button;
  }

  // -- what Python says

  show(data) {
    this.data = data;
    this.stage.dataset.seen = data.seen;
    this.stage.dataset.busy = data.busy;
    for (const [id, sent] of this.pending) if (data.seen >= sent.n) this.pending.delete(id);
    if (data.found && data.found.n !== this.found) {
      this.found = data.found.n;
      this.startMask(data.found.id, data.found.mask);
    }
    if (!this.gesture) this.draw();
  }

  thing(id) {
    return this.data.things.find((one) => one.id === id);
  }

  box(thing) {
    return this.pending.get(thing.id)?.box ?? thing.box;
  }

  draw() {
    const { data } = this;
    if (!this.thing(this.selected)) this.selected = null;
    this.picture.src = data.image ?? "";
    this.picture.hidden = !data.image;
    this.fit();
    const typing = this.boxes.querySelector(".name");
    if (!typing) {
      const focused = this.boxes.getRootNode().activeElement?.dataset?.id;
      this.boxes.replaceChildren(...data.things.filter((one) => !one.hidden).map((one) => this.boxOf(one)));
      if (focused) this.boxes.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    }
    this.shapes.replaceChildren(...data.things.filter((one) => one.shape && !one.hidden).map(shapeOf));
    this.light(this.selected);
    const going = data.progress;
    this.progress.hidden = !going;
    if (going) {
      this.progress.querySelector(".done").style.width = `${100 * going.share}%`;
      this.progress.querySelector("span").textContent = going.text;
    }
    this.state();
  }

  state() {
    const { buttons, data } = this;
    for (const [name] of TOOLS) buttons[name].setAttribute("aria-pressed", name === this.tool);
    const one = this.thing(this.selected);
    for (const name of ["forward", "backward", "remove"]) buttons[name].disabled = !one || one.locked;
    for (const name of ["draw", "brush", "erase"]) buttons[name].disabled = !data.image;
    buttons.wand.disabled = !data.image || data.busy;
    buttons.undo.disabled = data.busy || !data.undo;
    buttons.redo.disabled = data.busy || !data.redo;
    this.stage.className = `stage ${this.tool}${this.hushed ? " quiet" : ""}`;
    this.hint.textContent = data.image ? HINTS[this.tool] : "";
  }

  fit() {
    // As large as the column allows, and never taller than what is left of the window.
    if (!this.data) return;
    const { width, height } = this.data;
    const most = Math.max(280, window.innerHeight - 330);
    const room = this.frame.clientWidth - 16;
    this.stage.style.width = `${Math.min(room, (most * width) / height)}px`;
    this.stage.style.aspectRatio = `${width} / ${height}`;
    if (this.mask.width !== width || this.mask.height !== height) Object.assign(this.mask, { width, height });
  }

  boxOf(thing) {
    const element = document.createElement("div");
    element.className = `box${thing.locked ? " locked" : ""}${thing.id === this.selected ? " selected" : ""}`;
    element.style.setProperty("--colour", thing.colour);
    element.dataset.id = thing.id;
    element.tabIndex = 0;
    element.setAttribute("role", "button");
    element.setAttribute("aria-label", `${thing.prompt}${thing.locked ? ", locked" : ""}`);
    place(element, this.box(thing));
    element.append(Object.assign(document.createElement("span"), { className: "label", textContent: thing.prompt }));
    for (const side of Object.keys(SIDES)) element.append(handle(side));
    element.addEventListener("pointerenter", () => this.light(thing.id));
    element.addEventListener("pointerleave", () => this.light(this.selected));
    element.addEventListener("focus", () => this.select(thing.id));
    element.addEventListener("dblclick", () => this.rename(thing));
    return element;
  }

  light(id) {
    for (const shape of this.shapes.children) shape.classList.toggle("shown", shape.dataset.id === id && !this.target);
  }

  // -- what the user does

  send(edit) {
    const n = Date.now();
    if (edit.box && edit.id) this.pending.set(edit.id, { box: edit.box, n });
    this.tell({ ...edit, n });
  }

  choose(tool) {
    this.tool = tool;
    const painting = tool === "brush" || tool === "erase";
    if (painting && this.brushing.hidden) this.startMask(this.selected, null);
    if (!painting) this.endMask(tool);
    this.state();
  }

  select(id) {
    if (this.selected === id) return;
    this.selected = id;
    for (const box of this.boxes.children) box.classList.toggle("selected", box.dataset.id === id);
    this.light(id);
    this.state();
  }

  hush() {
    this.hushed = !this.hushed;
    this.buttons.quiet.firstChild.textContent = this.hushed ? "visibility_off" : "visibility";
    this.state();
  }

  remove() {
    const one = this.thing(this.selected);
    if (one && !one.locked) this.send({ do: "remove", id: one.id });
  }

  restack(by) {
    const ids = this.data.things.map((one) => one.id);
    const at = ids.indexOf(this.selected);
    if (at < 0 || at + by < 0 || at + by >= ids.length || this.thing(this.selected).locked) return;
    [ids[at], ids[at + by]] = [ids[at + by], ids[at]];
    this.send({ do: "stack", ids });
  }

  at(event) {
    const area = this.stage.getBoundingClientRect();
    return [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height].map(
      (value) => Math.min(Math.max(value, 0), 1));
  }

  press(event) {
    if (event.button || event.target.closest(".name")) return;
    const start = this.at(event);
    if (this.tool === "wand") {
      if (!this.data.busy) this.send({ do: "point", at: start, id: this.selected });
    } else if (this.tool === "brush" || this.tool === "erase") {
      this.follow(event, (now, before) => this.dab(before, now), () => {});
      this.dab(start, start);
    } else if (this.tool === "draw") {
      this.drawBox(event, start);
    } else {
      this.drag(event, start);
    }
  }

  follow(event, move, end) {
    // Call `move` with every position of a pressed pointer and the one before, `end` when it is released.
    event.preventDefault();
    let before = this.at(event);
    this.gesture = true;
    const moved = (one) => { const now = this.at(one); move(now, before); before = now; };
    const over = () => {
      window.removeEventListener("pointermove", moved);
      window.removeEventListener("pointerup", over);
      window.removeEventListener("pointercancel", over);
      this.gesture = false;
      end();
      this.draw();
    };
    window.addEventListener("pointermove", moved);
    window.addEventListener("pointerup", over);
    window.addEventListener("pointercancel", over);
  }

  drag(event, start) {
    const element = event.target.closest(".box");
    if (!element) {
      this.select(null);
      this.boxes.getRootNode().activeElement?.blur();
      return;
    }
    const thing = this.thing(element.dataset.id);
    element.focus({ preventScroll: true });
    this.select(thing.id);
    if (thing.locked) return;
    const sides = SIDES[event.target.dataset.side];
    const from = this.box(thing);
    let box = from;
    this.follow(event, (now) => {
      const by = [now[0] - start[0], now[1] - start[1]];
      box = sides ? resized(from, sides, by) : moved(from, by);
      place(element, box);
    }, () => {
      if (from.some((value, at) => Math.abs(value - box[at]) > 0.003)) this.send({ do: "move", id: thing.id, box });
    });
  }

  drawBox(event, start) {
    const element = Object.assign(document.createElement("div"), { className: "box new" });
    element.style.setProperty("--colour", "var(--st-primary-color)");
    this.boxes.append(element);
    let box = null;
    this.follow(event, (now) => {
      const edges = [0, 1].map((axis) => [Math.min(start[axis], now[axis]), Math.max(start[axis], now[axis])]);
      box = rounded([edges[0][0], edges[1][0], edges[0][1], edges[1][1]]);
      place(element, box);
    }, () => {
      if (!box || box[2] - box[0] < LEAST || box[3] - box[1] < LEAST) return element.remove();
      const done = (prompt) => {
        element.remove();
        if (prompt) this.send({ do: "add", box, prompt });
        this.choose("select");
        this.draw();
      };
      this.ask(element, "", done);
    });
  }

  rename(thing) {
    if (thing.locked) return;
    const element = this.boxes.querySelector(`[data-id="${CSS.escape(thing.id)}"]`);
    this.ask(element, thing.prompt, (prompt) => {
      if (prompt && prompt !== thing.prompt) this.send({ do: "rename", id: thing.id, prompt });
      this.draw();
    });
  }

  ask(element, value, done) {
    const input = Object.assign(document.createElement("input"),
      { className: "name", value, maxLength: 200, placeholder: "What goes here?" });
    input.setAttribute("aria-label", "What goes here?");
    let asked = true;
    const answer = (prompt) => { if (asked) { asked = false; input.remove(); done(prompt); } };
    input.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") answer(input.value.trim());
      if (event.key === "Escape") answer(null);
    });
    input.addEventListener("blur", () => answer(input.value.trim()));
    this.boxes.append(input);
    Object.assign(input.style, { left: element.style.left, top: element.style.top });
    input.focus();
    input.select();
  }

  // -- shapes by brush

  startMask(target, url) {
    const thing = this.thing(target);
    this.target = thing && !thing.locked ? thing.id : null;
    const context = this.mask.getContext("2d");
    context.clearRect(0, 0, this.mask.width, this.mask.height);
    this.ink = this.target ? thing.colour : "#7c5cff";
    const source = url ?? thing?.shape;
    if (source) this.fill(source);
    else if (this.target) {
      const [x0, y0, x1, y1] = this.box(thing);
      const { width, height } = this.mask;
      context.fillStyle = this.ink;
      context.fillRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
    }
    this.brushing.hidden = false;
    this.what.hidden = Boolean(this.target);
    this.plain.hidden = !this.target || !thing.drawn;
    this.what.value = "";
    if (this.tool !== "erase") this.tool = "brush";
    this.light(null);
    this.state();
  }

  fill(url) {
    const image = new Image();
    image.onload = () => {
      const context = this.mask.getContext("2d");
      context.drawImage(image, 0, 0, this.mask.width, this.mask.height);
      context.globalCompositeOperation = "source-in";
      context.fillStyle = this.ink;
      context.fillRect(0, 0, this.mask.width, this.mask.height);
      context.globalCompositeOperation = "source-over";
    };
    image.src = url;
  }

  dab(from, to) {
    const context = this.mask.getContext("2d");
    const { width, height } = this.mask;
    context.globalCompositeOperation = this.tool === "erase" ? "destination-out" : "source-over";
    Object.assign(context, { lineCap: "round", lineJoin: "round", strokeStyle: this.ink });
    context.lineWidth = (this.size.value / 200) * Math.min(width, height);
    context.beginPath();
    context.moveTo(from[0] * width, from[1] * height);
    context.lineTo(to[0] * width, to[1] * height + 0.01);
    context.stroke();
    context.globalCompositeOperation = "source-over";
  }

  useMask() {
    const prompt = this.what.value.trim();
    if (!this.target && !prompt) return this.what.focus();
    const mask = this.mask.toDataURL("image/png");
    this.send(this.target ? { do: "shape", id: this.target, mask } : { do: "add", mask, prompt });
    this.endMask();
  }

  endMask(tool = "select") {
    this.target = null;
    this.brushing.hidden = true;
    this.mask.getContext("2d").clearRect(0, 0, this.mask.width, this.mask.height);
    this.tool = tool;
    this.light(this.selected);
    this.state();
  }

  // -- keys

  key(event) {
    const typing = event.composedPath()[0];
    if (typing.closest?.("input, textarea, select, [contenteditable=true]") || !this.data) return;
    const held = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (held && (letter === "z" || letter === "y")) {
      event.preventDefault();
      const name = letter === "y" || event.shiftKey ? "redo" : "undo";
      return this.buttons[name].disabled || this.send({ do: name });
    }
    if (held || event.altKey || document.querySelector('[role="dialog"]')) return;
    const tool = TOOLS.find((one) => one[3] === letter);
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const one = this.thing(this.selected);
    if (tool && !this.buttons[tool[0]].disabled) this.choose(tool[0]);
    else if (letter === "h") this.hush();
    else if (event.key === "Escape") this.brushing.hidden ? this.select(null) : this.endMask();
    else if (!one) return;
    else if (event.key === "Delete" || event.key === "Backspace") this.remove();
    else if (event.key === "Enter" || event.key === "F2") this.rename(one);
    else if (event.key === "]" || event.key === "[") this.restack(event.key === "]" ? 1 : -1);
    else if (step && !one.locked) this.nudge(one, step.map((way) => way * (event.shiftKey ? 0.05 : 0.01)));
    else return;
    event.preventDefault();
  }

  nudge(thing, by) {
    // Many presses are one edit: it is told when they pause.
    const box = moved(this.nudged?.id === thing.id ? this.nudged.box : this.box(thing), by);
    clearTimeout(this.nudged?.timer);
    place(this.boxes.querySelector(`[data-id="${CSS.escape(thing.id)}"]`), box);
    this.gesture = true;
    const timer = setTimeout(() => {
      this.nudged = null;
      this.gesture = false;
      this.send({ do: "move", id: thing.id, box });
    }, 500);
    this.nudged = { id: thing.id, box, timer };
  }
}

function place(element, [x0, y0, x1, y1]) {
  const percent = (value) => `${100 * value}%`;
  Object.assign(element.style,
    { left: percent(x0), top: percent(y0), width: percent(x1 - x0), height: percent(y1 - y0) });
  element.style.zIndex = Math.round(4000 * (1 - (x1 - x0) * (y1 - y0))); // the smaller one is the one meant
}

function handle(side) {
  const element = Object.assign(document.createElement("span"), { className: "handle" });
  element.dataset.side = side;
  element.style.left = side.includes("w") ? "0" : side.includes("e") ? "100%" : "50%";
  element.style.top = side.includes("n") ? "0" : side.includes("s") ? "100%" : "50%";
  element.style.cursor = `${side}-resize`;
  return element;
}

function shapeOf(thing) {
  const element = Object.assign(document.createElement("div"), { className: "shape" });
  element.dataset.id = thing.id;
  element.style.setProperty("--colour", thing.colour);
  element.style.maskImage = element.style.webkitMaskImage = `url("${thing.shape}")`;
  return element;
}

function moved(box, by) {
  const [dx, dy] = [0, 1].map((axis) => Math.min(Math.max(by[axis], -box[axis]), 1 - box[axis + 2]));
  return rounded([box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy]);
}

function resized(box, sides, by) {
  const next = [...box];
  for (const side of sides) {
    const value = box[side] + by[side % 2];
    const other = box[(side + 2) % 4];
    next[side] = side < 2 ? Math.min(Math.max(value, 0), other - LEAST) : Math.max(Math.min(value, 1), other + LEAST);
  }
  return rounded(next);
}

function rounded(box) {
  return box.map((value) => Math.round(value * 10000) / 10000);
}
