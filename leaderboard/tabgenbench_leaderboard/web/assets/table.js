"use strict";
// The verdict table: columns, sorting within groups of rows, search, filters, and the table as CSV.
tabgenbench.table = (() => {
  const { element } = tabgenbench;
  const byId = (id) => document.getElementById(id);
  let view = null;
  let columns = [];
  let bodies = []; // {name, rows: [{row, line, text}]}

  // Draws all rows of a view; `sort` and `filter` then only move and hide them.
  function draw(found, state) {
    view = found;
    columns = chosen(view, state);
    const table = byId("verdict");
    byId("caption").textContent = `Verdict on ${view.name}`;
    const titles = columns.map((column) => heading(column));
    table.tHead.replaceChildren(element("tr", {}, element("th", { scope: "col" }, sorter("label", "generator")), ...titles));
    for (const body of [...table.tBodies]) body.remove();
    const groups = [
      ["models", (row) => !row.control && row.complete],
      ["models without all results", (row) => !row.control && !row.complete],
      ["controls", (row) => row.control],
    ];
    bodies = groups.map(([name, belongs]) => ({ name, rows: view.rows.filter(belongs).map(line) }));
    for (const body of bodies) {
      body.element = element("tbody", { class: name(body.name) }, section(body.name));
      table.append(body.element);
    }
    sort(state);
    filter(state);
  }

  const name = (text) => text.replaceAll(" ", "-");
  const section = (text) =>
    element("tr", { class: "section" }, element("th", { colspan: columns.length + 1, scope: "rowgroup" }, text));

  function chosen(found, state) {
    if (state.v) {
      const wanted = state.v.split("|");
      return found.columns.filter((column) => wanted.includes(column.id));
    }
    if (state.q)
      return found.columns.filter(
        (column) => column.id === `q:${state.q}` || column.question === state.q || !["question", "score"].includes(column.kind),
      );
    return found.columns.filter((column) => column.shown);
  }

  function heading(column) {
    const attributes = { scope: "col", class: column.grey ? "grey" : null };
    return element("th", attributes, sorter(column.id, column.title));
  }

  function sorter(id, title) {
    return element("button", { type: "button", "data-column": id, "aria-describedby": "explain" }, title);
  }

  function line(row) {
    const { page, summary, licence } = tabgenbench.info.generators[row.generator];
    const link = element("a", { href: `web/${page}` }, row.label);
    const cells = columns.map((column) => cell(row.cells[column.id], column));
    const head = element("th", { scope: "row" }, link);
    return { row, line: element("tr", {}, head, ...cells), text: `${row.label} ${summary} ${licence}`.toLowerCase(), licence };
  }

  function cell(found, column) {
    if (!found) return element("td", {}, "-");
    const attributes = { title: interval(found, column), class: column.grey ? "grey" : null };
    if (found.shade !== null && !column.grey) attributes.style = `--share: ${(found.shade * 100).toFixed(0)}%`;
    const note = found.note ? element("small", { class: "note" }, found.note) : null;
    const value = found.best ? element("b", {}, found.text) : found.text;
    return element("td", attributes, value, found.half ? element("small", {}, ` ${found.half}`) : null, note);
  }

  function interval(found, column) {
    if (found.low === null) return null;
    const format = column.format ?? ((value) => String(value));
    return `${column.kind === "cost" ? "" : "95 % interval "}${format(found.low)} to ${format(found.high)}`;
  }

  // Sorts the rows of each group; the first choice of a column puts the best value first. Missing values are last.
  function sort(state) {
    const [id, reversed] = state.sort.endsWith("~") ? [state.sort.slice(0, -1), true] : [state.sort, false];
    const column = columns.find((one) => one.id === id);
    const sign = reversed ? -1 : 1;
    const key = (row) => {
      const value = row.cells[id]?.value ?? null;
      if (value === null) return null;
      return column.better === 0 ? Math.abs(value - 1) : -column.better * value;
    };
    for (const body of bodies) {
      const found = body.rows.map((one) => ({ one, key: column ? key(one.row) : null }));
      found.sort((a, b) => {
        if ((a.key === null) !== (b.key === null)) return a.key === null ? 1 : -1;
        if (a.key !== null && a.key !== b.key) return sign * (a.key - b.key);
        return (column ? 1 : sign) * a.one.row.label.localeCompare(b.one.row.label);
      });
      body.rows = found.map(({ one }) => one);
      body.element.replaceChildren(body.element.firstChild, ...body.rows.map((one) => one.line));
    }
    for (const button of byId("verdict").tHead.querySelectorAll("button")) {
      const now = button.dataset.column === (column ? id : "label");
      const up = column && column.better === 1 ? reversed : !reversed;
      if (now) button.parentElement.setAttribute("aria-sort", up ? "ascending" : "descending");
      else button.parentElement.removeAttribute("aria-sort");
    }
  }

  function filter(state) {
    const words = state.s.toLowerCase().split(/\s+/).filter((word) => word);
    let shown = 0;
    for (const body of bodies) {
      let visible = 0;
      for (const one of body.rows) {
        const fits =
          words.every((word) => one.text.includes(word)) &&
          (!state.l || one.licence === state.l) &&
          (state.c === "1" || !one.row.control);
        one.line.hidden = !fits;
        visible += fits;
      }
      body.element.hidden = visible === 0;
      shown += visible;
    }
    byId("count").textContent = `${shown} of ${view.rows.length} generators`;
    byId("verdict").classList.toggle("shaded", state.h === "1");
  }

  function csv() {
    const head = ["generator", "group"];
    for (const column of columns) head.push(column.title, ...(ranged(column) ? ["low", "high", "note"].map((end) => `${column.title} ${end}`) : []));
    const lines = [head];
    for (const body of bodies)
      for (const one of body.rows.filter((found) => !found.line.hidden)) {
        const values = [one.row.label, body.name];
        for (const column of columns) {
          const found = one.row.cells[column.id];
          values.push(found?.value ?? "");
          if (ranged(column)) values.push(found?.low ?? "", found?.high ?? "", found?.note ?? "");
        }
        lines.push(values);
      }
    return lines.map((values) => values.map(quoted).join(",")).join("\r\n") + "\r\n";
  }

  const ranged = (column) => column.kind === "question" || column.kind === "score";
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value));

  return { draw, sort, filter, csv, chosen };
})();
