"use strict";

const STEPS = ["app", "login", "divisions", "test", "settings"];
const POLL = 2000; // ms between looks at whether a tunnel has brought the redirect
const AT_ONCE = 4; // administrations that are tested side by side

let known = null; // what the program last told
let step = "app";
let lastProblem = null;
let tests = new Map(); // administration -> result

// What a person corrects in the first step.
const FIELDS = {
  AppRefused: "client_secret",
  "SettingsError.client_id": "client_id", "SettingsError.client_secret": "client_secret",
  "SettingsError.redirect_uri": "redirect_uri", "SettingsError.country": "country",
  "SettingsError.connection": "connection", NameTaken: "connection",
};

function tell(problem) {
  if (problem && step === "login" && FIELDS[problem.kind]) go("app", false);
  lastProblem = problem;
  for (const field of document.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  showProblem(problem);
  if (!problem) return;
  const field = $(FIELDS[problem.kind] || (step === "login" ? "pasted" : ""));
  if (field) { field.setAttribute("aria-invalid", "true"); field.focus(); }
}

// -- showing

function speak() {
  speakEverywhere();
  $("secret-hint").textContent = t(known && known.has_secret ? "app.secret_known" : "app.secret_new");
  say($("heading"), onBoard() ? t(`web.${known.purpose}`, { name: known.connection }) : t("heading"));
  document.title = `${$("heading").textContent} – tap-exactonline`;
  say($("app-title"), t(onBoard() ? "web.app" : "app.title"));
  say($("settings-title"), t(onBoard() ? "web.save" : "settings.title"));
  say($("settings-lead"), t(onBoard() ? "web.save_lead" : "settings.lead"));
  say($("finish"), t(onBoard() ? "web.save_now" : "settings.finish"));
  showProgress();
  if (known) { showCountries(); showDivisions(); showTests(); }
  if (step === "settings") attempt(null, fillSettings);
  tell(lastProblem);
}

const onBoard = () => Boolean(known && known.board);
// Whoever chooses administrations of a login that is there begins with them.
const steps = () => (onBoard() && known.purpose === "choice" ? STEPS.slice(2) : STEPS);

function showProgress() {
  const at = step === "end" ? STEPS.length : steps().indexOf(step);
  $("progress").replaceChildren(...steps().map((name, place) => {
    const item = element("li", {}, t(onBoard() && name === "settings" ? "web.save" : `steps.${name}`));
    if (place < at) { item.className = "past"; item.append(element("span", { className: "hidden" }, ` (${t("done_step")})`)); }
    if (place === at) item.setAttribute("aria-current", "step");
    return item;
  }));
}

function go(to, focus = true) {
  step = to;
  tell(null);
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== `step-${to}`;
  showProgress();
  if (focus) { document.querySelector(`#step-${to} h2`).focus(); window.scrollTo(0, 0); }
}

const COUNTRIES = {
  en: { nl: "Netherlands", be: "Belgium", de: "Germany", fr: "France", es: "Spain", uk: "United Kingdom", us: "United States" },
  nl: { nl: "Nederland", be: "België", de: "Duitsland", fr: "Frankrijk", es: "Spanje", uk: "Verenigd Koninkrijk", us: "Verenigde Staten" },
};

function showCountries() {
  const chosen = $("country").value || known.country;
  $("country").replaceChildren(...known.countries.map((code) => element("option", { value: code }, COUNTRIES[language()][code] || code)));
  $("country").value = chosen;
}

function showApp() {
  $("field-country").hidden = known.own_address;
  $("own-address").hidden = !known.own_address;
  $("api-url").textContent = known.api_url;
  $("to-board").hidden = $("saving").hidden = !known.board;
  $("field-connection").hidden = !known.board;
  for (const part of document.querySelectorAll(".new-app")) part.hidden = Boolean(known.fixed_app);
  $("connection").value ||= known.connection || "";
  $("connection").readOnly = known.purpose === "again";
  $("country").disabled = Boolean(known.fixed_country);
  $("client_id").readOnly = Boolean(known.fixed_app);
  $("active").checked = known.active !== false;
  $("client_id").value ||= known.client_id;
  $("redirect_uri").value ||= known.redirect_uri;
  $("scopes").replaceChildren(...known.scopes.map((name) => element("li", {}, name)));
  showCountries();
}

const state = (one) => one.status === 1 && one.blocked ? t("divisions.blocked") : t(`divisions.states.${one.status}`) || String(one.status);
const ticked = () => known.divisions.filter((one) => chosen.has(one.division));
let chosen = new Set();

function showDivisions() {
  $("who").textContent = known.user ? t("divisions.who", { user: known.user }) : t("divisions.who_unknown");
  const some = document.querySelector("[name=scope]:checked").value === "some";
  const sought = $("filter").value.trim().toLowerCase();
  $("filter-part").hidden = known.divisions.length <= 12;
  $("tools").hidden = !some;
  $("count").textContent = t("divisions.count", { chosen: number(ticked().length), total: number(known.divisions.length) });
  $("divisions").replaceChildren(...known.divisions
    .filter((one) => `${one.division} ${one.hid || ""} ${one.name}`.toLowerCase().includes(sought))
    .map((one) => {
      const box = element("input", {
        type: "checkbox", id: `division-${one.division}`, disabled: !some || !one.open,
        checked: some ? chosen.has(one.division) : one.open, "aria-label": `${one.division} ${one.name}`,
      });
      box.addEventListener("change", () => {
        if (box.checked) chosen.add(one.division); else chosen.delete(one.division);
        $("count").textContent = t("divisions.count", { chosen: number(ticked().length), total: number(known.divisions.length) });
      });
      return element("tr", { className: one.open ? "" : "closed" },
        element("td", {}, box), element("td", { className: "number" }, String(one.division)),
        element("td", {}, element("label", { htmlFor: box.id }, one.name)),
        element("td", { className: "wide" }, one.country || ""), element("td", {}, state(one)));
    }));
}

function showTests() {
  const wanted = wantedDivisions();
  $("tests").replaceChildren(...wanted.map((one) => {
    const found = tests.get(one.division);
    const cell = element("td");
    if (!found) cell.append(t("test.waiting"));
    else if (found.works) cell.append(element("span", { className: "good" }, "✓ "), found.calls_left == null ? t("test.works") : t("test.works_left", { left: number(found.calls_left) }));
    else cell.append(element("span", { className: "bad" }, `✗ ${t("test.fails")}`), element("small", {}, (translated(found.kind) || [found.why]).join(" ")));
    return element("tr", {}, element("td", { className: "number" }, String(one.division)), element("td", {}, one.name), cell);
  }));
  const total = wanted.length, done = wanted.filter((one) => tests.has(one.division)).length;
  const bad = wanted.filter((one) => tests.has(one.division) && !tests.get(one.division).works).length;
  if (!total) return;
  $("test-summary").textContent = done < total ? t("test.running", { done: number(done), total: number(total) })
    : bad ? t("test.some_bad", { bad: number(bad), total: number(total) })
    : total === 1 ? t("test.one_good") : t("test.all_good", { total: number(total) });
}

const wantedDivisions = () => known.divisions.filter((one) => one.open && (known.chosen === null || known.chosen.includes(one.division)));

async function runTests() {
  const wanted = wantedDivisions().map((one) => one.division);
  const queue = [...wanted];
  tests = new Map();
  showTests();
  const worker = async () => {
    while (queue.length && step === "test") {
      const division = queue.shift();
      try {
        tests.set(division, await ask("test", { division }));
      } catch (problem) {
        tests.set(division, { works: false, kind: problem.kind, why: problem.what });
        if (problem.kind === "gone") { tell(problem); return; }
      }
      showTests();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

async function fillSettings() {
  const found = await ask("settings", { language: language() });
  $("environment").textContent = found.environment;
  $("meltano").textContent = found.meltano;
  $("store").textContent = known.store;
}

async function showSettings() {
  await fillSettings();
  go("settings");
}

async function showSameUser() {
  const others = (await ask("others", {})).same_user;
  $("same-user").hidden = !others.length;
  $("same-user").textContent = t("web.same_user", { names: others.join(", ") });
}

function enterDivisions() {
  $("same-user").hidden = true;
  if (onBoard()) showSameUser();
  chosen = new Set((known.chosen || known.divisions.filter((one) => one.open).map((one) => one.division)));
  document.querySelector(`[name=scope][value=${known.chosen ? "some" : "all"}]`).checked = true;
  showDivisions();
  go("divisions");
}

async function poll() {
  if (step === "login" && !document.querySelector("#form-code button:disabled")) {
    try {
      const now = await ask("overview");
      if (step === "login" && now.logged_in) { known = now; enterDivisions(); }
    } catch (problem) {
      if (step === "login") tell(problem);
      if (problem.kind === "gone") return;
    }
  }
  setTimeout(poll, POLL);
}

// -- what a person does

function listen() {
  listenToLanguages(speak);
  for (const button of document.querySelectorAll(".back")) button.addEventListener("click", () => go(button.dataset.to));
  $("form-app").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.target));
    attempt(event.submitter, async () => {
      known = await ask("app", form);
      $("client_secret").value = "";
      $("secret-hint").textContent = t("app.secret_known");
      $("to-exact").href = known.address;
      $("pasted").value = "";
      go("login");
    });
  });
  $("form-code").addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(event.submitter, async () => {
      known = await ask("code", { pasted: $("pasted").value });
      $("pasted").value = "";
      enterDivisions();
    });
  });
  $("pasted").addEventListener("keydown", (event) => {
    const finish = document.querySelector("#form-code .primary");
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault(); // an address has no second line
    if (!finish.disabled) $("form-code").requestSubmit(finish);
  });
  for (const radio of document.querySelectorAll("[name=scope]")) radio.addEventListener("change", showDivisions);
  $("filter").addEventListener("input", showDivisions);
  for (const [id, on] of [["tick-all", true], ["tick-none", false]]) {
    $(id).addEventListener("click", () => {
      for (const box of $("divisions").querySelectorAll("input:enabled")) {
        if (box.checked !== on) { box.checked = on; box.dispatchEvent(new Event("change")); }
      }
    });
  }
  $("form-divisions").addEventListener("submit", (event) => {
    event.preventDefault();
    const all = document.querySelector("[name=scope]:checked").value === "all";
    attempt(event.submitter, async () => {
      known = await ask("choose", { divisions: all ? null : ticked().map((one) => one.division) });
      go("test");
      runTests();
    });
  });
  $("to-settings").addEventListener("click", (event) => attempt(event.currentTarget, showSettings));
  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const block = $(button.dataset.copy);
      try {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = t("settings.copied");
        $("copied").textContent = t("settings.copied");
        setTimeout(() => { button.textContent = t("settings.copy"); $("copied").textContent = ""; }, 2000);
      } catch {
        getSelection().selectAllChildren(block);
      }
    });
  }
  $("finish").addEventListener("click", (event) => attempt(event.currentTarget, async () => {
    if (!onBoard()) {
      await ask("finish", {});
      go("end");
      return;
    }
    await ask("save", { active: $("active").checked });
    location.assign("/");
  }));
}

async function begin() {
  await learn();
  listen();
  try {
    known = await ask("overview");
  } catch (problem) {
    lastProblem = problem;
    speak();
    return;
  }
  if (known.board && !known.purpose) { location.replace("/"); return; }
  showApp();
  speak();
  if (known.logged_in) enterDivisions(); else go("app", false);
  poll();
}

begin();
