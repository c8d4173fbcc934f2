// The confusion matrix, whose cells list their tracks.

function drawMatrix() {
  if (!DATA.confusion) return;
  const levels = Object.keys(DATA.confusion);
  by("levels").replaceChildren(...(levels.length > 1 ? levels.map((level) => make("button", { "aria-pressed": String(level === state.level),
    onclick: () => { state.level = level; drawMatrix(); markCell(); } }, `per ${level.slice(0, -1)}`)) : []));
  const counts = DATA.confusion[state.level];
  const totals = counts.map((line) => line.reduce((sum, count) => sum + count, 0));
  const head = make("tr", {}, make("td", { style: "background:none" }), ...genres.map((genre) => make("th", { scope: "col", title: genre }, make("span", {}, genre))));
  const lines = counts.map((line, actual) => make("tr", {}, make("th", { scope: "row", title: genres[actual] }, genres[actual]),
    ...line.map((count, predicted) => make("td", { class: actual === predicted ? "right" : "" }, count ? cell(count, totals[actual], actual, predicted) : null))));
  by("matrix").replaceChildren(make("table", { class: "matrix", style: `--genres:${genres.length}` }, head, ...lines));
  const pairs = counts.flatMap((line, actual) => line.map((count, predicted) => ({ count, actual, predicted })))
    .filter((pair) => pair.count && pair.actual !== pair.predicted).sort((a, b) => b.count - a.count).slice(0, 9);
  by("pairs").replaceChildren(...pairs.map((pair) => make("li", {}, make("button", { onclick: () => pick(pair.actual, pair.predicted) },
    make("span", {}, `${genres[pair.actual]} taken for ${genres[pair.predicted]}`),
    make("span", { class: "number soft" }, `${pair.count} of ${totals[pair.actual]}`)))));
}
function cell(count, total, actual, predicted) {
  const share = count / total;
  return make("button", { class: share > 0.75 ? "strong" : share > 0.6 ? "middling" : "", style: `--share:${(0.1 + 0.9 * share).toFixed(3)}`, "data-cell": `${actual},${predicted}`,
    "aria-label": `${genres[actual]} taken for ${genres[predicted]}: ${count} of ${total}`, title: `${genres[actual]} taken for ${genres[predicted]}: ${count} of ${total}, ${Math.round(100 * share)} %`,
    onclick: () => pick(actual, predicted) }, make("span", {}, String(count)));
}
function pick(actual, predicted) {
  clear();
  state.set = 0;
  state.cell = { actual, predicted, level: state.level };
  drawFilters();
  markCell();
  refresh();
  listen.scrollIntoView();
  list.focus({ preventScroll: true });
}
function markCell() {
  for (const button of document.querySelectorAll("[data-cell]")) {
    const chosen = state.cell && state.cell.level === state.level && button.dataset.cell === `${state.cell.actual},${state.cell.predicted}`;
    button.setAttribute("aria-pressed", String(Boolean(chosen)));
  }
}
