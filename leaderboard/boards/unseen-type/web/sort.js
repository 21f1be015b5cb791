// Sorts a table by a column, within each group of rows; a table with an id has its own script.
for (const table of document.querySelectorAll("table:not([id])")) {
  table.querySelectorAll("thead th").forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort by this column";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "descending";
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent.trim();
      const order = (a, b) => {
        const [x, y] = [a, b].map((row) => parseFloat(text(row).replace(/[<,]/g, "")));
        if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
        const difference = Number.isNaN(x) ? text(a).localeCompare(text(b)) : x - y;
        return up ? difference : -difference;
      };
      for (const body of table.tBodies) {
        const rows = [...body.rows].filter((row) => !row.classList.contains("section"));
        body.append(...rows.sort(order));
      }
    });
  });
}
