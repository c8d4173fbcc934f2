// Buttons with the address of a sound in `data-sound` play it. One sound plays at a time, whichever
// part of the page began it.
const buttons = document.querySelectorAll("button[data-sound]");
const player = document.createElement("audio");
let sounding = null;
function stop() {
  player.pause();
  if (sounding) sounding.textContent = "Play";
  sounding = null;
}
for (const button of buttons) {
  button.addEventListener("click", () => {
    const again = sounding === button;
    stop();
    if (again) return;
    sounding = button;
    button.textContent = "Stop";
    player.src = button.dataset.sound;
    player.play().catch(() => { if (sounding === button) stop(); });
  });
}
player.addEventListener("ended", stop);
document.body.append(player);
document.addEventListener("play", (event) => { // it does not bubble, but is captured on its way
  if (event.target !== player) stop();
  for (const other of document.querySelectorAll("audio")) if (other !== event.target) other.pause();
}, true);
