// The list of tracks, which is drawn as it scrolls.

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
      make("span", { class: "sure", title: "mean probability of the predicted genre" }, percent(track.sure))),
    make("div", { class: "under" }, verdict(track), turns(track)));
}

function verdict(track, tag = "span") {
  const element = make(tag, { class: "verdict" });
  if (!track.labelled) element.append("predicted as ", make("b", {}, track.genre));
  else if (track.wrong) element.append(make("span", { class: "wrong-mark" }, "✗ "), `${genres[track.actual]}, predicted as `, make("b", {}, track.genre));
  else element.append(make("span", { class: "right-mark" }, "✓ "), track.genre);
  return element;
}

// One block for each clip: blue where its genre is the actual one, or that of an unlabelled track.
function turns(track) {
  const wanted = track.labelled ? track.actual : track.predicted[0];
  const step = 100 / track.best.length;
  const other = track.labelled ? "var(--lost)" : "var(--line)";
  const tones = track.best.map((genre) => genre === wanted ? "var(--gained)" : other);
  const turned = tones.map((_, clip) => clip).filter((clip) => tones[clip] !== tones[clip - 1]);
  const stops = turned.map((clip, number) => `${tones[clip]} ${clip * step}% ${(turned[number + 1] ?? tones.length) * step}%`);
  return make("span", { class: "turns", style: `background:linear-gradient(90deg,${stops.join(",")})`, title: "Each clip: blue where its genre is that of the track." });
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
