// The keyboard: arrows walk the list and the clips, space plays.

const listen = by("listen");
const typing = (element) => element.matches("input, select, textarea");
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const focus = document.activeElement;
  if (event.key === "Escape") {
    if (typing(focus)) focus.blur();
    if (!single && state.open) { close(); list.focus({ preventScroll: true }); }
    return;
  }
  if (typing(focus)) return;
  if (event.key === "/") {
    event.preventDefault();
    by("search").focus();
    return;
  }
  if (!listen.contains(focus)) return;
  const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  const time = { ArrowLeft: -seconds, ArrowRight: seconds };
  if (event.key in moves) choose(state.at < 0 ? 0 : state.at + moves[event.key]);
  else if (event.key in time) seek((view ? view.position : 0) + time[event.key]);
  else if (event.key === " " && (focus.tagName !== "BUTTON" || focus === (view && view.play))) toggle();
  else if (event.key === "Enter" && focus === list) choose(Math.max(state.at, 0));
  else return;
  event.preventDefault();
}
document.addEventListener("keydown", onKey);
// A button that the space bar played must not be clicked by its release as well.
document.addEventListener("keyup", (event) => {
  if (event.key === " " && view && document.activeElement === view.play) event.preventDefault();
});
