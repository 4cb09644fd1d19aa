// Comfort only: every page works without this file.

const root = document.documentElement;

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

for (const button of document.querySelectorAll("[data-theme-button]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // Kept for this page only.
    }
  });
}

// A filter applies as soon as it is chosen; its button stays for keyboards and for browsers without scripts.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-autosubmit] select")) event.target.form.requestSubmit();
});

// "/" jumps to the page's search field, Escape closes an open sheet.
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, select, textarea")) {
    const field = document.querySelector("input[type=search]");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
  if (event.key === "Escape") {
    for (const sheet of document.querySelectorAll("details.confirm[open]")) {
      sheet.open = false;
      sheet.querySelector("summary").focus();
    }
  }
});

document.addEventListener("click", async (event) => {
  for (const sheet of document.querySelectorAll("details.confirm[open]")) {
    if (!sheet.contains(event.target)) sheet.open = false;
  }
  const button = event.target.closest("[data-copy]");
  if (button) {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    const word = button.querySelector(".word");
    const before = word.textContent;
    word.textContent = "Copied";
    setTimeout(() => (word.textContent = before), 1500);
  }
});

function offerCopies(part) {
  for (const button of part.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
}
offerCopies(document);
document.addEventListener("htmx:load", (event) => offerCopies(event.detail.elt));

// The log: stay at the end while the reader is there, poll slowly in a hidden tab, go on after a lost connection.
const log = document.querySelector(".log");
if (log) {
  const isAtEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  let follows = true;
  log.scrollTop = log.scrollHeight;
  log.addEventListener("scroll", () => (follows = isAtEnd()));
  document.body.addEventListener("htmx:afterSettle", () => {
    if (follows) log.scrollTop = log.scrollHeight;
  });
}

document.body.addEventListener("htmx:confirm", (event) => {
  if (document.hidden && event.target.matches(".poller")) {
    event.preventDefault();
    setTimeout(() => event.detail.issueRequest(true), 4000);
  }
});

for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.body.addEventListener(name, (event) => {
    const poller = event.target.closest(".poller");
    if (!poller) return;
    poller.classList.add("lost");
    poller.textContent = "The server does not answer. Trying again every 3 seconds…";
    setTimeout(() => htmx.trigger(poller, "again"), 3000);
  });
}
