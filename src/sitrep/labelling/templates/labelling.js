// One unit at a time, labelled by the keyboard; what was said is kept in the browser at each key, and saved as a file.
(() => {
  "use strict";
  const at = id => document.getElementById(id);
  const data = JSON.parse(at("data").textContent);
  const { units, labels, keys } = data;
  const alone = new Set(data.alone), exclusive = new Set(data.exclusive);
  const places = new Map(units.map((unit, place) => [unit.id, place]));
  const buttons = [...document.querySelectorAll("#labels button")];
  const REMIND = 20;
  const nothing = { label: null, further: [], unsure: false, comment: "" };
  let said = new Map(), coder = data.coder, place = 0, unsaved = 0, past = [], storage = true;

  const tell = words => { at("status").textContent = words; };
  const speak = words => { at("spoken").textContent = words; };
  const complain = words => {
    const item = document.createElement("li");
    item.textContent = words;
    at("problems").append(item);
  };
  const whole = text => text.toWellFormed?.() ?? text; // half a character cannot stand in a file
  const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
  const of = id => said.get(id) ?? nothing;
  const here = () => of(units[place].id);
  const classesOf = ({ label, further }) => label === null || alone.has(label) ? [] : [label, ...further];

  // What is kept: under the sample's hash and the coder's name, so that pages and coders do not mix.
  const kept = () => `sitrep labels ${data.sample} ${coder}`;
  const last = `sitrep coder ${data.sample}`;
  const store = (name, value) => {
    try {
      localStorage.setItem(name, value);
      return true;
    } catch { return false; }
  };
  const fetched = name => {
    try { return localStorage.getItem(name); } catch { return null; }
  };
  const keep = () => {
    const wrote = store(kept(), JSON.stringify({ said: [...said], place, unsaved }));
    if (!wrote && storage) complain(`This browser keeps nothing of this page: save the file (s) every ${REMIND} labels, and before you close it.`);
    storage = wrote;
  };
  const recall = () => {
    let found = {};
    try { found = JSON.parse(fetched(kept())) ?? {}; } catch { complain("What was kept here cannot be read; open a file that you saved (o)."); }
    said = new Map((found.said ?? []).filter(([id]) => places.has(id)));
    unsaved = found.unsaved ?? 0;
    past = [];
    place = Math.min(found.place ?? 0, units.length - 1);
  };

  const lines = (parent, texts) => parent.replaceChildren(...texts.map(text => {
    const line = document.createElement("p");
    line.dir = "auto";
    line.textContent = text;
    return line;
  }));
  const figures = () => {
    const given = [...said.values()];
    const done = given.filter(one => one.label !== null).length;
    const unsure = given.filter(one => one.unsure).length;
    at("progress").value = done;
    at("counts").textContent = `${done.toLocaleString("en")} of ${units.length.toLocaleString("en")} labelled, ${unsure} unsure`;
    buttons.forEach((button, number) => {
      button.querySelector("b").textContent = given.filter(one => one.label === labels[number]).length;
    });
    at("kept").textContent = unsaved
      ? `${count(unsaved, "change")} not yet in a saved file${storage ? "; kept in this browser" : ""}`
      : "";
  };
  const marks = () => {
    const now = here();
    buttons.forEach((button, number) => {
      button.setAttribute("aria-pressed", now.label === labels[number]);
      button.querySelector("i").hidden = !now.further.includes(labels[number]);
    });
    at("marks").replaceChildren();
    if (now.unsure) at("marks").append(Object.assign(document.createElement("b"), { textContent: "unsure" }));
    if (now.comment) at("marks").append(Object.assign(document.createElement("bdi"), { textContent: now.comment }));
    at("doubt").setAttribute("aria-pressed", now.unsure);
  };
  const inWords = one => [
    one.label === null ? "no label yet" : one.label,
    one.further.length ? `also ${one.further.join(", ")}` : "",
    one.unsure ? "unsure" : "",
    one.comment ? `comment: ${one.comment}` : "",
  ].filter(Boolean).join("; ");
  const draw = () => { marks(); figures(); };
  const show = before => {
    const unit = units[place];
    at("place").textContent = `Unit ${(place + 1).toLocaleString("en")} of ${units.length.toLocaleString("en")}`;
    at("text").textContent = unit.text;
    lines(at("before"), unit.before);
    lines(at("after"), unit.after);
    at("guess").hidden = unit.guess === undefined;
    at("guess").textContent = unit.guess === undefined ? "" : `The model says: ${unit.guess}`;
    at("commenting").hidden = true;
    at("unit").focus({ preventScroll: true });
    at("text").scrollIntoView({ block: "nearest" });
    draw();
    speak([before, at("place").textContent, here().label === null ? "" : inWords(here()), unit.text].filter(Boolean).join(". "));
  };
  const go = (where, words = "") => {
    place = Math.max(0, Math.min(units.length - 1, where));
    tell(words);
    show(words);
    keep();
  };

  // Changes of units, all of one step together: the step is what undo takes back.
  const change = changes => {
    past.push({ place, before: changes.map(([id]) => [id, said.get(id)]) });
    changes.forEach(([id, now]) => said.set(id, now));
    unsaved += changes.length;
    keep();
  };
  const alter = (fields, words) => {
    change([[units[place].id, { ...here(), ...fields }]]);
    tell(words);
    speak(words);
    draw();
  };
  const undo = () => {
    const step = past.pop();
    if (!step) return tell("nothing to undo");
    step.before.forEach(([id, before]) => before ? said.set(id, before) : said.delete(id));
    unsaved += 1;
    go(step.place, "undone");
  };

  const gapFrom = start => {
    for (let step = 0; step < units.length; step += 1) {
      const where = (start + step) % units.length;
      if (of(units[where].id).label === null) return where;
    }
    return null;
  };
  const onwards = words => {
    const gap = gapFrom(place + 1);
    if (gap !== null) return go(gap, words);
    go(place + 1, `${words}; all ${units.length.toLocaleString("en")} are labelled: save the file (s)`);
  };
  const give = number => {
    const label = labels[number], now = here();
    const single = alone.has(label) || exclusive.has(label);
    const further = single ? [] : now.further.filter(other => other !== label);
    change([[units[place].id, { ...now, label, further }]]);
    const lost = single && now.further.length ? ` alone; ${now.further.join(", ")} left out` : "";
    const added = further.length ? ` and ${further.join(", ")}` : "";
    onwards(`${label}${lost}${added}`);
    if (!storage && unsaved % REMIND === 0) complain(`${count(unsaved, "change")} since the file was saved: press s.`);
  };
  const add = number => {
    const label = labels[number], now = here();
    const single = [label, now.label].find(one => alone.has(one) || exclusive.has(one));
    if (label === now.label) return tell(`${label} is its label already`);
    if (single) return tell(`${single} goes with no other class; give another label first`);
    const without = now.further.filter(other => other !== label);
    const taken = without.length < now.further.length;
    const further = taken ? without : labels.filter(one => one === label || without.includes(one));
    alter({ further }, taken ? `${label} taken off` : `also ${label}${now.label === null ? "; now the label itself" : ""}`);
  };
  const doubt = () => alter({ unsure: !here().unsure }, here().unsure ? "no longer unsure" : "unsure");

  const comment = at("comment");
  let commented = null;
  const remark = () => {
    commented = here();
    at("commenting").hidden = false;
    comment.value = commented.comment;
    comment.focus();
  };
  const endRemark = keptIt => {
    if (at("commenting").hidden || !commented) return;
    const before = commented, text = whole(comment.value);
    commented = null;
    at("commenting").hidden = true;
    const id = units[place].id;
    if (before === nothing) said.delete(id);
    else said.set(id, before);
    if (keptIt && text !== before.comment) alter({ comment: text }, text ? "comment kept" : "comment taken off");
    else { keep(); draw(); }
    at("unit").focus({ preventScroll: true });
  };
  // Kept while it is written; it becomes a step of its own when it ends.
  comment.addEventListener("input", () => { said.set(units[place].id, { ...here(), comment: whole(comment.value) }); keep(); });
  comment.addEventListener("blur", () => endRemark(true));
  comment.addEventListener("keydown", event => {
    event.stopPropagation();
    if (event.isComposing || event.shiftKey || !["Enter", "Escape"].includes(event.key)) return;
    event.preventDefault();
    endRemark(event.key === "Enter");
  });

  const save = () => {
    const rows = units.filter(unit => said.has(unit.id)).map(unit => {
      const now = of(unit.id);
      const { label, unsure } = now;
      return JSON.stringify({ id: unit.id, text_hash: unit.hash, label, labels: classesOf(now), further: now.further, coder, unsure, comment: now.comment }) + "\n";
    });
    if (!rows.length) return tell("nothing to save yet");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(rows, { type: "application/jsonl" }));
    link.download = `labels-${coder.replace(/[^\p{L}\p{N}.+=-]+/gu, "_")}.jsonl`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    unsaved = 0;
    keep();
    figures();
    at("problems").replaceChildren();
    const words = `${link.download}: ${count(rows.length, "row")}`;
    tell(words);
    speak(words);
  };

  const rowsOf = text => text.split("\n").filter(line => line.trim()).map((line, number) => {
    const wrong = what => new Error(`line ${number + 1}: ${what}`);
    let row;
    try { row = JSON.parse(line); } catch { throw wrong("is not JSON"); }
    if (!places.has(row?.id) || units[places.get(row.id)].hash !== row.text_hash) throw wrong("is of another sample");
    if (row.coder !== coder) throw wrong(`is of the coder ${row.coder}, not of ${coder}`);
    if (row.label !== null && !labels.includes(row.label)) throw wrong(`there is no label ${row.label} here`);
    const further = labels.filter(label => (row.further ?? row.labels ?? []).includes(label) && label !== row.label);
    return [row.id, { label: row.label, further, unsure: row.unsure === true, comment: String(row.comment ?? "") }];
  });
  const open = async file => {
    at("problems").replaceChildren();
    try {
      const rows = rowsOf(await file.text());
      change(rows);
      go(gapFrom(0) ?? 0, `${file.name}: ${count(rows.length, "row")} opened`);
    } catch (error) { complain(`${file.name}: ${error.message}; nothing of it was taken`); }
  };
  at("file").addEventListener("change", () => {
    const [file] = at("file").files;
    if (file) open(file);
    at("file").value = "";
  });
  const hints = () => {
    if (!at("hints")) return;
    const hidden = document.body.classList.toggle("unhinted");
    at("hints").setAttribute("aria-pressed", !hidden);
  };

  const commands = {
    u: undo, "?": doubt, c: remark, k: () => go(place - 1), j: () => go(place + 1), s: save, h: hints,
    ArrowLeft: () => go(place - 1), ArrowRight: () => go(place + 1), o: () => at("file").click(),
    g: () => { const gap = gapFrom(place + 1); gap === null ? tell("all are labelled") : go(gap); },
  };
  // The key in its place: with Shift a digit is another sign, and some keyboards have digits with Shift alone.
  const labelOf = event => {
    const digit = /^Digit\d$/.test(event.code) ? event.code.at(-1) : event.key.toLowerCase();
    if (digit === "0") return data.alone.length ? labels.indexOf(data.alone[0]) : -1;
    return digit.length === 1 ? keys.indexOf(digit) : -1;
  };
  document.addEventListener("keydown", event => {
    if (at("work").hidden || event.isComposing || event.ctrlKey || event.metaKey || event.target.matches("input, textarea")) return;
    const command = commands[event.key] ?? commands[event.key.toLowerCase()];
    const number = command || event.altKey ? -1 : labelOf(event);
    if (number < 0 && !command || event.altKey && event.key !== "?") return;
    event.preventDefault();
    if (event.repeat && !event.key.startsWith("Arrow")) return; // a key held down labels one unit
    if (command) command();
    else if (event.shiftKey) add(number);
    else give(number);
  });
  buttons.forEach((button, number) => button.addEventListener("click", event => (event.shiftKey ? add : give)(number)));
  for (const [id, key] of Object.entries({ undo: "u", doubt: "?", remark: "c", back: "k", next: "j", gap: "g", hints: "h", save: "s", open: "o" })) {
    at(id)?.addEventListener("click", () => commands[key]());
  }

  const begin = name => {
    coder = name;
    at("start").hidden = true;
    at("work").hidden = false;
    at("problems").replaceChildren();
    at("coder").textContent = coder;
    storage = true;
    recall();
    store(last, coder);
    const gap = gapFrom(place);
    go(gap ?? place, said.size ? `went on where you were: ${count(said.size, "unit")} kept` : "");
  };
  const ask = () => {
    at("work").hidden = true;
    at("start").hidden = false;
    at("name").value = "";
    at("name").focus();
  };
  at("start").addEventListener("submit", event => {
    event.preventDefault();
    const name = whole(at("name").value).trim();
    if (name) begin(name);
  });
  at("other").addEventListener("click", ask);
  at("other").hidden = data.coder !== "";
  // The same page in another window: what was said there counts here too.
  addEventListener("storage", event => {
    if (event.key !== kept() || at("work").hidden) return;
    const was = place;
    recall();
    place = was;
    show("");
    tell("changed in another window");
  });
  addEventListener("beforeunload", event => { if (unsaved) event.preventDefault(); });
  if (matchMedia("(max-width: 60rem)").matches) hints();
  const known = data.coder || fetched(last);
  if (known) begin(known);
  else ask();
})();
