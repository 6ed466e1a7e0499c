"use strict";

const $ = (id) => document.getElementById(id);

function tell(problem) {
  for (const message of $("problem").children) message.hidden = message.id !== problem;
  $("problem").hidden = !problem;
  $("code").setAttribute("aria-invalid", String(Boolean(problem)));
  $("code").focus();
}

$("form-enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  tell("");
  let answer, value;
  try {
    answer = await fetch("/api/open", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ code: $("code").value }),
    });
    value = await answer.json();
  } catch {
    tell("gone");
    return;
  }
  if (!answer.ok) {
    tell(value.error.kind === "used" ? "used" : "wrong");
    return;
  }
  // It stays in this tab and on this port; a cookie would go to every port of this computer.
  sessionStorage.setItem("token", value.token);
  location.replace("/");
});
