"use strict";

// What the pages share. Each of them has a function `tell` of its own.

let texts = {};

const $ = (id) => document.getElementById(id);
const language = () => document.documentElement.lang;
const t = (path, values = {}) => {
  let text = path.split(".").reduce((place, name) => (place || {})[name], texts[language()]);
  for (const [name, value] of Object.entries(values)) text = String(text).replaceAll(`{${name}}`, value);
  return text ?? "";
};
const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key in made) made[key] = value; else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};
const number = (value) => value.toLocaleString(language());

// A screen reader hears it again whenever it is written.
function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

// -- talking to the program

async function ask(action, body) {
  let answer, value;
  try {
    const headers = { "X-Login-Token": sessionStorage.getItem("token") || "" };
    answer = await fetch(`/api/${action}`, body === undefined ? { headers } : {
      method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    value = await answer.json();
  } catch {
    throw { kind: "gone", what: texts.en.problems.gone[0], remedy: texts.en.problems.gone[1] };
  }
  if (!answer.ok) throw value.error;
  return value;
}

async function attempt(button, work) {
  tell(null);
  const label = button && button.textContent;
  if (button) { button.disabled = true; button.textContent = t("busy"); }
  try {
    await work();
  } catch (problem) {
    if (!problem.kind) throw problem;
    tell(problem);
  } finally {
    if (button) {
      button.disabled = false;
      if (button.textContent === t("busy")) button.textContent = label; // else it says something else by now
    }
  }
}

const translated = (kind) => {
  const own = texts[language()].problems || {};
  return own[kind] || own[String(kind).split(".")[0]];
};

function showProblem(problem) {
  $("problem").hidden = !problem;
  if (!problem) return;
  const own = translated(problem.kind);
  $("problem").querySelector(".what").textContent = own ? own[0] : problem.what;
  $("problem").querySelector(".remedy").textContent = own ? own[1] : problem.remedy;
  $("problem").scrollIntoView({ block: "nearest" });
}

function speakEverywhere() {
  for (const place of document.querySelectorAll("[data-t]")) place.textContent = t(place.dataset.t);
  for (const place of document.querySelectorAll("[data-label]")) place.setAttribute("aria-label", t(place.dataset.label));
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language()));
  }
}

function listenToLanguages(speak) {
  for (const button of document.querySelectorAll("[data-language]")) {
    button.addEventListener("click", () => {
      document.documentElement.lang = button.dataset.language;
      sessionStorage.setItem("language", language());
      speak();
    });
  }
}

async function learn() {
  texts = await (await fetch("/texts.json")).json();
  const chosen = sessionStorage.getItem("language");
  if (chosen in texts) document.documentElement.lang = chosen;
}
