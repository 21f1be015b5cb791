"use strict";
// The verdict table: columns, sorting within groups of rows, search, filters, and the table as CSV.
tabgenbench.table = (() => {
  const { element, number } = tabgenbench;
  const byId = (id) => document.getElementById(id);
  const MOST_CELLS = 1200;
  const FEWEST_ROWS = 25;
  let view = null;
  let columns = [];
  let bodies = []; // groups of rows: {name, rows, element, all: whether every row is shown}

  // Draws the head of a view and its rows.
  function draw(found, state) {
    view = found;
    columns = chosen(view, state);
    const table = byId("verdict");
    byId("caption").textContent = `Verdict on ${view.name}`;
    const first = element("th", { scope: "col" }, sorter("label", "generator"));
    table.tHead.replaceChildren(element("tr", {}, first, ...columns.map(heading)));
    for (const body of [...table.tBodies]) body.remove();
    const groups = [
      ["models", (row) => !row.control && row.complete],
      ["models without all results", (row) => !row.control && !row.complete],
      ["controls", (row) => row.control],
    ];
    bodies = groups.map(([title, belongs]) => {
      const body = { name: title, all: false, rows: view.rows.filter(belongs).map(searchable) };
      body.element = element("tbody", { class: name(title) }, section(title));
      return body;
    });
    table.append(...bodies.map((body) => body.element));
    sort(state);
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

  function searchable(row) {
    const { summary, licence, extra } = tabgenbench.info.generators[row.generator];
    return { row, licence, extra, text: `${row.label} ${summary} ${licence}`.toLowerCase(), line: null };
  }

  // Returns the line of a row, which is created when it is first shown.
  function lineOf(one) {
    if (!one.line) {
      const { page } = tabgenbench.info.generators[one.row.generator];
      const link = element("a", { href: `web/${page}` }, one.row.label);
      const cells = columns.map((column) => cell(one.row.cells[column.id], column));
      one.line = element("tr", {}, element("th", { scope: "row" }, link), ...cells);
    }
    return one.line;
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
    const format = column.format ?? ((value) => number(value, column.decimals ?? 3));
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
    }
    for (const button of byId("verdict").tHead.querySelectorAll("button")) {
      const now = button.dataset.column === (column ? id : "label");
      const up = column && column.better === 1 ? reversed : !reversed;
      if (now) button.parentElement.setAttribute("aria-sort", up ? "ascending" : "descending");
      else button.parentElement.removeAttribute("aria-sort");
    }
    filter(state);
  }

  // Shows the rows that fit the filters: as many as a browser sorts without delay, and all of them on demand.
  function filter(state) {
    const words = state.s.toLowerCase().split(/\s+/).filter((word) => word);
    const most = Math.max(FEWEST_ROWS, Math.floor(MOST_CELLS / (columns.length + 1)));
    let shown = 0;
    for (const body of bodies) {
      body.fitting = body.rows.filter(
        (one) =>
          words.every((word) => one.text.includes(word)) &&
          (!state.l || one.licence === state.l) &&
          (!state.e || (state.e === "-" ? !one.extra : one.extra !== state.e)) &&
          (state.c === "1" || !one.row.control),
      );
      const lines = body.fitting.slice(0, body.all ? undefined : most).map(lineOf);
      const left = body.fitting.length - lines.length;
      body.element.replaceChildren(body.element.firstChild, ...lines, ...(left ? [more(body, left, state)] : []));
      body.element.hidden = body.fitting.length === 0;
      shown += body.fitting.length;
    }
    byId("count").textContent = `${shown} of ${view.rows.length} generators`;
    byId("verdict").classList.toggle("shaded", state.h === "1");
  }

  function more(body, left, state) {
    const button = element("button", { type: "button" }, `Show ${left} more`);
    button.addEventListener("click", () => {
      body.all = true;
      filter(state);
    });
    return element("tr", { class: "more" }, element("td", { colspan: columns.length + 1 }, button));
  }

  function csv() {
    const head = ["generator", "group"];
    for (const column of columns) {
      head.push(column.title);
      if (ranged(column)) head.push(...["low", "high", "note"].map((end) => `${column.title} ${end}`));
    }
    const lines = [head];
    for (const body of bodies)
      for (const one of body.fitting) {
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
