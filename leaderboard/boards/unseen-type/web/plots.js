"use strict";
// The plots of a view: a trade-off of two columns with its Pareto front, and ranks with their intervals.
tabgenbench.plots = (() => {
  const { element, drawing } = tabgenbench;
  const WIDTH = 680;
  const HEIGHT = 420;
  const BOX = { left: 64, right: 24, top: 16, bottom: 48 };

  // Returns a function from a value to a position, and the values to label; costs have a logarithmic scale.
  function axis(values, column, from, to) {
    const log = column.kind === "cost" && Math.min(...values) > 0;
    const turn = log ? Math.log10 : (value) => value;
    let [low, high] = [Math.min(...values), Math.max(...values)].map(turn);
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    [low, high] = [low - room, high + room];
    const place = (value) => from + ((turn(value) - low) / (high - low)) * (to - from);
    return { place, ticks: log ? powers(low, high) : steps(low, high) };
  }

  function steps(low, high) {
    const size = 10 ** Math.floor(Math.log10((high - low) / 4));
    const step = [1, 2, 5, 10].map((factor) => factor * size).find((found) => (high - low) / found <= 6);
    const found = [];
    for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(Number((i * step).toPrecision(6)));
    return found;
  }

  function powers(low, high) {
    const factors = high - low > 4 ? [1] : high - low > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
    const found = [];
    for (let power = Math.floor(low); power <= high; power++)
      for (const factor of factors) {
        const value = Number((factor * 10 ** power).toPrecision(3));
        if (Math.log10(value) >= low && Math.log10(value) <= high) found.push(value);
      }
    return found;
  }

  const merit = (column, value) => (column.better === 0 ? -Math.abs(value - 1) : column.better * value);

  // The points that no other point equals or exceeds on both axes while it exceeds one of them.
  function front(points, x, y) {
    const beats = (a, b) => {
      const gain = [merit(x, a.x) - merit(x, b.x), merit(y, a.y) - merit(y, b.y)];
      return Math.min(...gain) >= 0 && Math.max(...gain) > 0;
    };
    return points.filter((point) => !points.some((other) => beats(other, point)));
  }

  const label = (column, value) => (column.format ? column.format(value) : String(value));
  const tick = (column, value) => (column.tick ? column.tick(value) : label(column, value));
  const scaleNote = (column) => (column.kind === "cost" ? `${column.title} (logarithmic)` : column.title);

  function tradeOff(view, x, y, withControls) {
    const figure = document.getElementById("plot");
    const rows = view.rows.filter((row) => withControls || !row.control);
    const points = rows
      .map((row) => ({ row, x: row.cells[x.id]?.value ?? null, y: row.cells[y.id]?.value ?? null }))
      .filter((point) => point.x !== null && point.y !== null);
    if (!points.length) {
      figure.replaceChildren(element("p", {}, "No generator has both values."));
      return;
    }
    const across = axis(points.map((point) => point.x), x, BOX.left, WIDTH - BOX.right);
    const up = axis(points.map((point) => point.y), y, HEIGHT - BOX.bottom, BOX.top);
    const best = front(points.filter((point) => !point.row.control), x, y).sort((a, b) => a.x - b.x);
    const path = best.map((point) => `${across.place(point.x)},${up.place(point.y)}`).join(" ");
    const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "group", "aria-label": `${y.title} against ${x.title}` });
    svg.append(...frame(across, up, x, y), drawing("polyline", { points: path, class: "front" }));
    for (const point of points) {
      Object.assign(point, { left: across.place(point.x), top: up.place(point.y) });
      point.link = dot(point, x, y, best.includes(point));
      svg.append(point.link);
    }
    const names = best.map((point) => point.row.label).join("; ");
    const text = `Dots are models, squares are controls. Dashed: the Pareto front, models that no other model exceeds on both axes: ${names || "none"}.`;
    figure.replaceChildren(svg, element("figcaption", {}, text));
    nameDots(points);
  }

  function frame(across, up, x, y) {
    const found = [];
    for (const value of across.ticks) {
      const at = across.place(value);
      found.push(drawing("line", { x1: at, x2: at, y1: BOX.top, y2: HEIGHT - BOX.bottom, class: "grid" }));
      found.push(drawing("text", { x: at, y: HEIGHT - BOX.bottom + 16, "text-anchor": "middle" }, tick(x, value)));
    }
    for (const value of up.ticks) {
      const at = up.place(value);
      found.push(drawing("line", { x1: BOX.left, x2: WIDTH - BOX.right, y1: at, y2: at, class: "grid" }));
      found.push(drawing("text", { x: BOX.left - 6, y: at + 4, "text-anchor": "end" }, tick(y, value)));
    }
    const middle = (BOX.top + HEIGHT - BOX.bottom) / 2;
    found.push(drawing("text", { x: (BOX.left + WIDTH - BOX.right) / 2, y: HEIGHT - 10, "text-anchor": "middle", class: "axis" }, scaleNote(x)));
    found.push(drawing("text", { transform: `translate(14 ${middle}) rotate(-90)`, "text-anchor": "middle", class: "axis" }, scaleNote(y)));
    return found;
  }

  function dot(point, x, y, isBest) {
    const { left, top } = point;
    const text = `${point.row.label}: ${x.title} ${label(x, point.x)}, ${y.title} ${label(y, point.y)}`;
    const { page } = tabgenbench.info.generators[point.row.generator];
    const mark = point.row.control
      ? drawing("rect", { x: left - 4, y: top - 4, width: 8, height: 8, class: "control" })
      : drawing("circle", { cx: left, cy: top, r: isBest ? 6 : 5, class: isBest ? "model best" : "model" });
    return drawing("a", { href: `web/${page}`, "aria-label": text }, drawing("title", {}, text), mark);
  }

  // Positions of a name: beside the dot, then further away in all directions, joined to the dot by a line.
  const PLACES = [
    [9, 4, "start"],
    [-9, 4, "end"],
    [0, -9, "middle"],
    [0, 18, "middle"],
    ...[20, 34, 48, 64, 82].flatMap((far) => [
      [far, 4 - far, "start"],
      [-far, 4 - far, "end"],
      [far, 4 + far, "start"],
      [-far, 4 + far, "end"],
      [0, -far, "middle"],
      [0, 8 + far, "middle"],
    ]),
  ];

  // Writes the name of each dot at the first position where the name covers no dot and no other name.
  function nameDots(points) {
    const taken = points.map(({ left, top }) => ({ x: left - 7, y: top - 7, width: 14, height: 14 }));
    const covers = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
    for (const { row, left, top, link } of points) {
      const text = drawing("text", {}, row.label);
      link.append(text);
      const place = PLACES.find(([across, down, anchor], i) => {
        text.setAttribute("x", left + across);
        text.setAttribute("y", top + down);
        text.setAttribute("text-anchor", anchor);
        const box = text.getBBox();
        const inside = box.x >= BOX.left && box.x + box.width <= WIDTH && box.y >= 0 && box.y + box.height <= HEIGHT - BOX.bottom;
        if (!inside || taken.some((one) => covers(one, box))) return false;
        taken.push(box);
        if (i > 3) {
          const [x, y] = [Math.min(Math.max(left, box.x), box.x + box.width), down < 0 ? box.y + box.height - 2 : box.y + 2];
          link.prepend(drawing("line", { x1: left, y1: top, x2: x, y2: y, class: "leader" }));
        }
        return true;
      });
      if (!place) text.remove();
    }
  }

  // Draws a bar from the first to the last possible rank of each model, or its mean rank with its interval.
  function ranks(view, column) {
    const figure = document.getElementById("rank-plot");
    const found = view.rows.filter((row) => !row.control && row.cells[column?.id]?.ranks);
    if (!found.length) {
      const text = "No ranks: they need two models with values in five splits, or a model with all results on all datasets.";
      figure.replaceChildren(element("p", {}, text));
      return;
    }
    const ends = ({ cells }) => {
      const [mean, first, last] = cells[column.id].ranks;
      // An interval of a mean rank may exceed the possible ranks, which a rank interval of the tests never does.
      return { mean, first: Math.max(1, first ?? mean), last: view.index === null ? Math.min(found.length, last ?? mean) : last };
    };
    found.sort((a, b) => ends(a).first + ends(a).last - ends(b).first - ends(b).last || a.label.localeCompare(b.label));
    const shown = found.slice(0, 100);
    const most = Math.max(shown.length, ...shown.map((row) => ends(row).last));
    const height = 34 + shown.length * 22;
    const place = (rank) => 210 + ((rank - 0.5) / most) * (WIDTH - 226);
    const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `Ranks on ${column.title}; the table above has the same numbers` });
    const step = Math.ceil(most / 12);
    for (let rank = 1; rank <= most; rank += step) {
      svg.append(drawing("line", { x1: place(rank), x2: place(rank), y1: 20, y2: height - 6, class: "grid" }));
      svg.append(drawing("text", { x: place(rank), y: 14, "text-anchor": "middle" }, String(rank)));
    }
    const names = [];
    shown.forEach((row, i) => {
      const { mean, first, last } = ends(row);
      const y = 38 + i * 22;
      const [from, to] = [first, last].map(place);
      const name = drawing("text", { x: 198, y: y + 4, "text-anchor": "end" }, row.label);
      names.push(name);
      svg.append(name);
      svg.append(drawing("rect", { x: from - 4, y: y - 4, width: to - from + 8, height: 8, rx: 4, class: "bar" }, drawing("title", {}, `${row.label}: ${row.cells[column.id].note}`)));
      if (mean !== null) svg.append(drawing("circle", { cx: place(mean), cy: y, r: 5, class: "model best" }));
    });
    const more = found.length > shown.length ? ` The first ${shown.length} of ${found.length} models.` : "";
    const text = view.index === null ? "Dot: mean rank over datasets; bar: its 95 % interval over datasets, cut at the first and last rank." : "Bar: the ranks that the paired tests leave open.";
    figure.replaceChildren(svg, element("figcaption", {}, `1 is best. ${text}${more}`));
    names.forEach(shorten);
  }

  // Cuts the end of a text that begins left of the figure.
  function shorten(text) {
    for (let length = text.textContent.length - 1; length > 0 && text.getBBox().x < 0; length--)
      text.textContent = `${text.textContent.slice(0, length)}…`;
  }

  return { tradeOff, ranks, front };
})();
