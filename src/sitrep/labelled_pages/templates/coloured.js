(() => {
  "use strict";
  const form = document.querySelector("form.legend");
  const main = document.querySelector("main");
  const detail = document.getElementById("detail");
  const status = form.querySelector("[role=status]");
  const boxes = [...form.querySelectorAll("input[name=label]")];
  const names = boxes.map(box => box.closest("label").querySelector(".swatch").textContent);
  const labelsOf = sentence => sentence.dataset.l.split(" ").map(Number);
  const marks = { review: "r", corrected: "c" };
  let sentences = [], shown = null, stop = null, held = false;

  const add = (parent, tag, text = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    parent.append(made);
    return made;
  };

  // The same figures as in the title, which would come up beside them.
  const show = sentence => {
    if (shown === sentence) return;
    shown?.classList.remove("on");
    shown = sentence;
    sentence.removeAttribute("title");
    sentence.classList.add("on");
    detail.replaceChildren();
    // What describes a sentence has no name of its own, which would be read out in place of the figures.
    const figures = add(detail, "div");
    figures.id = "figures";
    const labels = labelsOf(sentence);
    const said = labels.map(place => names[place]).join(" and ");
    add(figures, "p", said + (sentence.classList.contains("r") ? ", to review" : ""));
    if (sentence.dataset.n) add(figures, "p", sentence.dataset.n);
    const table = add(add(figures, "table"), "tbody");
    sentence.dataset.p.split(" ").forEach((value, place) => {
      const row = add(table, "tr");
      row.className = labels.includes(place) ? "chosen" : "";
      add(row, "th", names[place]).scope = "row";
      const meter = add(add(row, "td"), "meter");
      meter.value = Number(value);
      meter.setAttribute("aria-hidden", "true");
      add(row, "td", value);
    });
    sentence.dispatchEvent(new Event("shown", { bubbles: true }));
  };

  const hide = () => {
    shown?.classList.remove("on");
    shown = null;
    held = false;
    detail.replaceChildren();
  };

  // The text is one stop of the Tab key: the sentence that was reached last, or the first that is not filtered out.
  const setStop = sentence => {
    if (stop) stop.tabIndex = -1;
    stop = sentence ?? null;
    if (stop) stop.tabIndex = 0;
  };
  const go = (from, step) => {
    let place = from;
    while (sentences[place]?.classList.contains("off")) place += step;
    if (!sentences[place]) return;
    setStop(sentences[place]);
    stop.focus();
    // The figures lie over the lower end of a narrow screen.
    stop.scrollIntoView({ block: "nearest" });
  };

  const filter = () => {
    const wanted = new Set(boxes.filter(box => box.checked).map(box => Number(box.value)));
    const only = Object.keys(marks).filter(name => form.elements[name]?.checked).map(name => marks[name]);
    let fitting = 0;
    for (const sentence of sentences) {
      const fits = only.every(mark => sentence.classList.contains(mark)) && labelsOf(sentence).some(place => wanted.has(place));
      sentence.classList.toggle("off", !fits);
      fitting += fits;
    }
    if (shown?.classList.contains("off")) hide();
    main.classList.toggle("hiding", form.elements.hide.checked);
    if (!stop || stop.classList.contains("off")) setStop(sentences.find(sentence => !sentence.classList.contains("off")));
    status.textContent = `${fitting.toLocaleString("en")} of ${sentences.length.toLocaleString("en")} sentences match`;
  };

  // Sections and labels may change later. Whoever changes them sends the event `change`, to a sentence if it has other
  // labels; which of them fit the filter is worked out anew when sections change, so that none vanishes under the hand.
  const collect = () => {
    sentences = [...main.querySelectorAll(".s")];
    if (!stop?.isConnected) stop = null;
    const last = shown?.isConnected ? shown : null, kept = held;
    hide();
    filter();
    if (!last || last.classList.contains("off")) return;
    show(last);
    held = kept;
  };

  // The figures of a sentence that has the focus stay while the pointer goes to them over others.
  main.addEventListener("pointerover", event => {
    const sentence = event.target.closest(".s");
    if (sentence && !held) show(sentence);
  });
  main.addEventListener("click", event => {
    const sentence = event.target.closest(".s");
    if (!sentence || !getSelection().isCollapsed) return;
    setStop(sentence);
    sentence.focus();
  });
  main.addEventListener("focusin", event => {
    const sentence = event.target.closest(".s");
    if (!sentence) return;
    setStop(sentence);
    show(sentence);
    held = true;
    sentence.setAttribute("aria-describedby", "figures");
  });
  main.addEventListener("focusout", event => {
    event.target.removeAttribute("aria-describedby");
    held = detail.contains(event.relatedTarget);
  });
  main.addEventListener("change", event => {
    if (event.target === main) collect();
    else if (event.target === shown) { shown = null; show(event.target); }
  });
  main.addEventListener("keydown", event => {
    const place = sentences.indexOf(event.target);
    if (place < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const ways = {
      ArrowRight: [place + 1, 1], ArrowDown: [place + 1, 1], ArrowLeft: [place - 1, -1], ArrowUp: [place - 1, -1],
      Home: [0, 1], End: [sentences.length - 1, -1],
    };
    if (!ways[event.key]) return;
    event.preventDefault();
    go(...ways[event.key]);
  });
  addEventListener("keydown", event => { if (event.key === "Escape") hide(); });

  form.addEventListener("input", filter);
  form.addEventListener("submit", event => event.preventDefault());
  form.reset();
  document.querySelectorAll(".scripted, form.legend input").forEach(element => { element.hidden = false; });
  collect();
})();
