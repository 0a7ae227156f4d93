// Two versions in one frame, with a slider between them.

export default function ({ parentElement, data }) {
  const find = (selector) => parentElement.querySelector(selector);
  find(".over").src = data.left.image;
  find(".under").src = data.right.image;
  find(".tag.left").textContent = data.left.title;
  find(".tag.right").textContent = data.right.title;
  const slider = find("input");
  const move = () => find(".pair").style.setProperty("--at", `${slider.value}%`);
  slider.oninput = move;
  move();
}
