(() => {
  "use strict";
  const table = document.querySelector("table");
  const form = document.querySelector("form.search");
  const status = form.querySelector("[role=status]");
  const rows = [...table.tBodies[0].rows].map(row => ({
    row,
    words: row.cells[0].textContent.toLowerCase(),
    cells: [...row.cells].map((cell, place) => place ? Number(cell.textContent) : cell.textContent),
  }));

  const filter = () => {
    const words = form.elements.words.value.trim().toLowerCase();
    let shown = 0;
    for (const { row, words: text } of rows) {
      row.hidden = !text.includes(words);
      shown += !row.hidden;
    }
    status.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} pages`;
  };

  const order = new Intl.Collator("en", { numeric: true });
  const sort = header => {
    const opposite = { ascending: "descending", descending: "ascending" };
    const direction = opposite[header.getAttribute("aria-sort")] ?? header.dataset.sort;
    const sign = direction === "ascending" ? 1 : -1;
    const column = header.cellIndex;
    const compare = column ? (one, other) => one - other : order.compare;
    rows.sort((one, other) => sign * compare(one.cells[column], other.cells[column]));
    table.tBodies[0].append(...rows.map(({ row }) => row));
    table.querySelectorAll("th[aria-sort]").forEach(other => other.removeAttribute("aria-sort"));
    header.setAttribute("aria-sort", direction);
  };

  for (const header of table.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sort(header));
    header.append(button);
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.hidden = false;
  filter();
})();
