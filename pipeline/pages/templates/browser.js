"use strict";
// The list of tracks and the one that is heard, from the JSON in the element `data`. Names come in
// as text nodes only. The list is drawn as it scrolls; a sound is loaded when it is played.
(() => {
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const ROW = 60, SPARE = 6, HEAT = 20, MOST_GENRES = 12; // pixels, rows, pixels, genres
  const { genres, seconds } = DATA;
  const by = (id) => document.getElementById(id);
  const single = DATA.sets.reduce((sum, set) => sum + set.tracks.length, 0) === 1;
  document.body.classList.toggle("single", single); // a list of one is none
  const list = by("list"), detail = by("detail"), audio = by("audio");
  const state = { set: 0, query: "", verdict: "", actual: "", predicted: "", fold: "", replica: false,
    sort: "worth", cell: null, level: Object.keys(DATA.confusion || {})[0], shown: [], at: -1, open: null };

  // ---- small helpers
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child != null));
    return element;
  }
  const clock = (time) => `${Math.floor(time / 60)}:${String(Math.floor(time % 60)).padStart(2, "0")}`;
  const percent = (permille) => `${Math.round(permille / 10)} %`;
  const unique = (values) => [...new Set(values)];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const largest = (values) => values.indexOf(Math.max(...values));

  // ---- what follows from each track
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
      track.heard = unique(track.predicted).map((genre) => genres[genre]).join(" or ");
    });
  }

  // ---- filters
  const SORTS = {
    worth: ["surely wrong first", (a, b) => a.order - b.order],
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
    if (state.replica && !track.replica) return false;
    if (state.cell) {
      const said = state.cell.level === "clips" ? track.votes : track.predicted;
      if (track.actual !== state.cell.actual || !said.includes(state.cell.predicted)) return false;
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
    state.fold !== "" || state.replica || state.cell;

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
    const sorts = Object.entries(SORTS).map(([key, [text]]) => [key, key === "worth" && !labelled ? "least sure first" : text])
      .filter(([key]) => labelled || key !== "unsure");
    const sets = DATA.sets.filter((set) => set.tracks.length).length > 1 ? make("div", { class: "segments", role: "group", "aria-label": "Which tracks" },
      ...DATA.sets.map((set, number) => make("button", { "aria-pressed": String(number === state.set), disabled: !set.tracks.length,
        onclick: () => { clear(); state.set = number; close(); drawFilters(); refresh(); } }, `${set.name} ${set.tracks.length}`))) : null;
    by("filters").replaceChildren(...[
      sets, search,
      labelled && select("verdict", "Verdict", [["", "right or wrong"], ["wrong", "wrong alone"], ["right", "right alone"]]),
      labelled && select("actual", "Actual genre", [["", "any genre"], ...genresOf("actual")]),
      select("predicted", "Predicted genre", [["", "predicted as any"], ...genresOf("predicted").map(([value, text]) => [value, `predicted as ${text}`])]),
      folds.length > 1 && select("fold", "Fold", [["", "any fold"], ...folds.map((fold) => [fold, `fold ${fold}`])]),
      tracks().some((track) => track.replica) && make("label", { class: "check" },
        make("input", { type: "checkbox", checked: state.replica, onchange: (event) => { state.replica = event.target.checked; refresh(); } }), "copies"),
      select("sort", "Order", sorts),
      make("button", { id: "reset", onclick: () => { clear(); drawFilters(); refresh(); } }, "Clear"),
    ].filter(Boolean));
  }

  function clear() {
    Object.assign(state, { query: "", verdict: "", actual: "", predicted: "", fold: "", replica: false, cell: null });
    markCell();
  }

  // ---- the list
  function drawList() {
    const { shown } = state;
    if (!shown.length) {
      list.replaceChildren(make("p", { class: "empty" }, "No track is like this."));
      list.removeAttribute("aria-activedescendant");
      return;
    }
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    const space = make("div", { style: `height:${shown.length * ROW}px` });
    for (let place = first; place < last; place++) space.append(row(shown[place], place));
    list.replaceChildren(space);
    if (state.at >= first && state.at < last) list.setAttribute("aria-activedescendant", `row-${state.at}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function row(track, place) {
    return make("div", { class: "row", role: "option", id: `row-${place}`, style: `top:${place * ROW}px`,
      "aria-selected": String(place === state.at), "aria-setsize": state.shown.length, "aria-posinset": place + 1,
      onclick: () => choose(place) },
      make("div", { class: "top" }, make("span", { class: "name", title: track.id }, track.id),
        make("span", { class: "sure" }, percent(track.sure))),
      make("div", { class: "under" }, verdict(track), turns(track)));
  }

  function verdict(track, tag = "span") {
    const said = make(tag, { class: "verdict" });
    if (!track.labelled) said.append("heard as ", make("b", {}, track.heard));
    else if (track.wrong) said.append(make("span", { class: "wrong-mark" }, "✗ "), `${genres[track.actual]}, heard as `, make("b", {}, track.heard));
    else said.append(make("span", { class: "right-mark" }, "✓ "), track.heard);
    return said;
  }

  // One block for each clip: whether it is heard as the actual genre, or else as the predicted one.
  function turns(track) {
    const wanted = track.labelled ? track.actual : track.predicted[0];
    const step = 100 / track.best.length;
    const stops = track.best.map((genre, clip) => {
      const tone = genre === wanted ? "var(--gained)" : track.labelled ? "var(--lost)" : "var(--line)";
      return `${tone} ${clip * step}% ${(clip + 1) * step}%`;
    });
    return make("span", { class: "turns", style: `background:linear-gradient(90deg,${stops.join(",")})`, title: "each clip: blue where it is heard as the genre" });
  }

  function choose(place) {
    if (!state.shown.length) return;
    state.at = Math.min(Math.max(place, 0), state.shown.length - 1);
    const top = state.at * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    drawList();
    detail.classList.add("open"); // before anything is measured in it
    if (state.open !== state.shown[state.at]) open(state.shown[state.at]);
  }

  // ---- the track that is heard
  let view = null; // its elements that change as it plays

  function open(track) {
    const playing = !audio.paused;
    audio.pause();
    state.open = track;
    view = { track, length: track.clips.length * seconds, position: 0 };
    audio.removeAttribute("src");
    view.play = make("button", { class: "play", "aria-label": "Play", id: "play", disabled: !track.sound, onclick: toggle });
    view.clock = make("span", { class: "clock", id: "clock" });
    view.now = make("span", { class: "now" });
    const folds = track.folds.length ? [`${track.folds.length > 1 ? "seeds" : "fold"} ${track.folds.join(", ")}`] : [];
    const meta = [...folds, ...(track.group ? [`in the group ${track.group}`] : []), ...track.facts].join(" · ");
    detail.replaceChildren(
      make("button", { class: "close", onclick: close }, "Close"),
      make("h3", {}, track.id), verdict(track, "p"), make("p", { class: "meta" }, meta),
      make("div", { class: "player" }, view.play, view.clock, view.now),
      timeline(track), legend(track), votes(track), ...(track.tags && track.tags.length ? [tags(track)] : []));
    detail.scrollTop = 0;
    drawHeat();
    showPlay();
    tick();
    if (playing && track.sound) play();
  }

  function close() {
    audio.pause();
    detail.classList.remove("open");
    state.open = view = null;
    state.at = -1;
    detail.replaceChildren(make("p", { class: "empty" }, "Choose a track to hear and see it."));
    drawList();
  }

  function genresOf(track) {
    const order = genres.map((_, genre) => genre).sort((a, b) => track.mean[b] - track.mean[a]);
    const kept = order.slice(0, MOST_GENRES);
    if (track.labelled && !kept.includes(track.actual)) kept[kept.length - 1] = track.actual;
    return kept;
  }

  function timeline(track) {
    view.rows = genresOf(track);
    const labels = make("div", { class: "labels" }, ...view.rows.map((genre) =>
      make("div", { class: genre === track.actual ? "actual" : "", title: genres[genre] }, genre === track.actual ? `◆ ${genres[genre]}` : genres[genre])));
    view.canvas = make("canvas", { height: view.rows.length * HEAT, role: "img",
      "aria-label": `Probabilities of each clip: ${track.best.map((genre) => genres[genre]).join(", ")}` });
    view.cursor = make("div", { class: "cursor", id: "cursor" });
    const marks = view.length > 600 ? 5 : view.length > 15 ? 7 : 4;
    const axis = make("div", { class: "axis", "aria-hidden": "true" }, ...Array.from({ length: marks }, (_, mark) => {
      const share = mark / (marks - 1);
      return make("span", { style: `left:${100 * share}%` }, clock(view.length * share));
    }));
    const picture = track.picture
      ? make("img", { src: track.picture, alt: `${DATA.picture} of ${track.id}` })
      : make("div", { class: "blank" }, "no picture on this page");
    view.area = make("div", { class: "area", id: "area", role: "slider", tabindex: "0", "aria-label": "Position",
      "aria-valuemin": 0, "aria-valuemax": Math.round(view.length), onpointerdown: drag, onpointermove: drag }, picture, view.canvas, axis, view.cursor);
    const ends = make("div", { class: "ends", "aria-hidden": "true" }, make("span", {}, "high"), make("span", {}, DATA.picture), make("span", {}, "low"));
    return make("div", { class: "time" }, make("div", {}, ends, labels), view.area);
  }

  function drawHeat() {
    if (!view) return;
    const { canvas, rows, track } = view;
    const ratio = devicePixelRatio || 1, width = view.area.clientWidth, height = rows.length * HEAT;
    canvas.width = Math.max(1, width * ratio);
    canvas.height = height * ratio;
    canvas.style.height = `${height}px`;
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    const step = width / track.clips.length, gap = step > 4 ? 1 : 0;
    const ground = colour("ground"), ink = colour("ink"), heat = colour("other");
    paint.fillStyle = ground;
    paint.fillRect(0, 0, width, height);
    track.clips.forEach((clip, number) => {
      rows.forEach((genre, place) => {
        paint.globalAlpha = Math.sqrt(clip[genre] / 1000);
        paint.fillStyle = heat;
        paint.fillRect(number * step, place * HEAT, step - gap, HEAT - 1);
        if (genre === track.best[number] && step > 6) {
          paint.globalAlpha = 1;
          paint.strokeStyle = ink;
          paint.lineWidth = 1.5;
          paint.strokeRect(number * step + 1, place * HEAT + 1, step - gap - 2, HEAT - 3);
        }
      });
    });
    paint.globalAlpha = 1;
  }

  function legend(track) {
    const actual = track.labelled ? "◆ is the actual genre. " : "";
    const spans = `${track.clips.length} clips of ${seconds} s`;
    return make("p", { class: "legend" }, `${actual}The stronger the blue, the more probable; outlined is the most probable genre of each clip. ${spans}. Click to go there.`);
  }

  function votes(track) {
    const counts = genres.map((_, genre) => track.votes.filter((vote) => vote === genre).length);
    const most = Math.max(...counts, 1);
    const kept = genresOf(track).filter((genre) => counts[genre] || track.mean[genre] >= 20 || genre === track.actual).slice(0, 6);
    const head = make("tr", {}, make("th", {}, "genre"), make("th", {}, "votes of clips"), make("th", {}), make("th", {}, "mean probability"), make("th", {}));
    const rows = kept.map((genre) => make("tr", {},
      make("td", {}, genre === track.actual ? make("b", {}, `◆ ${genres[genre]}`) : genres[genre]),
      make("td", { style: "width:28%" }, make("span", { class: "meter votes-of", style: `width:${100 * counts[genre] / most}%` })),
      make("td", { class: "number" }, String(counts[genre])),
      make("td", { style: "width:34%" }, make("span", { class: "meter", style: `width:${track.mean[genre] / 10}%` })),
      make("td", { class: "number" }, percent(track.mean[genre]))));
    return make("table", { class: "votes" }, head, ...rows);
  }

  function tags(track) {
    return make("p", { class: "meta", style: "margin-top:12px" }, `Strongest tags: ${track.tags.join(", ")}`);
  }

  // ---- sound
  const ICONS = { play: "M6 3.5v13l11-6.5z", pause: "M5 3.5h4v13H5zM11 3.5h4v13h-4z" };
  function showPlay() {
    if (!view) return;
    const shape = audio.paused ? "play" : "pause";
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 20 20");
    path.setAttribute("d", ICONS[shape]);
    svg.append(path);
    view.play.replaceChildren(svg);
    view.play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
  }
  function play() {
    if (!view || !view.track.sound) return;
    if (!audio.getAttribute("src")) audio.src = view.track.sound;
    if (view.position >= view.length - 0.05) view.position = 0;
    if (Math.abs(audio.currentTime - view.position) > 0.05) audio.currentTime = view.position;
    audio.play().catch(() => showPlay());
  }
  function toggle() {
    if (audio.paused) play();
    else audio.pause();
  }
  function seek(time) {
    if (!view) return;
    view.position = Math.min(Math.max(time, 0), view.length);
    if (audio.getAttribute("src")) audio.currentTime = view.position;
    tick();
  }
  function drag(event) {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = view.area.getBoundingClientRect();
    seek(view.length * (event.clientX - box.left) / box.width);
  }
  function tick() {
    if (!view) return;
    if (!audio.paused) view.position = Math.min(audio.currentTime, view.length);
    const clip = Math.min(Math.floor(view.position / seconds), view.track.clips.length - 1);
    view.cursor.style.left = `${100 * view.position / view.length}%`;
    view.clock.textContent = `${clock(view.position)} / ${clock(view.length)}`;
    view.area.setAttribute("aria-valuenow", Math.round(view.position));
    if (clip !== view.clip) {
      view.clip = clip;
      const heard = view.track.clips[clip];
      const top = genres.map((_, genre) => genre).sort((a, b) => heard[b] - heard[a]).slice(0, 3);
      const said = top.map((genre) => `${genres[genre]} ${percent(heard[genre])}`).join(", ");
      view.now.textContent = view.track.sound ? said : `${said}. The sound is not on this page.`;
      view.area.setAttribute("aria-valuetext", `${clock(view.position)}: ${said}`);
    }
    if (!audio.paused) requestAnimationFrame(tick);
  }
  audio.addEventListener("play", () => { showPlay(); tick(); });
  audio.addEventListener("pause", () => { showPlay(); tick(); });
  audio.addEventListener("ended", () => { if (view) { view.position = view.length; tick(); } showPlay(); });

  // ---- keyboard
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

  // ---- the confusion matrix
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
    by("matrix").replaceChildren(make("table", { class: "matrix" }, head, ...lines));
    const pairs = counts.flatMap((line, actual) => line.map((count, predicted) => ({ count, actual, predicted })))
      .filter((pair) => pair.count && pair.actual !== pair.predicted).sort((a, b) => b.count - a.count).slice(0, 9);
    by("pairs").replaceChildren(...pairs.map((pair) => make("li", {}, make("button", { onclick: () => pick(pair.actual, pair.predicted) },
      make("span", {}, `${genres[pair.actual]} taken for ${genres[pair.predicted]}`),
      make("span", { class: "number soft" }, `${pair.count} of ${totals[pair.actual]}`)))));
  }
  function cell(count, total, actual, predicted) {
    const share = count / total;
    return make("button", { class: share > 0.75 ? "strong" : "", style: `--share:${(0.1 + 0.9 * share).toFixed(3)}`, "data-cell": `${actual},${predicted}`,
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

  // ---- begin
  list.addEventListener("scroll", drawList, { passive: true });
  addEventListener("resize", () => { drawList(); drawHeat(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHeat);
  state.set = Math.max(0, DATA.sets.findIndex((set) => set.tracks.length));
  drawMatrix();
  drawFilters();
  close();
  refresh();
  if (single || matchMedia("(min-width: 861px)").matches) choose(0);
})();
