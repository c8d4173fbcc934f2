// The data of the page, what is chosen, and small helpers. Names become text nodes only.

const DATA = JSON.parse(document.getElementById("data").textContent);
const ROW = 60, SPARE = 6, HEAT = 20, MOST_GENRES = 12; // pixels, rows, pixels, genres
const { genres, seconds } = DATA;
const by = (id) => document.getElementById(id);
const single = DATA.sets.reduce((sum, set) => sum + set.tracks.length, 0) === 1;
document.body.classList.toggle("single", single); // a single track needs no list
const list = by("list"), detail = by("detail"), audio = by("audio");
const state = { set: 0, query: "", verdict: "", actual: "", predicted: "", fold: "", copy: false,
  sort: "listed", cell: null, level: Object.keys(DATA.confusion || {})[0], shown: [], at: -1, open: null };

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
