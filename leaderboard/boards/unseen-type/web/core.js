"use strict";
// Data and state of a web board. Names and texts come from plugins and datasets, so they enter a page only as text
// nodes and attributes, never as HTML.
const tabgenbench = (() => {
  const loaded = new Map(); // index of a dataset -> its data, with a promise
  const site = {
    info: null,
    board(info) {
      site.info = info;
    },
    // Called by each data file of a dataset; only the first file has a head.
    dataset(index, head, rows) {
      const found = loaded.get(index);
      if (head) found.data = { head, rows: [] };
      found.data.rows.push(...rows);
    },
    load(index) {
      if (!loaded.has(index)) {
        const entry = { data: null };
        loaded.set(index, entry);
        entry.promise = site.info.datasets[index].files
          .reduce((before, file) => before.then(() => script(`web/${file}`)), Promise.resolve())
          .then(() => entry.data);
      }
      return loaded.get(index).promise;
    },
  };

  function script(path) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = path;
      element.onload = resolve;
      element.onerror = () => reject(new Error(`cannot load ${path}`));
      document.head.append(element);
    });
  }

  // The state is in the address, so a link reproduces the view; what has its default value is left out.
  const defaults = { d: "", s: "", q: "", l: "", e: "", sort: "", c: "1", h: "1", v: "", x: "", y: "", r: "", a: "", b: "" };
  site.read = () => {
    const found = new URLSearchParams(location.hash.slice(1));
    return Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, found.get(name) ?? value]));
  };
  site.write = (state) => {
    const changed = Object.entries(state).filter(([name, value]) => value !== defaults[name]);
    const text = new URLSearchParams(changed).toString();
    history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  };

  // Creates an element; children are elements or texts.
  site.element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  site.drawing = (name, attributes = {}, ...children) =>
    fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  site.number = (value, decimals) => {
    if (Math.abs(value) >= 1e6) return value.toExponential(2);
    const text = value.toFixed(decimals);
    return Number(text) === 0 ? text.replace("-", "") : text;
  };
  site.duration = (s) => {
    if (s < 0.01) return "<0.01 s";
    if (s < 9.95) return `${s.toFixed(s < 0.995 ? 2 : 1)} s`;
    if (s < 999.5) return `${s.toFixed(0)} s`;
    return s < 5400 ? `${(s / 60).toFixed(0)} min` : `${(s / 3600).toFixed(1)} h`;
  };
  site.bytes = (size) => {
    const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let power = 0;
    while (power < 4 && Math.round(size) >= 1024) [size, power] = [size / 1024, power + 1];
    return `${size.toFixed(power >= 3 ? 1 : 0)} ${units[power]}`;
  };
  site.rank = (first, last, models) => `${first === last ? first : `${first}-${last}`} of ${models}`;
  return site;
})();
