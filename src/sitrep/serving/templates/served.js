// Pages go to the server and come back as sections of the coloured page.
(() => {
  "use strict";
  const main = document.querySelector("main");
  const pasted = document.getElementById("pasted");
  const files = document.getElementById("files");
  const problems = document.getElementById("problems");
  const progress = document.getElementById("progress");
  const results = document.getElementById("results");
  const html = /^\ufeff?\s*(?:<!--[^]{0,2000}?-->\s*)*<(?:!doctype\s+html|\?xml|(?:html|head|body|title|meta|link|script|style|div|p|article|main|section|header|nav|table|ul|ol|h[1-6]|center|font|frameset)[\s/>])/i;
  // By section: what was sent for it, and the answer.
  const pages = new Map();
  let waiting = Promise.resolve(), number = 0;

  const complain = words => {
    const item = document.createElement("li");
    item.textContent = words;
    problems.append(item);
  };
  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

  sitrep.save = (name, parts, type) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(parts, { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  sitrep.corrections.use(sentence => {
    const section = sentence.closest("section");
    return pages.get(section).answer.sentences[[...section.querySelectorAll(".s")].indexOf(sentence)];
  });

  // Outside HTTPS and the own machine a browser has no clipboard to write to, but for this old way.
  const copy = async text => {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    if (!done) throw new Error("the browser does not let this page copy; download it");
  };

  const json = page => JSON.stringify(page.answer, null, 1) + "\n";
  const forms = {
    JSON: { ending: "json", type: "application/json", of: async page => json(page) },
    CSV: { ending: "csv", type: "text/csv", of: page => again(page, "text/csv") },
    HTML: { ending: "html", type: "text/html", of: page => again(page, "text/html") },
  };
  const again = async (page, accept) => (await sitrep.ask(page.address, accept, page.body, say)).text();
  const say = words => { progress.textContent = words; };

  const attempt = async (what, act) => {
    problems.replaceChildren();
    try { say(await act() ?? ""); } catch (error) { say(""); complain(`${what}: ${error.message}`); }
  };

  const tools = section => {
    const page = pages.get(section);
    const bar = document.createElement("div");
    bar.className = "row";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", `Page ${page.name}`);
    const word = text => bar.append(Object.assign(document.createElement("span"), { className: "soft", textContent: text }));
    const button = (text, name, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.setAttribute("aria-label", name);
      made.addEventListener("click", () => attempt(page.name, act));
      bar.append(made);
    };
    word("Copy");
    for (const kind of ["JSON", "CSV"]) {
      button(kind, `Copy ${kind}`, async () => { await copy(await forms[kind].of(page)); return `${kind} copied`; });
    }
    word("Download");
    for (const [kind, { ending, type, of }] of Object.entries(forms)) {
      button(kind, `Download ${kind}`, async () => {
        sitrep.save(`${page.name.replace(/[^\p{L}\p{N}.+=-]+/gu, "_")}.${ending}`, [await of(page)], type);
      });
    }
    button("Remove", "Remove", async () => {
      if (sitrep.corrections.unsaved(section) && !confirm("What you said of this page was not downloaded. Remove it?")) return;
      pages.delete(section);
      section.remove();
      results.hidden = !pages.size;
      main.dispatchEvent(new Event("change"));
      sitrep.corrections.update();
      pasted.focus();
      return `${page.name} removed`;
    });
    return bar;
  };

  const label = async ({ name, body }, place, total) => {
    say(total > 1 ? `labelling ${place} of ${total}: ${name}` : `labelling ${name} …`);
    const address = `pages?${new URLSearchParams({ article_id: name })}`;
    const { coloured, ...answer } = await (await sitrep.ask(`${address}&coloured=true`, "application/json", body, say)).json();
    // Parsed in a document of its own, where nothing runs.
    const section = document.adoptNode(new DOMParser().parseFromString(coloured, "text/html").querySelector("section"));
    pages.set(section, { name, address, body, answer });
    section.querySelector("h2 + p").after(tools(section));
    main.append(section);
    return section;
  };

  const labelAll = async wanted => {
    let first = null, sentences = 0, review = 0, decided = false;
    for (const [place, page] of wanted.entries()) {
      try {
        const section = await label(page, place + 1, wanted.length);
        first ??= section;
        const { answer } = pages.get(section);
        sentences += answer.sentences.length;
        review += answer.review ?? 0;
        decided ||= answer.sentences.some(({ decision }) => decision);
      } catch (error) { complain(`${page.name}: ${error.message}`); }
    }
    if (!first) { say(""); return; }
    results.hidden = false;
    pasted.rows = 2;
    main.dispatchEvent(new Event("change"));
    sitrep.corrections.update();
    say(plural(sentences, "sentence") + (decided ? `, ${review.toLocaleString("en")} to review` : ""));
    const heading = first.querySelector("h2");
    heading.tabIndex = -1;
    heading.focus();
  };
  // One page after the other: a person waits for the first, and a server has others to answer.
  const take = wanted => {
    problems.replaceChildren();
    waiting = waiting.then(() => labelAll(wanted));
  };

  const textOf = text => {
    const name = `pasted-${sitrep.time()}-${number += 1}`;
    const content = JSON.stringify({ [html.test(text) ? "html" : "text"]: text, article_id: name });
    return { name, body: { type: "application/json", content } };
  };
  const kindOf = file => {
    if (/\.x?html?$/i.test(file.name) || /html/.test(file.type)) return "text/html";
    return /\.(?:txt|text|md)$/i.test(file.name) || file.type === "text/plain" ? "text/plain" : null;
  };
  const takeFiles = list => {
    const wanted = [], left = [];
    const taken = new Set([...pages.values()].map(page => page.name));
    for (const file of list) {
      const type = kindOf(file);
      if (!type || !file.size) {
        left.push(`${file.name}: ${type ? "is empty" : "is neither text nor HTML"}`);
        continue;
      }
      let name = file.name;
      for (let copies = 2; taken.has(name); copies += 1) name = `${file.name}-${copies}`;
      taken.add(name);
      wanted.push({ name, body: { type, content: file } });
    }
    take(wanted);
    left.forEach(complain);
  };

  const takePasted = event => {
    event.preventDefault();
    if (pasted.value.trim()) take([textOf(pasted.value)]);
    else { problems.replaceChildren(); complain("paste the text or HTML of a page first"); pasted.focus(); }
  };
  document.getElementById("input").addEventListener("submit", takePasted);
  pasted.addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) takePasted(event);
  });
  files.addEventListener("change", () => {
    takeFiles([...files.files]);
    files.value = "";
  });

  const dropping = on => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", event => { event.preventDefault(); dropping(true); });
  addEventListener("dragleave", event => { if (!event.relatedTarget) dropping(false); });
  addEventListener("drop", event => {
    event.preventDefault();
    dropping(false);
    const text = event.dataTransfer.getData("text/plain");
    if (event.dataTransfer.files.length) takeFiles([...event.dataTransfer.files]);
    else if (text.trim()) take([textOf(text)]);
  });

  // Says nothing of its progress: a page that is labelled meanwhile has the word.
  const describe = async () => {
    const info = await (await sitrep.ask("info", "application/json", null, () => {})).json();
    document.getElementById("checkpoint").textContent = `Answered by ${info.checkpoint.name}.`
      + (info.checkpoint_changed ? " Its folder holds another one by now, which answers when the server is started again." : "");
  };
  describe().catch(error => complain(error.message));
})();
