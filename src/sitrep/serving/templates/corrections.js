// What people say of sentences: one key gives the class; what was said is listed, and downloaded as training data.
sitrep.corrections = (() => {
  "use strict";
  const form = document.querySelector("form.legend");
  const main = document.querySelector("main");
  const detail = document.getElementById("detail");
  const list = document.querySelector("#corrections ol");
  const status = document.getElementById("given");
  const several = "several" in main.dataset;
  const [filing, exclusive] = ["filing", "exclusive"].map(name => main.dataset[name].split(" ").filter(Boolean).map(Number));
  const negative = main.dataset.negative ? Number(main.dataset.negative) : null;
  const looks = [...form.querySelectorAll("input[name=label]")].map(box => {
    const swatch = box.closest("label").querySelector(".swatch");
    const key = box.closest("label").querySelector("kbd")?.textContent ?? "";
    return { label: swatch.textContent, style: swatch.classList[1], letter: swatch.dataset.k, key };
  });
  const places = new Map(["letter", "key"].flatMap(kind => looks.map((look, place) => [look[kind].toLowerCase(), place])));
  places.delete("");
  // By sentence: how the model labelled it, and which row of an answer it is.
  const said = new Map();
  let rowOf = () => null, saved = true;

  const placesOf = sentence => sentence.dataset.l.split(" ").map(Number);
  const classesOf = sentence => placesOf(sentence).filter(place => place !== negative);
  const names = list => list.map(place => looks[place].label).join(" and ");

  const reach = sentence => {
    sentence.tabIndex = -1; // what no key has reached yet cannot take the focus
    sentence.focus();
  };

  const paint = (sentence, labels, spoken) => {
    sentence.dataset.l = labels.join(" ");
    sentence.dataset.k = labels.map(place => looks[place].letter).join("");
    sentence.classList.remove(...looks.map(({ style }) => style));
    sentence.classList.add(looks[labels[0]].style);
    let hidden = sentence.querySelector(".h");
    if (!hidden && spoken) {
      hidden = document.createElement("span");
      hidden.className = "h";
      hidden.dir = "ltr";
      sentence.prepend(hidden);
    }
    if (hidden) hidden.textContent = spoken;
    sentence.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const count = () => {
    const all = [...main.querySelectorAll(".s")];
    const sums = looks.map(() => 0);
    all.forEach(sentence => placesOf(sentence).forEach(place => { sums[place] += 1; }));
    const write = (name, value, at = 0) => {
      const box = form.querySelectorAll(`input[name=${name}]`)[at];
      if (box) box.closest("label").querySelector("b").textContent = value.toLocaleString("en");
    };
    sums.forEach((sum, place) => write("label", sum, place));
    write("review", main.querySelectorAll(".s.r").length);
    write("corrected", said.size);
    document.getElementById("save").disabled = document.getElementById("undo").disabled = !said.size;
    list.replaceChildren(...[...said].map(([sentence, before]) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      const now = names(placesOf(sentence)), was = names(before.labels);
      button.textContent = `${now === was ? `${now} confirmed` : `${was} → ${now}`}: ${sentence.querySelector("u").textContent}`;
      button.addEventListener("click", () => { reach(sentence); sentence.scrollIntoView({ block: "center" }); });
      item.append(button);
      return item;
    }));
  };
  const tell = words => {
    const same = [...said.keys()].filter(sentence => sentence.classList.contains("same")).length;
    status.textContent = [words, `${said.size - same} corrected, ${same} confirmed`].filter(Boolean).join("; ");
  };

  const give = (sentence, labels) => {
    if (!said.has(sentence)) {
      said.set(sentence, { labels: placesOf(sentence), spoken: sentence.querySelector(".h")?.textContent ?? "", review: sentence.classList.contains("r") });
    }
    const same = names(labels) === names(said.get(sentence).labels);
    sentence.classList.remove("r");
    sentence.classList.add("c");
    sentence.classList.toggle("same", same);
    saved = false;
    paint(sentence, labels, `${names(labels)}, ${same ? "confirmed" : "corrected"}: `);
    count();
    tell(`${same ? "confirmed as" : "corrected to"} ${names(labels)}`);
  };
  const takeBack = sentence => {
    const before = said.get(sentence);
    if (!before) return;
    said.delete(sentence);
    sentence.classList.remove("c", "same");
    sentence.classList.toggle("r", before.review);
    paint(sentence, before.labels, before.spoken);
    count();
    tell("taken back");
  };

  // With one label a sentence the class takes the place of the other; with several it comes or goes.
  const choose = (sentence, place) => {
    if (!several) return give(sentence, [place]);
    let classes = classesOf(sentence);
    if (place === negative) classes = [];
    else if (classes.includes(place)) classes = classes.filter(other => other !== place);
    else if (exclusive.includes(place)) classes = [place];
    else classes = [...classes.filter(other => !exclusive.includes(other)), place];
    classes.sort((one, other) => filing.indexOf(one) - filing.indexOf(other));
    give(sentence, classes.length || negative === null ? classes : [negative]);
  };

  main.addEventListener("keydown", event => {
    const sentence = event.target.closest(".s");
    if (!sentence || event.ctrlKey || event.altKey || event.metaKey) return;
    const place = places.get(event.key.toLowerCase());
    if (place !== undefined) choose(sentence, place);
    else if (event.key === "Enter") give(sentence, placesOf(sentence));
    else if (event.key === "Backspace" || event.key === "Delete") takeBack(sentence);
    else return;
    event.preventDefault();
  });

  // The same without a keyboard, and for screen readers that keep such keys for themselves.
  main.addEventListener("shown", event => {
    const sentence = event.target;
    const group = document.createElement("fieldset");
    group.className = "choose";
    const legend = document.createElement("legend");
    legend.textContent = "What it is for";
    group.append(legend);
    const now = placesOf(sentence);
    const button = (text, pressed, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      if (pressed !== null) made.setAttribute("aria-pressed", pressed);
      made.addEventListener("click", () => { reach(sentence); act(); });
      group.append(made);
    };
    looks.forEach(({ label }, place) => button(label, now.includes(place), () => choose(sentence, place)));
    if (said.has(sentence)) button("take back", null, () => takeBack(sentence));
    detail.append(group);
  });

  const lines = () => [...said.keys()].map(sentence => {
    const { text, article_id, position, id } = rowOf(sentence);
    const labels = placesOf(sentence).map(place => looks[place].label);
    const all = several ? { labels: classesOf(sentence).map(place => looks[place].label) } : {};
    return JSON.stringify({ text, label: labels[0], ...all, article_id, position, id }) + "\n";
  });

  document.getElementById("undo").addEventListener("click", () => {
    [...said.keys()].forEach(takeBack);
    document.getElementById("pasted").focus();
  });
  document.getElementById("save").addEventListener("click", () => {
    sitrep.save(`corrections-${sitrep.time()}.jsonl`, lines(), "application/jsonl");
    saved = true;
  });
  addEventListener("beforeunload", event => { if (!saved && said.size) event.preventDefault(); });

  return {
    // Sections came or went: what was said of sentences that are gone is gone too.
    update: () => {
      [...said.keys()].filter(sentence => !sentence.isConnected).forEach(sentence => said.delete(sentence));
      count();
      tell("");
    },
    unsaved: section => !saved && [...said.keys()].some(sentence => section.contains(sentence)),
    use: row => { rowOf = row; },
  };
})();
