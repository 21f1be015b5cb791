"use strict";
// The table that compares two generators of a view on every column.
tabgenbench.compare = (() => {
  const { element, number } = tabgenbench;

  function draw(view, first, second) {
    const table = document.getElementById("comparison");
    const rows = [first, second].map((label) => view.rows.find((row) => row.label === label));
    if (rows.some((row) => !row)) {
      table.caption.textContent = "Choose two generators.";
      table.tHead.replaceChildren();
      table.tBodies[0].replaceChildren();
      return;
    }
    const verdicts = tests(view, rows);
    table.caption.textContent = caption(view, verdicts);
    const titles = ["", ...rows.map((row) => row.label), "first minus second", ...(verdicts ? ["paired test"] : [])];
    table.tHead.replaceChildren(element("tr", {}, ...titles.map((text) => element("th", { scope: "col" }, text || "column"))));
    const lines = view.columns.map((column) => {
      const cells = rows.map((row) => row.cells[column.id]);
      const texts = cells.map((cell) => (cell ? `${cell.text} ${cell.half}`.trim() : "-"));
      const known = cells.every((cell) => cell && cell.value !== null) && column.kind !== "coverage";
      const difference = known ? cells[0].value - cells[1].value : null;
      const found = [...texts, difference === null ? "-" : text(column, difference)];
      if (verdicts) found.push(verdicts.get(column.id) ?? "-");
      return element("tr", {}, element("th", { scope: "row" }, column.title), ...found.map((one) => element("td", {}, one)));
    });
    table.tBodies[0].replaceChildren(...lines);
  }

  function text(column, difference) {
    if (column.format) return `${difference < 0 ? "-" : "+"}${column.format(Math.abs(difference))}`;
    const decimals = Math.abs(difference) >= 0.01 ? 3 : 5;
    return `${difference > 0 ? "+" : ""}${number(difference, decimals)}`;
  }

  function caption(view, verdicts) {
    const where = `Comparison on ${view.name}.`;
    if (verdicts) return `${where} The paired tests over splits are corrected for the number of pairs (Holm).`;
    if (view.index === null) return `${where} Paired tests are listed for a single dataset.`;
    return `${where} Paired tests are listed if the dataset has at most 20 models; rank intervals use all pairs.`;
  }

  // Returns the verdict on the first row by column; null if the view lists no tests.
  function tests(view, rows) {
    if (!view.pairs) return null;
    const [a, b] = rows.map((row) => view.rows.indexOf(row));
    const swapped = { better: "worse", worse: "better" };
    const ids = new Map(view.head.columns.map((column) => [column.place, `s:${column.title}`]));
    const found = new Map();
    for (const [i, j, column, verdict] of view.pairs) {
      if (i === a && j === b) found.set(ids.get(column), verdict);
      if (i === b && j === a) found.set(ids.get(column), swapped[verdict] ?? verdict);
    }
    return found;
  }

  return { draw };
})();
