// The track that is open: its picture, its clips along the time, and its votes.

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200], MOST_MARKS = 6; // seconds
const MOST_NAMED = 30, MOST_VOTES = 6; // genres
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
  detail.replaceChildren(...[
    make("button", { class: "close", onclick: close }, "Close"),
    single ? null : make("h3", {}, track.id), verdict(track, "p"),
    meta ? make("p", { class: "meta" }, meta) : null,
    track.tags.length ? make("p", { class: "meta" }, "Strongest tags: ", make("b", {}, track.tags.join(", "))) : null,
    make("div", { class: "player" }, view.play, view.clock, view.now),
    timeline(track), legend(track), votes(track)].filter(Boolean));
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

const named = (track, genre) => genre === track.actual ? `◆ ${genres[genre]}` : genres[genre];

function timeline(track) {
  view.rows = genresOf(track);
  const changes = track.best.filter((genre, clip) => genre !== track.best[clip - 1]);
  const labels = make("div", { class: "labels" }, ...view.rows.map((genre) =>
    make("div", { class: genre === track.actual ? "actual" : "", title: genres[genre] }, named(track, genre))));
  view.canvas = make("canvas", { height: view.rows.length * HEAT, role: "img",
    "aria-label": `Most probable along the time: ${changes.slice(0, MOST_NAMED).map((genre) => genres[genre]).join(", then ")}` });
  view.cursor = make("div", { class: "cursor", id: "cursor" });
  const step = STEPS.find((each) => view.length / each <= MOST_MARKS) || view.length;
  const marks = Array.from({ length: Math.floor(view.length / step) + 1 }, (_, mark) => mark * step);
  const axis = make("div", { class: "axis", "aria-hidden": "true" }, ...marks.map((time) =>
    make("span", { class: time > 0.94 * view.length ? "last" : "", style: `left:${100 * time / view.length}%` }, clock(time))));
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
  return make("p", { class: "legend" }, `${actual}The stronger the blue, the more probable; outlined is the most probable genre of each clip. ${spans}. Click to go to a place.`);
}

function votes(track) {
  const counts = genres.map((_, genre) => track.votes.filter((vote) => vote === genre).length);
  const most = Math.max(...counts, 1);
  const kept = genresOf(track).filter((genre, place) =>
    genre === track.actual || (place < MOST_VOTES && (counts[genre] || track.mean[genre] >= 20)));
  const bar = (kind, share, text) => make("td", {}, make("span", { class: "bar" },
    make("span", { class: `meter ${kind}`, style: `--share:${share}` }), make("span", { class: "number" }, text)));
  const head = make("tr", {}, ...["genre", "votes of clips", "mean probability"].map((text) => make("th", { scope: "col" }, text)));
  const rows = kept.map((genre) => make("tr", {},
    make("th", { scope: "row", class: genre === track.actual ? "actual" : "", title: genres[genre] }, named(track, genre)),
    bar("votes-of", counts[genre] / most, String(counts[genre])),
    bar("", track.mean[genre] / 1000, percent(track.mean[genre]))));
  return make("table", { class: "votes" }, head, ...rows);
}
