// Draw the page as it is at first.

list.addEventListener("scroll", drawList, { passive: true });
addEventListener("resize", () => { drawList(); drawHeat(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawHeat);
state.set = Math.max(0, DATA.sets.findIndex((set) => set.tracks.length));
drawMatrix();
drawFilters();
close();
refresh();
if (single || matchMedia("(min-width: 861px)").matches) choose(0);
