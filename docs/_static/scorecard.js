// The scorecard of the home page: filter its rows by text and by word, sort them by any column.
// Without this script the whole table is there, in the order of the claims.
"use strict";

const table = document.getElementById("scorecard");
if (table) {
  const form = document.getElementById("scorecard-filters");
  const count = document.getElementById("scorecard-count");
  const body = table.tBodies[0];
  const rows = [...body.rows];

  const filter = () => {
    const text = form.elements.text.value.trim().toLowerCase();
    const words = [...form.querySelectorAll("select")].filter((choice) => choice.value);
    for (const row of rows) {
      const fits = words.every((choice) => row.dataset[choice.name] === choice.value);
      row.hidden = !(fits && row.textContent.toLowerCase().includes(text));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${rows.length} rows`;
  };

  // numbers by size, before words; empty cells last in either direction
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = parseFloat(text.replace(/^[<>] /, "").replace(/,/g, "").replace("∞", "1e999"));
    return [text, Number.isNaN(number) ? null : number === 1e999 ? Infinity : number];
  };
  const order = (a, b) => {
    if (a[1] !== null && b[1] !== null) return a[1] - b[1] || a[0].localeCompare(b[0]);
    if (a[1] !== null || b[1] !== null) return a[1] === null ? 1 : -1;
    return a[0].localeCompare(b[0]);
  };
  const sort = (heading) => {
    const column = heading.cellIndex;
    const down = heading.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row) => [row, value(row, column)]);
    keyed.sort(([, a], [, b]) => {
      if (!a[0] || !b[0]) return (a[0] ? 0 : 1) - (b[0] ? 0 : 1);
      return down ? order(b, a) : order(a, b);
    });
    body.append(...keyed.map(([row]) => row));
  };

  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  form.hidden = false;
  filter();
}
