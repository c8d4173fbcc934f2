// The figures of each track, the filters, and the order of the list.

for (const set of DATA.sets) {
  set.tracks.forEach((track, order) => {
    track.order = order;
    track.mean = genres.map((_, genre) => track.clips.reduce((sum, clip) => sum + clip[genre], 0) / track.clips.length);
    track.labelled = track.actual >= 0;
    track.wrong = track.labelled && track.predicted.some((genre) => genre !== track.actual);
    track.sure = track.mean[track.predicted[0]];
    track.best = track.clips.map(largest);
    track.turns = track.best.filter((genre, clip) => clip && genre !== track.best[clip - 1]).length;
    track.text = `${track.id} ${track.group} ${track.facts.join(" ")}`.toLowerCase();
    track.genre = unique(track.predicted).map((genre) => genres[genre]).join(" or ");
  });
}

const SORTS = {
  listed: [null, (a, b) => a.order - b.order],
  name: ["by name", (a, b) => a.id.localeCompare(b.id, undefined, { numeric: true })],
  unsure: ["least sure first", (a, b) => a.sure - b.sure],
  sure: ["surest first", (a, b) => b.sure - a.sure],
  turns: ["turns most often first", (a, b) => b.turns - a.turns || a.order - b.order],
};
const tracks = () => DATA.sets[state.set].tracks;

function passes(track) {
  if (state.query && !state.query.split(/\s+/).every((word) => track.text.includes(word))) return false;
  if (state.verdict && (state.verdict === "wrong") !== track.wrong) return false;
  if (state.actual !== "" && track.actual !== +state.actual) return false;
  if (state.predicted !== "" && !track.predicted.includes(+state.predicted)) return false;
  if (state.fold !== "" && !track.folds.includes(+state.fold)) return false;
  if (state.copy && !track.copy) return false;
  if (state.cell) {
    const predicted = state.cell.level === "clips" ? track.votes : track.predicted;
    if (track.actual !== state.cell.actual || !predicted.includes(state.cell.predicted)) return false;
  }
  return true;
}

function refresh() {
  state.shown = tracks().filter(passes).sort(SORTS[state.sort][1]);
  state.at = state.shown.indexOf(state.open);
  list.scrollTop = state.at < 0 ? 0 : list.scrollTop;
  drawList();
  const cell = state.cell;
  const where = cell ? `; ${genres[cell.actual]} taken for ${genres[cell.predicted]}${cell.level === "clips" ? " in some clip" : ""}` : "";
  by("count").textContent = `${state.shown.length} of ${tracks().length} tracks${where}`;
  by("reset").disabled = !filtered();
}
const filtered = () => state.query || state.verdict || state.actual !== "" || state.predicted !== "" ||
  state.fold !== "" || state.copy || state.cell;

function drawFilters() {
  const labelled = tracks().some((track) => track.labelled);
  const folds = unique(tracks().flatMap((track) => track.folds)).sort((a, b) => a - b);
  const present = (key) => unique(tracks().flatMap((track) => track[key])).filter((genre) => genre >= 0).sort((a, b) => a - b);
  const select = (key, label, options) => {
    const element = make("select", { "aria-label": label, onchange: () => { state[key] = element.value; refresh(); } });
    for (const [value, text] of options) element.append(make("option", { value, selected: String(value) === String(state[key]) }, text));
    return element;
  };
  const genresOf = (key) => present(key).map((genre) => [genre, genres[genre]]);
  const search = make("input", { type: "search", id: "search", placeholder: "Search", "aria-label": "Search names",
    oninput: (event) => { state.query = event.target.value.toLowerCase().trim(); refresh(); } });
  search.value = state.query;
  const sorts = Object.entries(SORTS).map(([key, [text]]) => [key, text || DATA.sets[state.set].order])
    .filter(([, text], place, all) => all.findIndex((other) => other[1] === text) === place);
  const sets = DATA.sets.filter((set) => set.tracks.length).length > 1 ? make("div", { class: "segments", role: "group", "aria-label": "Which tracks" },
    ...DATA.sets.map((set, number) => make("button", { "aria-pressed": String(number === state.set), disabled: !set.tracks.length,
      onclick: () => { clear(); state.set = number; close(); drawFilters(); refresh(); } }, `${set.name} ${set.tracks.length}`))) : null;
  by("filters").replaceChildren(...[
    sets, search,
    labelled && select("verdict", "Verdict", [["", "right or wrong"], ["wrong", "wrong alone"], ["right", "right alone"]]),
    labelled && select("actual", "Actual genre", [["", "any genre"], ...genresOf("actual")]),
    select("predicted", "Predicted genre", [["", "predicted as any"], ...genresOf("predicted").map(([value, text]) => [value, `predicted as ${text}`])]),
    folds.length > 1 && select("fold", "Fold", [["", "any fold"], ...folds.map((fold) => [fold, `fold ${fold}`])]),
    tracks().some((track) => track.copy) && make("label", { class: "check" },
      make("input", { type: "checkbox", checked: state.copy, onchange: (event) => { state.copy = event.target.checked; refresh(); } }), "copies alone"),
    select("sort", "Order", sorts),
    make("button", { id: "reset", onclick: () => { clear(); drawFilters(); refresh(); } }, "Clear"),
  ].filter(Boolean));
}

function clear() {
  Object.assign(state, { query: "", verdict: "", actual: "", predicted: "", fold: "", copy: false, cell: null });
  markCell();
}
