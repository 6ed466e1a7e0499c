"use strict";

const EVERY = 10_000; // ms between looks at the store
const SOON = 700; // ms, while records are still being read
const WEEK = 7 * 86_400_000;
const STATES = ["trouble", "ending", "good", "paused"];

let known = null; // what the program last told
let seen = ""; // the same as text: what has not changed is not drawn again
let drawn = 0; // when it was drawn
let open = null; // the connection whose details are shown
let asked = 0, answered = 0; // looks
let view = "connections";
let failed = null, lookFailed = false; // what went wrong, and whether it was only a look

const keyOf = (one) => `${one.connection}@${one.host}`;
const left = (one) => (one.login_ends_at ? new Date(one.login_ends_at) - Date.now() : null);
const endsSoon = (one) => left(one) !== null && left(one) < WEEK;

function tell(problem, looking = false) {
  failed = problem;
  lookFailed = looking;
  showProblem(problem);
}

// -- words

function ago(text) {
  if (!text) return "–";
  const seconds = (new Date(text) - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat(language(), { numeric: "auto" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return t("board.now");
}

const moment = (text) => (text ? new Date(text).toLocaleString(language(), { dateStyle: "medium", timeStyle: "short" }) : "–");
const timed = (text) => (text ? element("time", { dateTime: text, title: moment(text) }, ago(text)) : "–");
const badge = (one) => element("span", { className: `badge ${one.state}` }, t(`board.states.${one.state}`));
const environment = (one) => (one.country ? one.country.toUpperCase() : one.host);

function administrations(one) {
  if (one.divisions === null) return t("board.all");
  return one.divisions.length === 1 ? String(one.divisions[0]) : t("board.some", { count: number(one.divisions.length) });
}

function loginEnds(one) {
  if (!one.login_ends_at) return t("board.no_login");
  return left(one) <= 0 ? t("board.ended") : t("board.ends", { when: ago(one.login_ends_at) });
}

// What is wrong, and who must do what: words of the tap and of Exact, in English.
function said(one) {
  const run = one.last_run;
  const parts = one.trouble ? [[one.trouble, one.remedy].filter(Boolean).map((text) => text.replace(/[. ]+$/, "")).join(". ")] : [];
  if (run && !(parts.length && run.complete)) parts.push(run.said);
  const cell = element("div", {}, ...parts.map((text) => element("p", { lang: "en" }, text)));
  if (left(one) !== null && left(one) <= 0) cell.append(element("p", {}, t("board.log_in_again")));
  return cell;
}

// -- the list

const COLUMNS = {
  connections: ["name", "environment.wide", "divisions.wide", "state", "login"],
  watch: ["name", "state", "last_run", "rows.amount wide", "calls.amount wide", "said.wide"],
};

function cells(one) {
  const name = element("button", { type: "button", className: "link", id: `open-${keyOf(one)}`, "aria-haspopup": "dialog" }, one.connection);
  name.addEventListener("click", () => show(keyOf(one)));
  const run = one.last_run;
  const of = {
    name: [name, element("small", {}, one.user || t("board.no_user"))],
    environment: [environment(one)],
    divisions: [administrations(one)],
    state: [badge(one)],
    login: [element("span", {}, t("board.renewed", { when: ago(one.renewed_at) })), element("small", {}, loginEnds(one))],
    last_run: [run ? timed(run.at) : t("board.never")],
    rows: [run ? number(run.rows) : "–"],
    calls: [run ? number(run.calls) : "–"],
    said: [said(one)],
  };
  return COLUMNS[view].map((column, place) => {
    const [what, look = ""] = column.split(".");
    return element(place ? "td" : "th", { className: look, ...(place ? {} : { scope: "row" }) }, ...of[what]);
  });
}

const FILTERS = {
  every: () => true,
  trouble: (one) => one.state === "trouble",
  ending: endsSoon,
  good: (one) => one.state === "good",
  paused: (one) => one.state === "paused",
};

function matching() {
  const sought = $("sought").value.trim().toLowerCase();
  const found = known.connections
    .filter(FILTERS[$("shown").value || "every"])
    .filter((one) => `${one.connection} ${one.user} ${environment(one)} ${(one.divisions || []).join(" ")}`.toLowerCase().includes(sought));
  return view === "watch" ? found.sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state)) : found;
}

function showFilters() {
  const names = Object.keys(FILTERS);
  // They stay, and only their words change: the list may be open.
  if (!$("shown").options.length) $("shown").append(...names.map((name) => element("option", { value: name })));
  for (const [place, name] of names.entries()) {
    const count = known.connections.filter(FILTERS[name]).length;
    say($("shown").options[place], `${t(`board.filters.${name}`)} (${number(count)})`);
  }
}

// The address chooses it; but a jump to the list, for those who skip what stands before it, is no choice.
function chooseView() {
  const wanted = location.hash.slice(1);
  if (wanted in COLUMNS) view = wanted;
  showList();
}

function showList() {
  const focused = document.activeElement.id;
  for (const link of document.querySelectorAll(".views a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  document.title = `${t(`board.${view}`)} – tap-exactonline`;
  $("caption").textContent = t(`board.${view}`);
  if (!known) return;
  showFilters();
  const found = matching(), total = known.connections.length;
  $("head").replaceChildren(...COLUMNS[view].map((column) => {
    const [what, look = ""] = column.split(".");
    return element("th", { scope: "col", className: look }, t(`board.${what}`));
  }));
  $("rows").replaceChildren(...found.map((one) => element("tr", {}, ...cells(one))));
  $("table").hidden = !found.length;
  $("empty").hidden = Boolean(found.length);
  $("empty").textContent = t(total ? "board.nothing_found" : "board.nothing");
  const bad = known.connections.filter(FILTERS.trouble).length;
  say($("summary"), [
    found.length === total ? t(total === 1 ? "board.one" : "board.total", { total: number(total) }) : t("board.part", { found: number(found.length), total: number(total) }),
    bad ? t("board.bad", { bad: number(bad) }) : "", known.unread ? t("board.unread", { unread: number(known.unread) }) : "",
  ].filter(Boolean).join(" "));
  const ending = view === "watch" ? known.connections.filter((one) => endsSoon(one)) : [];
  $("ending").hidden = !ending.length;
  $("ending").textContent = ending.length ? t("board.ending", { names: ending.slice(0, 10).map((one) => one.connection).join(", ") + (ending.length > 10 ? " …" : "") }) : "";
  drawn = Date.now();
  if (focused && focused !== document.activeElement.id) $(focused)?.focus({ preventScroll: true });
}

// -- one of them

function fact(name, ...value) {
  return [element("dt", {}, t(`board.${name}`)), element("dd", {}, ...value)];
}

function showFacts(one) {
  $("detail-name").textContent = one.connection;
  say($("pause"), t(one.active ? "board.pause" : "board.resume"));
  $("detail-state").replaceChildren(badge(one), said(one));
  const numbers = one.divisions && one.divisions.length > 1
    ? element("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": t("board.divisions") }, one.divisions.join(", "))
    : administrations(one);
  $("facts").replaceChildren(
    ...fact("user", one.user || t("board.no_user")),
    ...fact("environment", environment(one)),
    ...fact("divisions", numbers),
    ...fact("made", moment(one.made_at)),
    ...fact("renewed_at", moment(one.renewed_at)),
    ...fact("tested", moment(one.tested_at)),
    ...fact("login", one.login_ends_at ? `${loginEnds(one)} (${moment(one.login_ends_at)})` : loginEnds(one)),
  );
}

async function showRuns(one) {
  const told = await ask("runs", { connection: one.connection, host: one.host });
  if (open !== keyOf(one)) return;
  const rows = told.runs.map((run) => element("tr", {},
    element("td", {}, timed(run.at)), element("td", { className: "amount" }, number(run.rows)),
    element("td", { className: "amount" }, number(run.calls)),
    element("td", { lang: "en" }, element("span", { className: run.complete ? "good" : "bad" }, run.complete ? "✓ " : "✗ "), run.said)));
  $("runs").replaceChildren(...(rows.length ? rows : [element("tr", {}, element("td", { colSpan: 4 }, t("board.never")))]));
}

const opened = () => known.connections.find((one) => keyOf(one) === open);

async function showDetail() {
  const one = opened();
  if (!one) { $("detail").close(); return; }
  showFacts(one);
  try {
    await showRuns(one);
  } catch (problem) {
    if (!problem.kind) throw problem;
    tell(problem);
  }
}

// A part of the dialog that asks for more; none hides them.
function ask_more(part) {
  for (const one of ["rename-part", "remove-part"]) {
    $(one).hidden = one !== part;
    $(one.replace("-part", "")).setAttribute("aria-expanded", String(one === part));
  }
}

function show(key) {
  open = key;
  $("runs").replaceChildren();
  ask_more("");
  tell(null);
  $("facts").before($("problem")); // what stands behind a dialog can't be read
  showFacts(opened());
  $("detail").showModal();
  $("detail-name").focus();
  showDetail();
}

// Do something to the connection that is shown, and look what became of it.
function change(button, action, more, then = () => {}) {
  const { connection, host } = opened();
  attempt(button, async () => {
    await ask(action, { connection, host, ...more });
    ask_more("");
    then(host);
    await look();
  });
}

function listenToDetail() {
  for (const purpose of ["choice", "again"]) {
    $(purpose).addEventListener("click", (event) => {
      const { connection, host } = opened();
      begin_steps(event.currentTarget, purpose, { connection, host });
    });
  }
  $("pause").addEventListener("click", (event) => change(event.currentTarget, "pause", { paused: opened().active }));
  $("rename").addEventListener("click", () => {
    ask_more($("rename-part").hidden ? "rename-part" : "");
    $("new-name").value = opened().connection;
    $("new-name").focus();
  });
  $("rename-part").addEventListener("submit", (event) => {
    event.preventDefault();
    const name = $("new-name").value.trim();
    change(event.submitter, "rename", { name }, (host) => { open = `${name}@${host}`; });
  });
  $("remove").addEventListener("click", () => {
    ask_more($("remove-part").hidden ? "remove-part" : "");
    $("remove-part").querySelector(".back").focus();
  });
  $("remove-now").addEventListener("click", (event) => change(event.currentTarget, "remove", {}));
  for (const back of document.querySelectorAll(".part .back")) {
    back.addEventListener("click", () => {
      const opener = $(back.closest(".part").id.replace("-part", ""));
      ask_more("");
      opener.focus();
    });
  }
}

// Begin to make or to change a connection, on the page with the steps.
function begin_steps(button, purpose, one = {}) {
  attempt(button, async () => {
    await ask(purpose, one);
    location.assign("/connect");
  });
}

// -- looking again and again

async function look() {
  const mine = ++asked;
  const told = await ask("connections");
  if (mine < answered) return; // a later look has been answered already
  answered = mine;
  const text = JSON.stringify(told);
  const changed = text !== seen;
  known = told;
  seen = text;
  if (lookFailed) tell(null);
  if (changed || Date.now() - drawn > 60_000) {
    showList();
    if (open) await showDetail();
  }
  $("updated").textContent = t("board.updated", { time: new Date().toLocaleTimeString(language()) });
}

async function watch() {
  try {
    await look();
  } catch (problem) {
    if (!problem.kind) throw problem;
    const over = problem.kind === "gone" || problem.kind === "forbidden";
    if (over || !failed || lookFailed) tell(problem, true);
    if (over) return;
  }
  setTimeout(watch, known && known.unread ? SOON : EVERY);
}

function speak() {
  speakEverywhere();
  showList();
  if (open) showDetail();
  showProblem(failed);
}

async function begin() {
  await learn();
  listenToLanguages(speak);
  addEventListener("hashchange", chooseView);
  $("sought").addEventListener("input", showList);
  $("shown").addEventListener("change", showList);
  $("close").addEventListener("click", () => $("detail").close());
  $("detail").addEventListener("close", () => {
    const key = open;
    open = null;
    document.querySelector("main > section").before($("problem"));
    $(`open-${key}`)?.focus();
  });
  listenToDetail();
  $("new").addEventListener("click", (event) => begin_steps(event.currentTarget, "new"));
  chooseView();
  speak();
  watch();
}

begin();
