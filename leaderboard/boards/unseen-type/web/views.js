"use strict";
// A view is the table of one dataset, or of all datasets together: its columns, and a cell for each row and column.
// Column: id, title, kind (question, score, cost, coverage), help, better (1: higher, -1: lower, 0: nearest to 1).
// Cell: value (for sorting and plots; null if there is none), low, high, text, half, note (second line), shade (0 to 1).
tabgenbench.views = (() => {
  const { number, duration, bytes, rank } = tabgenbench;
  const better = { higher: 1, lower: -1, one: 0 };
  const scale = () => `Mean of scaled headline scores: 1 is the ${tabgenbench.info.ceiling}, 0 that of the floor control.`;

  const coverage = (id, text) => ({ id, title: "coverage", kind: "coverage", better: 1, shown: true, help: text });
  const costs = (text) => [
    {
      id: "fit",
      title: "fit",
      kind: "cost",
      better: -1,
      shown: true,
      format: duration,
      tick: (value) => `${value < 0.01 ? value.toExponential() : value} s`, // no minutes: 1000 s is not 17 min
      help: `Time to fit, ${text}.`,
    },
    {
      id: "memory",
      title: "peak memory",
      kind: "cost",
      better: -1,
      shown: true,
      format: bytes,
      help: "Largest peak memory while fitting and sampling.",
    },
  ];
  const cost = (value, text) => ({ value, text, low: null, high: null, half: "", note: "", shade: null });
  const missing = (text) => ({ value: null, text, low: null, high: null, half: "", note: "", shade: null });
  const clip = (value) => Math.min(1, Math.max(0, value));

  function estimate(value, half, decimals) {
    const known = half !== null && half !== undefined;
    const [low, high] = known ? [value - half, value + half].map((end) => Number(end.toPrecision(5))) : [null, null];
    const text = known ? `± ${number(half, decimals)}` : "";
    return { value, low, high, text: number(value, decimals), half: text, note: "", shade: null };
  }

  function all() {
    const { info } = tabgenbench;
    const columns = info.measures.map((measure) => ({
      id: `q:${measure.title}`,
      title: measure.title,
      kind: measure.kind,
      better: measure.scaled ? 1 : -1,
      shown: true,
      help:
        (measure.kind === "question" ? scale() : `${measure.title}, scaled to its controls: 1 ceiling, 0 floor.`) +
        ` Mean over ${measure.datasets} datasets ± half of its 95 % interval over datasets. Below it: mean rank over` +
        " datasets, 1 is best.",
    }));
    const rule = info.floored ? " A missing result counts as the floor." : " A model without all results has no rank.";
    columns.push(coverage("cells", `Number of datasets with a result in every split.${rule}`));
    columns.push(...costs("mean over datasets"));
    const rows = info.generators.map((one, index) => {
      const found = one.across.filter((across) => across);
      const { covered, text, complete } = coverageOf(info, one.across);
      const cells = {
        cells: cost(covered, text),
        fit: one.fit === null ? missing("-") : cost(one.fit, duration(one.fit)),
        memory: one.memory === null ? missing("-") : cost(one.memory, bytes(one.memory)),
      };
      info.measures.forEach((measure, i) => (cells[`q:${measure.title}`] = acrossCell(measure, one.across[i])));
      return { generator: index, label: one.label, control: one.control, complete, cells };
    });
    return { index: null, name: `all ${info.datasets.length} datasets`, columns, rows, pairs: null };
  }

  // The coverage of a generator is that of the measure with the smallest share of datasets with all results.
  function coverageOf(info, across) {
    const n = info.datasets.length;
    let worst = { covered: 1, text: `${n} of ${n}`, complete: true };
    info.measures.forEach((measure, i) => {
      const [datasets, floored, complete] = across[i] ?? [0, 0, 0];
      const covered = datasets / measure.datasets;
      if (covered >= worst.covered) return;
      const floor = floored ? `, ${floored} as the floor` : "";
      worst = { covered, text: `${datasets} of ${measure.datasets} (${measure.title})${floor}`, complete: Boolean(complete) };
    });
    return worst;
  }

  function acrossCell(measure, across) {
    if (!across) return missing("-");
    const [, , , scaled, half, mean, spread, wins] = across;
    const plus = spread === null || spread === undefined ? "" : ` ± ${number(spread, 1)}`;
    const note = mean === null || mean === undefined ? "" : `rank ${number(mean, 1)}${plus} of ${measure.ranked}`;
    if (!measure.scaled && note) return { ...estimate(mean, spread, 1), note: `win rate ${number(wins, 2)}` };
    if (scaled === null || scaled === undefined) return { ...missing("-"), note };
    return { ...estimate(scaled, half, 3), note, shade: clip(scaled), ranks: note ? [mean, mean - spread, mean + spread] : null };
  }

  function one(index, data) {
    const { info } = tabgenbench;
    const { head } = data;
    const columns = head.questions.map((question) => ({
      id: `q:${question.question}`,
      title: question.question,
      kind: "question",
      better: 1,
      shown: true,
      question: question.question,
      help: `${scale()} Scores: ${question.titles.join(", ")}. Below it: the rank interval among the models.`,
    }));
    let first = head.questions.length ? 0 : 6; // without questions, some headline scores are shown
    for (const column of head.columns) {
      const unit = column.unit ? ` [${column.unit}]` : "";
      const arrow = { higher: " ↑", lower: " ↓", one: " best at 1" }[column.direction];
      columns.push({
        id: `s:${column.title}`,
        title: column.title + unit + arrow,
        kind: "score",
        better: better[column.direction],
        shown: Boolean(column.headline) && first-- > 0,
        decimals: column.decimals,
        question: column.question,
        page: column.page,
        grey: column.calibration === "uncalibrated",
        help: [
          column.text ?? "",
          column.blind ? `Blind to: ${column.blind}.` : "",
          column.ranked ? "" : "Not ranked.",
          column.calibration ? `Calibration on this dataset: ${column.calibration}.` : "",
        ]
          .filter((text) => text)
          .join(" "),
      });
    }
    columns.push(coverage("cells", "Number of successful cells; a cell is one training on one split with one seed."));
    columns.push(...costs("mean over cells"));
    const ranges = head.columns.map((column) => range(data.rows, column));
    const rows = data.rows.map(([generator, label, complete, cells, fit, memory, questions, scores]) => {
      const found = {
        cells: cost(cells[0], `${cells[0]} of ${cells[1]}`),
        fit: fit === null ? missing("-") : { ...cost(fit[0], duration(fit[0])), low: fit[1], high: fit[2] },
        memory: memory === null ? missing("-") : cost(memory, bytes(memory)),
      };
      head.questions.forEach((question, i) => (found[`q:${question.question}`] = asked(question, questions[i], head)));
      head.columns.forEach((column, i) => (found[`s:${column.title}`] = scored(column, scores[column.place], ranges[i])));
      const { control } = info.generators[generator];
      return { generator, label, control, complete: Boolean(complete), cells: found };
    });
    return { index, name: info.datasets[index].name, columns, rows, pairs: head.pairs, head };
  }

  function asked(question, value, head) {
    if (typeof value === "string") return { ...missing("-"), note: value };
    const [mean, half, n, from, to, best, ties] = value;
    const found = estimate(mean, half, 3);
    if (n < head.splits) found.half += ` (n=${n})`;
    const ranked = from !== null && from !== undefined;
    found.note = ranked ? `rank ${rank(from, to, question.ranked)}${ties ? ` ${ties}` : ""}` : "";
    return { ...found, best: Boolean(best), ranks: ranked ? [null, from, to] : null, shade: clip(mean) };
  }

  function scored(column, value, [low, high]) {
    if (typeof value === "string") return missing(value === "not asked" ? "-" : value);
    const [mean, half, , first, last, best, scaled] = value;
    const found = estimate(mean, half, column.decimals);
    const ranked = first !== null && first !== undefined;
    found.note = ranked ? `rank ${rank(first, last, column.ranked)}` : "";
    const share = high > low ? (badness(column, mean) - low) / (high - low) : 0.5;
    found.shade = scaled === null || scaled === undefined ? 1 - share : clip(scaled);
    return { ...found, best: Boolean(best), ranks: ranked ? [null, first, last] : null };
  }

  const badness = (column, value) =>
    column.direction === "one" ? Math.abs(value - 1) : column.direction === "lower" ? value : -value;

  // The best and the worst badness of a column.
  function range(rows, column) {
    const ends = [Infinity, -Infinity];
    for (const row of rows) {
      const value = row[7][column.place];
      if (typeof value === "string") continue;
      ends[0] = Math.min(ends[0], badness(column, value[0]));
      ends[1] = Math.max(ends[1], badness(column, value[0]));
    }
    return ends;
  }

  return {
    // Returns a promise of the view of a dataset, given by the stem of its files; "" is the first view of the board.
    get(stem) {
      const { datasets, measures } = tabgenbench.info;
      const index = datasets.findIndex((dataset) => dataset.stem === stem);
      if (index < 0 && measures.length) return Promise.resolve(all());
      const place = Math.max(0, index);
      return tabgenbench.load(place).then((data) => one(place, data));
    },
  };
})();
