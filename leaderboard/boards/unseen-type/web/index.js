"use strict";
// Connects the filters of the first page with its table and plots; the state of all of them is in the address.
(() => {
  const { element, read, write, views, table, plots, compare } = tabgenbench;
  const byId = (id) => document.getElementById(id);
  let state = read();
  let view = null;

  function options(select, choices, value) {
    select.replaceChildren(...choices.map(([key, text]) => element("option", { value: key }, text)));
    select.value = choices.some(([key]) => key === value) ? value : choices[0]?.[0] ?? "";
  }

  const short = (text) => (text.length > 40 ? `${text.slice(0, 39)}…` : text);

  // Loads the view that the state names, and draws everything.
  async function show() {
    const wanted = state.d;
    const found = await views.get(wanted);
    if (wanted !== state.d) return; // another dataset was chosen while this one was loaded
    view = found;
    fillFilters();
    table.draw(view, state);
    drawPlots();
    document.body.dataset.ready = view.name;
  }

  function fillFilters() {
    const { info } = tabgenbench;
    const together = info.measures.length ? [["", "all together"]] : [];
    const datasets = info.datasets.map(({ stem, name }) => [stem, name]);
    options(byId("dataset"), [...together, ...datasets], state.d);
    const questions = view.columns.filter((column) => column.kind === "question").map(({ id, title }) => [id.slice(2), title]);
    options(byId("question"), [["", "all"], ...questions], state.q);
    const licences = [...new Set(info.generators.map((one) => one.licence))].filter((text) => text).sort();
    options(byId("licence"), [["", "any"], ...licences.map((text) => [text, short(text)])], state.l);
    if (byId("extra")) {
      const extras = [...new Set(info.generators.map((one) => one.extra))].filter((text) => text).sort();
      const without = extras.map((text) => [text, `without ${text}`]);
      options(byId("extra"), [["", "any"], ["-", "none needed"], ...without], state.e);
    }
    byId("search").value = state.s;
    byId("controls").checked = state.c === "1";
    byId("heat").checked = state.h === "1";
    const shown = new Set(table.chosen(view, state).map((column) => column.id));
    byId("columns").replaceChildren(
      ...view.columns.map((column) => {
        const box = element("input", { type: "checkbox", value: column.id });
        box.checked = shown.has(column.id);
        return element("label", { class: "check" }, box, ` ${column.title}`);
      }),
    );
    fillPlots();
  }

  function fillPlots() {
    const order = { question: 0, cost: 1, score: 2 };
    const numeric = view.columns.filter((column) => column.kind in order);
    const choices = numeric.sort((a, b) => order[a.kind] - order[b.kind]).map(({ id, title }) => [id, title]);
    const first = view.columns.find((column) => column.kind === "question" || column.kind === "score")?.id ?? "fit";
    options(byId("plot-x"), choices, state.x || "fit");
    options(byId("plot-y"), choices, state.y || first);
    const ranked = view.columns.filter((column) => view.rows.some((row) => row.cells[column.id]?.ranks));
    options(byId("rank-of"), ranked.length ? ranked.map(({ id, title }) => [id, title]) : [["", "none"]], state.r);
    const labels = view.rows.map((row) => [row.label, row.label]);
    options(byId("first"), labels, state.a);
    options(byId("second"), labels, state.b || (labels[1]?.[0] ?? ""));
  }

  function drawPlots() {
    const column = (id) => view.columns.find((one) => one.id === byId(id).value);
    plots.tradeOff(view, column("plot-x"), column("plot-y"), state.c === "1");
    plots.ranks(view, column("rank-of"));
    compare.draw(view, byId("first").value, byId("second").value);
  }

  function change(update, redraw) {
    Object.assign(state, update);
    write(state);
    redraw();
  }

  const on = (id, event, act) => byId(id).addEventListener(event, act);
  const refilter = () => {
    table.filter(state);
    drawPlots();
  };
  on("filters", "submit", (event) => event.preventDefault());
  on("search", "input", () => change({ s: byId("search").value }, () => table.filter(state)));
  on("dataset", "change", () => change({ d: byId("dataset").value, q: "", v: "", sort: "", x: "", y: "", r: "" }, show));
  on("question", "change", () => change({ q: byId("question").value, v: "" }, show));
  on("licence", "change", () => change({ l: byId("licence").value }, refilter));
  if (byId("extra")) on("extra", "change", () => change({ e: byId("extra").value }, refilter));
  on("controls", "change", () => change({ c: byId("controls").checked ? "1" : "0" }, refilter));
  on("heat", "change", () => change({ h: byId("heat").checked ? "1" : "0" }, refilter));
  on("columns", "change", () => {
    const boxes = [...byId("columns").querySelectorAll("input:checked")];
    change({ v: boxes.map((box) => box.value).join("|") }, () => table.draw(view, state));
  });
  for (const [id, name] of Object.entries({ "plot-x": "x", "plot-y": "y", "rank-of": "r", first: "a", second: "b" }))
    on(id, "change", () => change({ [name]: byId(id).value }, drawPlots));
  on("reset", "click", () => {
    history.replaceState(null, "", location.pathname + location.search);
    state = read();
    show();
  });
  on("csv", "click", () => {
    const address = URL.createObjectURL(new Blob([table.csv()], { type: "text/csv" }));
    const link = element("a", { href: address, download: `${tabgenbench.info.suite.replace(/\W+/g, "-")}.csv` });
    link.click();
    URL.revokeObjectURL(address);
  });

  const head = byId("verdict").tHead;
  head.addEventListener("click", (event) => {
    const id = event.target.closest("button")?.dataset.column;
    if (!id) return;
    explain(event);
    const sort = id === "label" ? "" : id;
    change({ sort: state.sort === sort ? `${sort}~` : sort }, () => table.sort(state));
  });
  function explain(event) {
    const id = event.target.closest?.("button")?.dataset.column;
    const column = view?.columns.find((one) => one.id === id);
    if (!id) return;
    const text = column?.help || "The generator; the link shows everything about it.";
    const link = column?.page ? element("a", { href: `web/${column.page}` }, "More") : null;
    byId("explain").replaceChildren(element("b", {}, column?.title ?? "generator"), `: ${text} `, ...(link ? [link] : []));
  }
  for (const event of ["focusin", "mouseover"]) head.addEventListener(event, explain);
  // The size of texts in plots depends on the width of the page, as in board.css.
  matchMedia("(max-width: 36rem)").addEventListener("change", () => view && drawPlots());
  window.addEventListener("hashchange", () => {
    state = read();
    show();
  });
  show();
})();
