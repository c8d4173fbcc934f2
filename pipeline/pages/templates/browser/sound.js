// The sound of the open track, which is loaded when it is played, and the cursor that moves with it.

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
    const chances = view.track.clips[clip];
    const best = genres.map((_, genre) => genre).sort((a, b) => chances[b] - chances[a]).slice(0, 3);
    const text = best.map((genre) => `${genres[genre]} ${percent(chances[genre])}`).join(", ");
    view.now.textContent = view.track.sound ? text : `${text}. The sound is not on this page.`;
    view.area.setAttribute("aria-valuetext", `${clock(view.position)}: ${text}`);
  }
  if (!audio.paused) requestAnimationFrame(tick);
}
audio.addEventListener("play", () => { showPlay(); tick(); });
audio.addEventListener("pause", () => { showPlay(); tick(); });
audio.addEventListener("ended", () => { if (view) { view.position = view.length; tick(); } showPlay(); });
